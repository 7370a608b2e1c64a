/**
 * Hands out pointers while there is room for them: facts about a message say where they stand, each repeats the keys around it, and the
 * sender chooses how long keys are. Must not shorten a pointer: one that does not fit is no pointer.
 */
import type { JsonDocument, Node } from "../json.ts";

/** The pointer of a node; undefined when it does not fit any more. From then on none does: the facts that have one are the first ones. */
export type Pointers = (node: Node) => string | undefined;

/** Pointers of a document's nodes, of at most `most` UTF-16 code units in all; one that is handed out twice counts twice. */
export function pointersWithin(document: JsonDocument, most: number): Pointers {
  let room = most;
  let full = false;
  let last: { readonly node: Node; readonly pointer: string } | undefined;
  return (node) => {
    if (full) return undefined;
    // Many facts may stand in one string.
    const pointer = last?.node === node ? last.pointer : document.pointerWithin(node, room);
    full = pointer === undefined || pointer.length > room;
    if (pointer === undefined || full) return undefined;
    last = { node, pointer };
    room -= pointer.length;
    return pointer;
  };
}
