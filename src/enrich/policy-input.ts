/**
 * Writes the policy input of one message, or of one entry of a list, as the bytes that the engine reads. What stood in the message is
 * copied from its bytes, never re-serialised: policy reads exactly what is forwarded. Must not gather facts.
 */
import type { ServerConfig } from "../config/config.ts";
import type { Finding, Findings } from "../detect/detector.ts";
import { ABSENT, type JsonDocument, type Node } from "../mcp/json.ts";
import type { MessageTarget } from "../mcp/methods.ts";
import type { FindingFacts, FindingKind, Now, PolicyInput, UrlFacts } from "../policy/input.ts";
import type { Transaction } from "../transaction.ts";
import { pointersWithin } from "../mcp/json/pointers.ts";
import { splice, type Edit } from "../mcp/json/splice.ts";
import { fail, ok, type Result } from "../errors.ts";
import type { Facts } from "./enrich.ts";

/** Strings longer than this (bytes as sent) are left out of the input of a message above `limits.policy_text`. */
const LONG_STRING = 1024;
const OMITTED_LISTED = 100;
/** Code units of all paths in `omitted`. */
const OMITTED_PATHS = 65_536;

export interface InputOptions {
  /** `limits.policy_text`, in bytes. */
  readonly policyText: number;
  readonly now: Now;
  /** The server as the newest configuration has it: the exchange may be older. */
  readonly server: ServerConfig;
}

/** One entry of a list result, judged on its own. */
export interface ListItem {
  /** The message as it will leave, and the entry in it. */
  readonly document: JsonDocument;
  readonly node: Node;
  /** The method that would use the entry, e.g. `tools/call`. */
  readonly method: string;
  readonly target: MessageTarget;
  /** What was found in the entry; paths are the message's. */
  readonly findings: readonly Finding[];
  readonly findingsCapped: boolean;
  readonly urls: readonly UrlFacts[];
  readonly urlsCapped: boolean;
}

/** A function that completes the input with the engine's nonce; a failure when the message cannot be made small enough. */
export type MakeInput = (nonce: string) => ArrayBuffer;

export function messageInput(transaction: Transaction, facts: Facts, findings: Findings, options: InputOptions): Result<MakeInput> {
  const { message, answers } = transaction;
  const { document, payload } = message;
  const member = message.kind === "result" ? "result" : message.kind === "error" ? "error" : "params";
  const body = payload === ABSENT ? undefined : withinLimit(document, payload, options.policyText);
  if (body === null)
    return fail({ code: "ERR_TOO_LARGE", detail: "the message is larger than limits.policy_text even without its long strings" });
  const request = answers?.message;
  const params =
    request === undefined || request.payload === ABSENT ? undefined : withinLimit(request.document, request.payload, options.policyText);
  if (params === null) return fail({ code: "ERR_TOO_LARGE", detail: "the request that is answered is too large to judge its answer" });
  const omitted = [...(body?.omitted ?? []), ...(params?.omitted ?? []).map((pointer) => `/request${pointer}`)];
  const mcp = {
    ...(transaction.exchange.revision === undefined ? {} : { revision: transaction.exchange.revision }),
    ...(facts.method === undefined ? {} : { method: facts.method }),
    kind: message.kind,
    size: document.bytes.length,
    ...(message.id === undefined ? {} : { id: new Verbatim(message.id.raw) }),
    ...(body === undefined ? {} : { [member]: new Verbatim(body.bytes) }),
    ...(omitted.length === 0 ? {} : { omitted }),
    ...(answers === undefined
      ? {}
      : {
          request: { method: answers.method, ...(params === undefined ? {} : { params: new Verbatim(params.bytes) }) },
        }),
  };
  const definition = facts.definition === undefined ? undefined : new Verbatim(facts.definition);
  return ok(
    writer({
      ...common(transaction, facts, options),
      phase: facts.phase,
      mcp,
      ...subject(facts.target, definition, annotationsIn(facts.definition)),
      findings: findings.list.map((finding) => findingFacts(finding, "")),
      ...(findings.capped ? { findings_capped: true } : {}),
      urls: facts.urls,
    }),
  );
}

export function itemInput(transaction: Transaction, facts: Facts, item: ListItem, options: InputOptions): MakeInput {
  const { document, node } = item;
  const prefix = document.pointer(node);
  const bytes = document.bytes.subarray(document.start(node), document.end(node));
  const annotations = document.member(node, "annotations");
  const mcp = {
    ...(transaction.exchange.revision === undefined ? {} : { revision: transaction.exchange.revision }),
    method: item.method,
    kind: "item",
    size: bytes.length,
    item: new Verbatim(bytes),
  };
  return writer({
    ...common(transaction, { ...facts, urlsCapped: item.urlsCapped }, options),
    phase: "list_item",
    mcp,
    ...subject(item.target, new Verbatim(bytes), annotations === ABSENT ? undefined : new Verbatim(document.raw(annotations))),
    findings: item.findings.map((finding) => findingFacts(finding, prefix)),
    ...(item.findingsCapped ? { findings_capped: true } : {}),
    urls: item.urls.map((url): UrlFacts => ({ ...url, path: url.path.slice(prefix.length) })),
  });
}

function common(
  transaction: Transaction,
  facts: Facts,
  { now, server }: InputOptions,
): Omit<PolicyInput, "phase" | "mcp" | "findings" | "urls" | "nonce"> {
  const { exchange, message } = transaction;
  const info = clientInfo(message.document, message.payload);
  return {
    direction: transaction.direction,
    now,
    server: { name: server.name, url: server.url, trust: server.trust, labels: [...server.labels] },
    principal: exchange.principal,
    client: {
      ip: exchange.ip,
      ...(exchange.userAgent === undefined ? {} : { user_agent: exchange.userAgent }),
      ...(info === undefined ? {} : { info: new Verbatim(info) }),
    },
    ...(exchange.session === undefined ? {} : { session: { id: exchange.session } }),
    flow: { labels: [...facts.labels], counters: { ...facts.counters } },
    ...(facts.urlsCapped ? { urls_capped: true } : {}),
    destinations: [...facts.destinations],
    ...(facts.destinationsCapped ? { destinations_capped: true } : {}),
    http: { headers: { ...exchange.headers } },
  };
}

/** `target`, and for tools `tool`. */
function subject(target: MessageTarget | undefined, definition: Verbatim | undefined, annotations: unknown): object {
  if (target === undefined) return {};
  const described = definition === undefined ? {} : { definition };
  const place = target.name === undefined ? { uri: target.uri } : { name: target.name };
  if (target.kind !== "tool") return { target: { kind: target.kind, ...place, ...described } };
  return {
    target: { kind: target.kind, ...place, ...described },
    tool: { ...place, ...described, ...(annotations === undefined ? {} : { annotations }) },
  };
}

/** A remembered definition is JSON text that the strict reader accepted once. */
function annotationsIn(definition: string | undefined): unknown {
  const parsed: unknown = definition === undefined ? undefined : JSON.parse(definition);
  return typeof parsed === "object" && parsed !== null ? (Reflect.get(parsed, "annotations") as unknown) : undefined;
}

/** `clientInfo` of `initialize` or of a modern request's `_meta`, as sent. */
function clientInfo(document: JsonDocument, payload: Node): string | undefined {
  if (payload === ABSENT) return undefined;
  const meta = document.member(payload, "_meta");
  const modern = meta === ABSENT ? ABSENT : document.member(meta, "io.modelcontextprotocol/clientInfo");
  const node = modern === ABSENT ? document.member(payload, "clientInfo") : modern;
  return node === ABSENT ? undefined : document.raw(node);
}

function findingFacts(finding: Finding, prefix: string): FindingFacts {
  const { node: _node, rawStart: _rawStart, rawEnd: _rawEnd, ...facts } = finding;
  return { ...facts, kind: facts.kind as FindingKind, path: finding.path.slice(prefix.length) };
}

/** A payload's bytes; above the limit, without its long strings; null when that is still too large. */
function withinLimit(document: JsonDocument, payload: Node, limit: number): { bytes: Buffer; omitted: string[] } | null {
  const start = document.start(payload);
  const bytes = document.bytes.subarray(start, document.end(payload));
  if (bytes.length <= limit) return { bytes, omitted: [] };
  const edits: Edit[] = [];
  const omitted: string[] = [];
  const pathOf = pointersWithin(document, OMITTED_PATHS);
  const empty = Buffer.from('""');
  for (let node = payload; node < document.next(payload); node++) {
    if (document.isKey(node) || document.kind(node) !== "string" || document.end(node) - document.start(node) <= LONG_STRING) continue;
    edits.push({ start: document.start(node) - start, end: document.end(node) - start, bytes: empty });
    const path = omitted.length < OMITTED_LISTED ? pathOf(node) : undefined;
    if (path !== undefined) omitted.push(path);
  }
  const shortened = splice(bytes, edits);
  // Keys may be too long for any path: that something was left out is said all the same.
  if (omitted.length === 0) omitted.push(document.pointer(payload));
  return shortened.ok && shortened.value.length <= limit ? { bytes: shortened.value, omitted } : null;
}

/** JSON text that is copied as it is: only ever text that the strict reader accepted. No value from traffic is an instance of it. */
class Verbatim {
  readonly raw: Buffer | string;
  constructor(raw: Buffer | string) {
    this.raw = raw;
  }
}

/** Members of the input in which verbatim pieces stand; all others are plain data. */
const NESTED: ReadonlySet<string> = new Set(["mcp", "target", "tool", "client"]);

/** Serialises `input` around its verbatim pieces, but for the nonce, which the engine adds. */
function writer(input: object): MakeInput {
  const parts: Buffer[] = [];
  let text = "";
  const write = (value: unknown): void => {
    if (value instanceof Verbatim) {
      if (typeof value.raw === "string") {
        text += value.raw;
        return;
      }
      parts.push(Buffer.from(text), value.raw);
      text = "";
    } else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      writeMembers(value, write);
    } else {
      text += JSON.stringify(value);
    }
  };
  const writeMembers = (object: object, member: (value: unknown, key: string) => void): void => {
    let separator = "{";
    for (const [key, value] of Object.entries(object)) {
      if (value === undefined) continue;
      text += `${separator}${JSON.stringify(key)}:`;
      separator = ",";
      member(value, key);
    }
    text += separator === "{" ? "{}" : "}";
  };
  writeMembers(input, (value, key) => {
    if (NESTED.has(key)) write(value);
    else text += JSON.stringify(value);
  });
  parts.push(Buffer.from(text.slice(0, -1)));
  return (nonce) => join([...parts, Buffer.from(`,"nonce":${JSON.stringify(nonce)}}`)]);
}

/** The pieces in an ArrayBuffer of exactly their length: the engine reads the whole buffer. */
function join(parts: readonly Buffer[]): ArrayBuffer {
  const bytes = new Uint8Array(new ArrayBuffer(parts.reduce((sum, part) => sum + part.length, 0)));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes.buffer;
}
