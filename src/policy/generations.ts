/**
 * A map from text that takes only so many bytes: what has not been asked for since the last turn of a generation is forgotten.
 * Must not know what it holds.
 */

interface Entry<V> {
  readonly value: V;
  readonly bytes: number;
}

/** What an entry costs beside its text and value. */
const ENTRY_BYTES = 200;
/** An engine may keep text with two bytes per UTF-16 code unit. */
const UNIT_BYTES = 2;

/**
 * Two generations of half the bytes each. New entries, and old ones that are asked for, go into the younger; when it is full, the older one is
 * dropped as a whole. So nothing is moved or counted for an entry that is in the younger one, which is where nearly all hits are.
 */
export class Generations<V> {
  readonly #half: number;
  #young = new Map<string, Entry<V>>();
  #old = new Map<string, Entry<V>>();
  #youngBytes = 0;
  #oldBytes = 0;

  constructor(bytes: number) {
    this.#half = bytes / 2;
  }

  /** Bytes of all that is held. Never more than the bound. */
  get bytes(): number {
    return this.#youngBytes + this.#oldBytes;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young.value;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.#oldBytes -= old.bytes;
    this.#add(key, old);
    return old.value;
  }

  /** Keeps `value`, which takes `valueBytes`, under a key that is not there yet; what is larger than a generation is not kept. */
  add(key: string, value: V, valueBytes: number): void {
    this.#add(key, { value, bytes: key.length * UNIT_BYTES + valueBytes + ENTRY_BYTES });
  }

  #add(key: string, entry: Entry<V>): void {
    if (entry.bytes > this.#half || this.#young.has(key)) return;
    if (this.#youngBytes + entry.bytes > this.#half) {
      this.#old = this.#young;
      this.#oldBytes = this.#youngBytes;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(key, entry);
    this.#youngBytes += entry.bytes;
  }
}
