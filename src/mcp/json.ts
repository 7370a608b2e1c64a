/**
 * The strict JSON reader: one pass over the bytes, fed chunk by chunk, that accepts only documents with exactly one meaning and
 * records the byte span of every value, so that a document can be forwarded untouched or changed in place.
 * Must not know JSON-RPC or MCP, and must never re-serialise what it read.
 */
import type { Result } from "../errors.ts";

/** Index of a value or key in a document's tape; `ABSENT` when there is none. The root value is 0. */
export type Node = number;
export const ABSENT = -1;

export type JsonKind = "object" | "array" | "string" | "number" | "true" | "false" | "null";

/** Bounds of one document: `bytes` and `string` in bytes (a string's between its quotes, as sent), `nodes` counts values and keys. */
export interface JsonLimits {
  readonly bytes: number;
  readonly depth: number;
  readonly nodes: number;
  readonly string: number;
}

/** Why a document is refused, and at which byte. Never quotes the document. */
export interface JsonFault {
  readonly reason: string;
  readonly offset: number;
  readonly tooLarge: boolean;
}

/** One accepted document: the original bytes and a tape of spans. Immutable. */
export declare class JsonDocument {
  /** Exactly the document as it arrived, white space around it included. */
  readonly bytes: Buffer;
  /** The number of values and keys. */
  readonly size: number;
  kind(node: Node): JsonKind;
  /** First byte of the value; of a string or key, its opening quote. */
  start(node: Node): number;
  /** One past the last byte of the value; of a string or key, one past its closing quote. */
  end(node: Node): number;
  /** The node behind this one's whole subtree: a sibling, or the end of the parent. */
  next(node: Node): Node;
  /** Value of the member `name` (compared decoded) of an object; ABSENT when there is none or `object` is no object. */
  member(object: Node, name: string): Node;
  /** Nodes of an array's elements, in order. Empty for anything else. */
  elements(array: Node): Node[];
  /** [key node, value node] of an object's members, in order. Empty for anything else. */
  members(object: Node): [Node, Node][];
  /** Whether the node is an object's key. */
  isKey(node: Node): boolean;
  /** Decoded text of a string or key. */
  text(node: Node): string;
  /** Whether a string or key is spelled with escapes (then decoded and raw offsets differ). */
  escaped(node: Node): boolean;
  /** The bytes of a value as they were sent, as text. */
  raw(node: Node): string;
  /** The value as JavaScript sees it (numbers may round): for reading, never for forwarding. */
  value(node: Node): unknown;
  /** RFC 6901 pointer of a value (of a key: that of its value). */
  pointer(node: Node): string;
  /** The node at an RFC 6901 pointer; ABSENT when it leads nowhere. */
  at(pointer: string): Node;
}

/** Reads one document that arrives in chunks. After a fault every further call answers the same fault. */
export declare class JsonReader {
  constructor(limits: JsonLimits);
  /** Takes the next chunk (copied); answers a fault as soon as the document cannot be accepted any more. */
  push(chunk: Uint8Array): JsonFault | undefined;
  /** Says that nothing more comes. */
  finish(): Result<JsonDocument, JsonFault>;
}

/** Reads a document that is there as a whole. */
export declare function readJson(bytes: Uint8Array, limits: JsonLimits): Result<JsonDocument, JsonFault>;
