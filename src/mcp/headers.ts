/**
 * The request headers that say again what the body says: checked against it, and brought into line when the body was changed.
 * Pure functions on Node's `rawHeaders`. Headers are never a basis for a decision; they are checked because servers and routers read them.
 */
import { decodeMirrored, encodeMirrored, fields, headerValue, hyphenated, type RawHeaders } from "./header-fields.ts";
import { ABSENT } from "./json.ts";
import type { Message } from "./message.ts";
import { mirroredNames } from "./methods.ts";
import type { Failure } from "../errors.ts";
import type { Era } from "../transaction.ts";

const PARAM = "mcp-param-";

/** Fields of which two would be read differently by different readers; besides all that start with `mcp-`. */
const SINGLE: ReadonlySet<string> = new Set([
  "authorization",
  "content-encoding",
  "content-length",
  "content-type",
  "host",
  "last-event-id",
  "origin",
  "transfer-encoding",
  "x-api-key",
]);

/**
 * ERR_HEADER for a request whose fields do not have one meaning:
 * - two of a field that must be single;
 * - such a field with an underscore in its name (`Mcp_Name`): CGI-like servers read it as the one with a hyphen;
 * - such a field named by Connection, which would take it away on the next hop;
 * - a body in a content coding: what was judged must be what the server reads.
 */
export function headerFault(rawHeaders: RawHeaders): Failure | undefined {
  const seen = new Set<string>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = rawHeaders[i + 1] as string;
    const meant = hyphenated(name);
    if (isSingle(meant)) {
      if (meant !== name) return { code: "ERR_HEADER", detail: `${meant} spelled with an underscore` };
      if (seen.has(name)) return { code: "ERR_HEADER", detail: `more than one ${isKnown(name) ? name : "Mcp-* header of a name"}` };
      seen.add(name);
    }
    if (name === "content-encoding" && value.toLowerCase() !== "identity") return { code: "ERR_HEADER", detail: "content-encoding" };
    if (name === "connection" && value.split(",").some((option) => isSingle(hyphenated(option.trim().toLowerCase())))) {
      return { code: "ERR_HEADER", detail: "connection names an end-to-end header" };
    }
  }
  return undefined;
}

/**
 * ERR_HEADER_MISMATCH when a mirrored header differs from the body, is malformed, or is missing where 2026-07-28 asks for it: a modern
 * request has MCP-Protocol-Version (whose value `standingOf` compares) and Mcp-Method, and Mcp-Name when its method mirrors a name.
 * Headers that are there are checked in both eras and on every kind of message.
 */
export function mirroredFault(rawHeaders: RawHeaders, message: Message, era: Era): Failure | undefined {
  const modernRequest = era === "modern" && message.kind === "request";
  const { names, required } = mirroredNames(message);
  if (modernRequest && headerValue(rawHeaders, "mcp-protocol-version") === undefined) return mismatch("MCP-Protocol-Version is missing");
  const method = headerValue(rawHeaders, "mcp-method");
  if (method === undefined && modernRequest) return mismatch("Mcp-Method is missing");
  if (method !== undefined && decodeMirrored(method) !== (message.method ?? null)) return mismatch("Mcp-Method differs from the body");
  const name = headerValue(rawHeaders, "mcp-name");
  if (name === undefined) return modernRequest && required ? mismatch("Mcp-Name is missing") : undefined;
  const text = decodeMirrored(name);
  return text === undefined || !names.includes(text) ? mismatch("Mcp-Name differs from the body") : undefined;
}

/** The headers with Mcp-Method and Mcp-Name saying what the final message says; a header that is not there is not added. */
export function rewriteMirrored(headers: RawHeaders, message: Message): string[] {
  const { names } = mirroredNames(message);
  const final: Record<string, string | undefined> = { "mcp-method": message.method, "mcp-name": names[0] };
  const result: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    const lower = name.toLowerCase();
    if (!Object.hasOwn(final, lower)) result.push(name, value);
    else if (names.length > 1 && lower === "mcp-name" && names.includes(decodeMirrored(value) ?? "")) result.push(name, value);
    else if (final[lower] !== undefined) result.push(name, encodeMirrored(final[lower]));
  }
  return result;
}

/**
 * Whether every `Mcp-Param-*` header still says what an argument says, for a message whose arguments were changed: each one's decoded
 * value occurs among the values of the final arguments. Otherwise the header would carry upstream what was taken out of the body, and
 * the request must fail (ERR_HEADER_MISMATCH). Which argument a header mirrors stands in the tool's schema, which is not asked here.
 */
export function paramHeadersStillTrue(rawHeaders: RawHeaders, message: Message): boolean {
  if (!rawHeaders.some((field, i) => i % 2 === 0 && isParam(field))) return true;
  const params = fields(rawHeaders).filter(([name]) => isParam(name));
  const spoken = argumentTexts(message);
  return params.every(([, value]) => {
    const text = decodeMirrored(value);
    return text !== undefined && (spoken.has(text) || spoken.has(canonicalNumber(text) ?? text));
  });
}

/** Every string, number and boolean in `params.arguments`, as the text that a header would mirror; numbers as sent and canonical. */
function argumentTexts(message: Message): ReadonlySet<string> {
  const texts = new Set<string>();
  const { document, payload } = message;
  const root = payload === ABSENT ? ABSENT : document.member(payload, "arguments");
  if (root === ABSENT) return texts;
  for (let node = root; node < document.next(root); node += 1) {
    const kind = document.kind(node);
    if (document.isKey(node) || kind === "object" || kind === "array" || kind === "null") continue;
    const text = kind === "string" ? document.text(node) : document.raw(node);
    texts.add(text);
    if (kind === "number") texts.add(canonicalNumber(text) ?? text);
  }
  return texts;
}

/** `042`, `42.0` and `4.2e1` are the number 42; undefined for what is no number, or an integer that JavaScript would round. */
function canonicalNumber(text: string): string | undefined {
  if (!/^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) || !Number.isInteger(value) ? String(value) : undefined;
}

/** Whether a field mirrors an argument, by its name. */
export function isParam(name: string): boolean {
  return name.length >= PARAM.length && name.slice(0, PARAM.length).toLowerCase() === PARAM;
}

function isSingle(name: string): boolean {
  return isKnown(name) || name.startsWith("mcp-");
}

function isKnown(name: string): boolean {
  return SINGLE.has(name);
}

function mismatch(detail: string): Failure {
  return { code: "ERR_HEADER_MISMATCH", detail };
}
