/**
 * New bytes for places in a document, and the way back from the changed text to the original. Pure; must not choose places or bytes.
 */
import type { JsonDocument, Node } from "../mcp/json.ts";
import { replaced } from "../mcp/json/splice.ts";
import type { Mark } from "./marks.ts";

/** New bytes for one mark. */
export interface Piece {
  readonly mark: Mark;
  readonly bytes: Buffer;
}

/** The pieces of each changed value or key, in order. */
export type Changes = ReadonlyMap<Node, readonly Piece[]>;

/** The bytes of a value or key with its pieces in place. */
export function applied(document: JsonDocument, node: Node, pieces: readonly Piece[]): Buffer {
  const edits = pieces.map(({ mark: { start, end }, bytes }) => ({ start, end, bytes }));
  return replaced(document.bytes, document.start(node), document.end(node), edits);
}

/**
 * Where a range of the changed value (offsets from its first byte) stood in the document. What lies in a stand-in stood in all of its
 * mark; `redacted` says that it reaches into one.
 */
export function originOf(
  document: JsonDocument,
  node: Node,
  pieces: readonly Piece[],
  from: number,
  to: number,
): { start: number; end: number; redacted: boolean } {
  let shift = document.start(node);
  let start = from + shift;
  let end = to + shift;
  let redacted = false;
  for (const { mark, bytes } of pieces) {
    const first = mark.start - shift;
    const last = first + bytes.length;
    if (to <= first) break;
    shift += mark.end - mark.start - bytes.length;
    if (from >= last) {
      start = from + shift;
      end = to + shift;
      continue;
    }
    if (from >= first) start = mark.start;
    end = to > last ? to + shift : mark.end;
    redacted = true;
  }
  return { start, end, redacted };
}
