/**
 * One JSON-RPC 2.0 message on top of a strict JSON document: its kind, id, method and payload.
 * Must not judge: an unknown method is a message like any other.
 */
import { ABSENT, type JsonDocument, type Node } from "./json.ts";
import { fail, ok, type Failure, type Result } from "../errors.ts";

export type MessageKind = "request" | "notification" | "result" | "error";

/** A JSON-RPC id keeps its type and its spelling: 1, 1.0 and "1" are three ids. */
export interface RpcId {
  /** The id as sent, usable in an answer. */
  readonly raw: string;
}

/** A message. `payload` is the node of `params`, `result` or `error`; ABSENT for a request without params. */
export interface Message {
  readonly document: JsonDocument;
  readonly kind: MessageKind;
  readonly id: RpcId | undefined;
  readonly method: string | undefined;
  readonly payload: Node;
}
