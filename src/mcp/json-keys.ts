/**
 * Finds duplicate keys of the objects that the reader has open; keys are compared decoded. Must not be slowed down by any choice of keys:
 * few keys are compared one by one along a chain through the tape, many keys or keys with escapes go into a set of strings.
 *
 * While an object is open, its word 2 on the tape is its last chained key (0: none), and a chained key's word 3 is the one before it.
 */
import { ESCAPED, STRIDE_BITS } from "./json-document.ts";

/** Flag of an open object whose keys are in a set. */
const IN_SET = 64;
/** With more keys than this a set is cheaper. */
const MOST_CHAINED = 64;
/** Above the flags a key's first word holds its length and two of its bytes, so that nearly all others differ in one comparison. */
const MARK_SHIFT = 8;

export const DUPLICATE_KEY = "a key that is already there";
export const NUL_IN_KEY = "NUL in a key";

export class OpenKeys {
  #sets: Map<number, Set<string>> | undefined;

  /** Enters the node `key`, just read, into its object; answers why it is refused. */
  add(bytes: Buffer, tape: Int32Array, object: number, key: number): string | undefined {
    const owner = object << STRIDE_BITS;
    const slot = key << STRIDE_BITS;
    const flags = tape[slot] as number;
    if (((tape[owner] as number) & IN_SET) !== 0 || (flags & ESCAPED) !== 0) return this.#addToSet(bytes, tape, object, slot);
    const start = tape[slot + 1] as number;
    const length = (tape[slot + 2] as number) - start;
    const mark =
      flags | (length << 24) | ((bytes[start + length - 2] as number) << 16) | ((bytes[start + (length >> 1)] as number) << MARK_SHIFT);
    const last = tape[owner + 2] as number;
    let compared = 0;
    for (let other = last; other !== 0; compared += 1) {
      if (compared === MOST_CHAINED) return this.#addToSet(bytes, tape, object, slot);
      const otherSlot = other << STRIDE_BITS;
      if (((tape[otherSlot] as number) ^ mark) >> MARK_SHIFT === 0) {
        const otherStart = tape[otherSlot + 1] as number;
        if ((tape[otherSlot + 2] as number) - otherStart === length && sameBytes(bytes, otherStart, start, length)) return DUPLICATE_KEY;
      }
      other = tape[otherSlot + 3] as number;
    }
    tape[slot] = mark;
    tape[slot + 3] = last;
    tape[owner + 2] = key;
    return undefined;
  }

  /** The object ends: its keys can be forgotten. */
  close(tape: Int32Array, object: number): void {
    const owner = object << STRIDE_BITS;
    if (((tape[owner] as number) & IN_SET) === 0) return;
    tape[owner] = (tape[owner] as number) & ~IN_SET;
    this.#sets?.delete(object);
  }

  #addToSet(bytes: Buffer, tape: Int32Array, object: number, slot: number): string | undefined {
    const owner = object << STRIDE_BITS;
    this.#sets ??= new Map();
    let names = this.#sets.get(object);
    if (names === undefined) {
      names = new Set();
      for (let key = tape[owner + 2] as number; key !== 0; key = tape[(key << STRIDE_BITS) + 3] as number) {
        names.add(nameOf(bytes, tape, key << STRIDE_BITS));
      }
      this.#sets.set(object, names);
      tape[owner] = (tape[owner] as number) | IN_SET;
    }
    const name = nameOf(bytes, tape, slot);
    // Parsers written in C end a key there (GHSA-q382-vc8q-7jhj). Only an escape can spell it.
    if (name.includes("\0")) return NUL_IN_KEY;
    if (names.has(name)) return DUPLICATE_KEY;
    names.add(name);
    return undefined;
  }
}

/** A key's UTF-8 read as Latin-1, with its opening quote: unique per decoded key, and never an array index (those hash predictably). */
function nameOf(bytes: Buffer, tape: Int32Array, slot: number): string {
  const start = tape[slot + 1] as number;
  const end = tape[slot + 2] as number;
  if (((tape[slot] as number) & ESCAPED) === 0) return bytes.toString("latin1", start, end - 1);
  return `"${Buffer.from(JSON.parse(bytes.toString("utf8", start, end)) as string).toString("latin1")}`;
}

function sameBytes(bytes: Buffer, one: number, other: number, length: number): boolean {
  if (length > 64) return bytes.compare(bytes, one, one + length, other, other + length) === 0;
  for (let at = 0; at < length; at += 1) if (bytes[one + at] !== bytes[other + at]) return false;
  return true;
}
