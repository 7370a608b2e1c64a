/**
 * Changes a document in place: new bytes at given byte ranges, everything else as it came. Also says which ranges take an array's
 * element or an object's member out with exactly its comma. Must not decide what to change, and must never re-serialise.
 */
import { type Failure, fail, ok, type Result } from "../../errors.ts";
import type { JsonDocument, Node } from "../json.ts";

/** Puts `bytes` in the place of the half-open byte range [start, end) of a document; an empty range inserts. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly bytes: Buffer;
}

const NOTHING = Buffer.alloc(0);

/**
 * The document with all edits made, in one new buffer; without edits the same buffer. The order of the edits does not matter:
 * ranges that overlap, two insertions at one place and ranges outside of the document are ERR_ENFORCE.
 */
export function splice(document: Buffer, edits: readonly Edit[]): Result<Buffer> {
  if (edits.length === 0) return ok(document);
  const ordered = edits.toSorted((one, other) => one.start - other.start || one.end - other.end);
  let done = 0;
  let insertedAt = -1;
  for (const edit of ordered) {
    if (!isRange(edit, document.length)) return misplaced(`the range ${edit.start}–${edit.end} is not in the document`);
    if (edit.start < done || (edit.start === edit.end && edit.start === insertedAt))
      return misplaced(`two edits overlap at byte ${edit.start}`);
    if (edit.start === edit.end) insertedAt = edit.start;
    done = edit.end;
  }
  return ok(replaced(document, 0, document.length, ordered));
}

/** The bytes from `start` to `end` with the edits made, which lie in there, in order and apart. One copy: there may be hundreds. */
export function replaced(document: Buffer, start: number, end: number, edits: readonly Edit[]): Buffer {
  let length = end - start;
  for (const edit of edits) length += edit.bytes.length - (edit.end - edit.start);
  const made = Buffer.allocUnsafe(length);
  let from = start;
  let at = 0;
  for (const edit of edits) {
    at += document.copy(made, at, from, edit.start);
    at += edit.bytes.copy(made, at);
    from = edit.end;
  }
  document.copy(made, at, from, end);
  return made;
}

/** Edits that take `elements` (any subset) out of `array`. Throws when a node is no element of it: nothing may be left in silently. */
export function removeElement(document: JsonDocument, array: Node, elements: readonly Node[]): Edit[] {
  return removeItems(
    document.elements(array).map((node) => ({ node, start: document.start(node), end: document.end(node) })),
    elements,
  );
}

/** Edits that take the members with the key nodes `keys` (any subset) out of `object`. Throws when a node is no key of it. */
export function removeMember(document: JsonDocument, object: Node, keys: readonly Node[]): Edit[] {
  return removeItems(
    document.members(object).map(([key, value]) => ({ node: key, start: document.start(key), end: document.end(value) })),
    keys,
  );
}

interface Item {
  readonly node: Node;
  readonly start: number;
  readonly end: number;
}

/** A run of removed items takes the comma before it along; at the front there is none, so it takes the one behind it. */
function removeItems(items: readonly Item[], removed: readonly Node[]): Edit[] {
  const out = new Set(removed);
  const edits: Edit[] = [];
  let found = 0;
  let kept: Item | undefined;
  let run: { first: Item; last: Item } | undefined;
  for (const item of items) {
    if (out.has(item.node)) {
      found += 1;
      run = { first: run?.first ?? item, last: item };
      continue;
    }
    if (run !== undefined) {
      edits.push(kept === undefined ? cut(run.first.start, item.start) : cut(kept.end, run.last.end));
      run = undefined;
    }
    kept = item;
  }
  if (run !== undefined) edits.push(cut(kept?.end ?? run.first.start, run.last.end));
  if (found !== out.size) throw new RangeError("a node to be removed is not in the container");
  return edits;
}

const cut = (start: number, end: number): Edit => ({ start, end, bytes: NOTHING });

const isRange = ({ start, end }: Edit, length: number): boolean =>
  Number.isInteger(start) && Number.isInteger(end) && start >= 0 && start <= end && end <= length;

const misplaced = (detail: string): { ok: false; failure: Failure } => fail({ code: "ERR_ENFORCE", detail });
