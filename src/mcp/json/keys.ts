/**
 * Finds duplicate keys of the objects that the reader has open; keys are compared decoded. Must not be slowed down by any choice of keys:
 * the few keys of a usual object are compared one by one, those of a large one are looked up in a hash table, and where the table meets
 * too many collisions (somebody makes them) or a key has escapes, the object's keys go into a set of strings, whose hashes are seeded.
 *
 * While an object is open, its word 2 on the tape is its last key that is not in a set (0: none); such a key's word 3 is the one before it.
 */
import { ESCAPED, STRIDE_BITS } from "./document.ts";

// Flags of an object whose keys are not compared one by one.
const IN_TABLE = 64;
const IN_SET = 128;
/** With more keys than this the table is cheaper. */
const MOST_COMPARED = 12;
/** A look-up that takes more steps than this gives up on the table. */
const MOST_STEPS = 32;
const FIRST_CAPACITY = 256;
/** Above the flags a key's first word holds its length and two of its bytes, so that nearly all others differ in one comparison. */
const MARK_SHIFT = 8;

export const DUPLICATE_KEY = "a key that is already there";
export const NUL_IN_KEY = "NUL in a key";

const NEW = 0;
const SEEN = 1;
const CROWDED = 2;

export class OpenKeys {
  #table: KeyTable | undefined;
  #sets: Map<number, Set<string>> | undefined;

  /** Enters the node `key`, just read, into its object; answers why it is refused. */
  add(bytes: Buffer, tape: Int32Array, object: number, key: number): string | undefined {
    const owner = object << STRIDE_BITS;
    const slot = key << STRIDE_BITS;
    const flags = tape[slot] as number;
    const kept = tape[owner] as number;
    if ((kept & IN_SET) !== 0 || (flags & ESCAPED) !== 0) return this.#addToSet(bytes, tape, object, key);
    if ((kept & IN_TABLE) !== 0) return this.#addToTable(bytes, tape, object, key);
    const start = tape[slot + 1] as number;
    const length = (tape[slot + 2] as number) - start;
    const middle = bytes[start + (length >> 1)] as number;
    const mark = flags | (length << 24) | ((bytes[start + length - 2] as number) << 16) | (middle << MARK_SHIFT);
    const last = tape[owner + 2] as number;
    let compared = 0;
    for (let other = last; other !== 0; compared += 1) {
      if (compared === MOST_COMPARED) return this.#addToTable(bytes, tape, object, key);
      const otherSlot = other << STRIDE_BITS;
      const alike = ((tape[otherSlot] as number) ^ mark) >> MARK_SHIFT === 0;
      if (alike && sameKey(bytes, tape, otherSlot, slot)) return DUPLICATE_KEY;
      other = tape[otherSlot + 3] as number;
    }
    tape[slot] = mark;
    tape[slot + 3] = last;
    tape[owner + 2] = key;
    return undefined;
  }

  /** The object ends: its keys can be forgotten. */
  close(tape: Int32Array, object: number): void {
    if (((tape[object << STRIDE_BITS] as number) & IN_SET) !== 0) this.#sets?.delete(object);
  }

  #addToTable(bytes: Buffer, tape: Int32Array, object: number, key: number): string | undefined {
    const owner = object << STRIDE_BITS;
    const last = tape[owner + 2] as number;
    this.#table ??= new KeyTable();
    if (((tape[owner] as number) & IN_TABLE) === 0) {
      tape[owner] = (tape[owner] as number) | IN_TABLE;
      for (const other of chain(tape, last))
        if (this.#table.add(bytes, tape, object, other) === CROWDED) return this.#addToSet(bytes, tape, object, key);
    }
    const found = this.#table.add(bytes, tape, object, key);
    if (found === CROWDED) return this.#addToSet(bytes, tape, object, key);
    if (found === SEEN) return DUPLICATE_KEY;
    tape[(key << STRIDE_BITS) + 3] = last;
    tape[owner + 2] = key;
    return undefined;
  }

  #addToSet(bytes: Buffer, tape: Int32Array, object: number, key: number): string | undefined {
    const owner = object << STRIDE_BITS;
    this.#sets ??= new Map();
    let names = this.#sets.get(object);
    if (names === undefined) {
      names = new Set();
      for (const other of chain(tape, tape[owner + 2] as number)) names.add(nameOf(bytes, tape, other));
      this.#sets.set(object, names);
      tape[owner] = (tape[owner] as number) | IN_SET;
    }
    const name = nameOf(bytes, tape, key);
    // Parsers written in C end a key there (GHSA-q382-vc8q-7jhj). Only an escape can spell it.
    if (name.includes("\0")) return NUL_IN_KEY;
    if (names.has(name)) return DUPLICATE_KEY;
    names.add(name);
    return undefined;
  }
}

/**
 * One open-addressing table for the keys of all large objects of a document: an entry is a key's node, its object's and a hash of both.
 * Entries of closed objects stay (nothing matches them any more), so the table is bounded by the number of nodes.
 */
class KeyTable {
  /** Three words an entry: the key's node (0: free, for no key is the root), its object's, the hash. */
  #entries = new Int32Array(FIRST_CAPACITY * 3);
  #capacity = FIRST_CAPACITY;
  #count = 0;

  add(bytes: Buffer, tape: Int32Array, object: number, key: number): typeof NEW | typeof SEEN | typeof CROWDED {
    if (this.#count * 2 >= this.#capacity) this.#grow();
    const entries = this.#entries;
    const mask = this.#capacity - 1;
    const slot = key << STRIDE_BITS;
    const hash = hashOf(bytes, (tape[slot + 1] as number) + 1, (tape[slot + 2] as number) - 1, object);
    let place = (hash & mask) * 3;
    for (let steps = 1; entries[place] !== 0; steps += 1) {
      if (steps > MOST_STEPS) return CROWDED;
      const alike = entries[place + 2] === hash && entries[place + 1] === object;
      if (alike && sameKey(bytes, tape, (entries[place] as number) << STRIDE_BITS, slot)) return SEEN;
      place = ((hash + steps) & mask) * 3;
    }
    entries[place] = key;
    entries[place + 1] = object;
    entries[place + 2] = hash;
    this.#count += 1;
    return NEW;
  }

  #grow(): void {
    const before = this.#entries;
    this.#capacity *= 4;
    const after = new Int32Array(this.#capacity * 3);
    const mask = this.#capacity - 1;
    for (let from = 0; from < before.length; from += 3) {
      if (before[from] === 0) continue;
      let step = before[from + 2] as number;
      while (after[(step & mask) * 3] !== 0) step += 1;
      const place = (step & mask) * 3;
      after[place] = before[from] as number;
      after[place + 1] = before[from + 1] as number;
      after[place + 2] = before[from + 2] as number;
    }
    this.#entries = after;
  }
}

/** Exported so that a test can make keys collide: nothing depends on its being hard to foresee. */
export function hashOf(bytes: Buffer, start: number, end: number, object: number): number {
  let hash = Math.imul(object, 0x9e3779b1) ^ (end - start);
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) ^ (hash >>> 13);
}

/** Nodes of the keys of an object, from the last one back. */
function* chain(tape: Int32Array, last: number): Generator<number> {
  for (let key = last; key !== 0; key = tape[(key << STRIDE_BITS) + 3] as number) yield key;
}

/** A key's UTF-8 read as Latin-1, with its opening quote: unique per decoded key, and never an array index (those hash predictably). */
function nameOf(bytes: Buffer, tape: Int32Array, key: number): string {
  const slot = key << STRIDE_BITS;
  const start = tape[slot + 1] as number;
  const end = tape[slot + 2] as number;
  if (((tape[slot] as number) & ESCAPED) === 0) return bytes.toString("latin1", start, end - 1);
  return `"${Buffer.from(JSON.parse(bytes.toString("utf8", start, end)) as string).toString("latin1")}`;
}

function sameKey(bytes: Buffer, tape: Int32Array, oneSlot: number, otherSlot: number): boolean {
  const one = tape[oneSlot + 1] as number;
  const other = tape[otherSlot + 1] as number;
  const length = (tape[otherSlot + 2] as number) - other;
  if ((tape[oneSlot + 2] as number) - one !== length) return false;
  if (length > 64) return bytes.compare(bytes, one, one + length, other, other + length) === 0;
  for (let at = 0; at < length; at += 1) if (bytes[one + at] !== bytes[other + at]) return false;
  return true;
}
