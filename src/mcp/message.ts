/**
 * One JSON-RPC 2.0 message on top of a strict JSON document: its kind, id, method and payload; and the answers that Sluice itself gives.
 * Must not judge: an unknown method is a message like any other.
 */
import { ABSENT, type JsonDocument, type Node } from "./json.ts";
import { findLookAlike } from "./look-alikes.ts";
import { fail, ok, type Failure, type Result } from "../errors.ts";

export type MessageKind = "request" | "notification" | "result" | "error";

/** A JSON-RPC id keeps its type and its spelling: 1 and "1" are two ids, and "1" may also be spelled "\u0031". */
export interface RpcId {
  /** The id as sent, usable in an answer: a JSON string, an integer, or `null` in an error that could not tell its request. */
  readonly raw: string;
}

/** A message. `payload` is the node of `params`, `result` or `error`; ABSENT for a request or notification without params. */
export interface Message {
  readonly document: JsonDocument;
  readonly kind: MessageKind;
  readonly id: RpcId | undefined;
  readonly method: string | undefined;
  readonly payload: Node;
}

/** Ids are remembered while a request is outstanding, so they are kept short. In bytes as sent. */
const MAX_ID = 1024;

/**
 * Reads the envelope (JSON-RPC 2.0 sections 4 and 5, as MCP narrows it: params and results are objects, ids of requests are strings or
 * integers). Members that the envelope does not know are kept. ERR_BATCH for an array, ERR_MESSAGE for all else that is not one message.
 */
export function parseMessage(document: JsonDocument): Result<Message> {
  const kind = document.kind(0);
  if (kind === "array") return fail({ code: "ERR_BATCH" });
  if (kind !== "object") return refuse("not an object");
  const lookAlike = findLookAlike(document);
  if (lookAlike !== undefined) return refuse(`look-alike of "${lookAlike.of}" at byte ${document.start(lookAlike.key)}`);
  const envelope = readEnvelope(document);
  const { jsonrpc, id } = envelope;
  if (!isString(document, jsonrpc) || document.text(jsonrpc) !== "2.0") return refuse("jsonrpc is not 2.0");
  if (id !== ABSENT && !isId(document, id)) return refuse("id is neither a string nor an integer");
  return envelope.method === ABSENT ? parseAnswer(document, envelope) : parseCall(document, envelope);
}

function parseCall(document: JsonDocument, { id, method, params, result, error }: Envelope): Result<Message> {
  if (result !== ABSENT || error !== ABSENT) return refuse("both a call and an answer");
  if (!isString(document, method) || document.text(method) === "") return refuse("method is no string, or empty");
  if (params !== ABSENT && document.kind(params) !== "object") return refuse("params is not an object");
  if (id !== ABSENT && document.kind(id) === "null") return refuse("id is null");
  const kind = id === ABSENT ? "notification" : "request";
  return ok({ document, kind, id: readId(document, id), method: document.text(method), payload: params });
}

function parseAnswer(document: JsonDocument, { id, params, result, error }: Envelope): Result<Message> {
  if (params !== ABSENT) return refuse("params without a method");
  if ((result === ABSENT) === (error === ABSENT)) return refuse("neither a call nor exactly one of result and error");
  if (error !== ABSENT) {
    if (!isError(document, error)) return refuse("error lacks an integer code or a string message");
    return ok({ document, kind: "error", id: readId(document, id), method: undefined, payload: error });
  }
  if (document.kind(result) !== "object") return refuse("result is not an object");
  if (id === ABSENT || document.kind(id) === "null") return refuse("result without an id");
  return ok({ document, kind: "result", id: readId(document, id), method: undefined, payload: result });
}

/** The envelope's members, found in one pass. */
interface Envelope {
  jsonrpc: Node;
  id: Node;
  method: Node;
  params: Node;
  result: Node;
  error: Node;
}

function readEnvelope(document: JsonDocument): Envelope {
  const envelope: Envelope = { jsonrpc: ABSENT, id: ABSENT, method: ABSENT, params: ABSENT, result: ABSENT, error: ABSENT };
  for (const [key, value] of document.members(0)) {
    const name = document.text(key);
    if (Object.hasOwn(envelope, name)) envelope[name as keyof Envelope] = value;
  }
  return envelope;
}

/** One spelling for all spellings of an id, for matching an answer with its request: 1 and "1" differ, "1" and "\u0031" do not. */
export function idKey(id: RpcId): string {
  return id.raw.startsWith('"') ? JSON.stringify(JSON.parse(id.raw)) : id.raw;
}

/** An error answer as compact JSON. Without an id (the request could not be read) its id is null. */
export function errorAnswer(id: RpcId | undefined, code: number, message: string, data?: unknown): Buffer {
  return answer(id, "error", data === undefined ? { code, message } : { code, message, data });
}

/** A refused tools/call as a tool result, so that the model reads why; `modern`: with the `resultType` that 2026-07-28 requires. */
export function toolRefusal(id: RpcId, text: string, modern: boolean): Buffer {
  const result = { content: [{ type: "text", text }], isError: true };
  return answer(id, "result", modern ? { ...result, resultType: "complete" } : result);
}

function answer(id: RpcId | undefined, member: "result" | "error", payload: object): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id?.raw ?? "null"},"${member}":${JSON.stringify(payload)}}`);
}

function refuse(detail: string): { ok: false; failure: Failure } {
  return fail({ code: "ERR_MESSAGE", detail });
}

function isString(document: JsonDocument, node: Node): boolean {
  return node !== ABSENT && document.kind(node) === "string";
}

/** Fractions and exponents are refused: two readers may not agree which id they are (JSON-RPC 2.0 section 4 advises against them). */
function isInteger(document: JsonDocument, node: Node): boolean {
  return node !== ABSENT && document.kind(node) === "number" && /^(?:0|-?[1-9][0-9]*)$/.test(document.raw(node));
}

function isId(document: JsonDocument, node: Node): boolean {
  if (document.end(node) - document.start(node) > MAX_ID) return false;
  return isString(document, node) || isInteger(document, node) || document.kind(node) === "null";
}

function isError(document: JsonDocument, node: Node): boolean {
  if (document.kind(node) !== "object") return false;
  return isInteger(document, document.member(node, "code")) && isString(document, document.member(node, "message"));
}

function readId(document: JsonDocument, node: Node): RpcId | undefined {
  return node === ABSENT ? undefined : { raw: document.raw(node) };
}
