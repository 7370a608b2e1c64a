/** Documents and messages for the tests of this folder, read by the real reader. */
import { readJson, type JsonDocument } from "../../src/mcp/json.ts";
import { parseMessage, type Message } from "../../src/mcp/message.ts";

const LIMITS = { bytes: 1 << 20, depth: 64, nodes: 10_000, string: 1 << 20 };

export function document(text: string): JsonDocument {
  const read = readJson(Buffer.from(text), LIMITS);
  if (!read.ok) throw new Error(read.failure.reason);
  return read.value;
}

export function message(content: string | object): Message {
  const parsed = parseMessage(document(typeof content === "string" ? content : JSON.stringify(content)));
  if (!parsed.ok) throw new Error(parsed.failure.detail ?? parsed.failure.code);
  return parsed.value;
}

/** A request. */
export function call(method: string, params?: object): Message {
  return message({ jsonrpc: "2.0", id: 1, method, params });
}

export function notify(method: string, params?: object): Message {
  return message({ jsonrpc: "2.0", method, params });
}
