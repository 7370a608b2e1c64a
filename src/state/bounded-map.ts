/**
 * A map that can only grow so far: least recently used entries go first, entries unused for too long count as absent.
 * Must not know what it holds, and reads no clock of its own.
 */

export interface Bounds<V> {
  readonly entries: number;
  /** Milliseconds after its last use at which an entry counts as absent. */
  readonly ttlMs: number;
  /** Bound of the sum of `weigh` over all entries. A value's weight is taken when it is set. */
  readonly weight?: number;
  readonly weigh?: (value: V) => number;
  /** Told of every entry that goes, for whatever reason. */
  readonly removed?: (key: string, value: V) => void;
}

interface Entry<V> {
  readonly value: V;
  readonly weight: number;
  usedAt: number;
}

/** Held in a Map, whose order is kept as the order of last use. */
export class BoundedMap<V> {
  readonly #bounds: Bounds<V>;
  readonly #clock: () => number;
  readonly #entries = new Map<string, Entry<V>>();
  #weight = 0;

  /** `clock`: milliseconds, of which only differences matter. */
  constructor(bounds: Bounds<V>, clock: () => number) {
    this.#bounds = bounds;
    this.#clock = clock;
  }

  /** Whether another entry would push a living one out. */
  get full(): boolean {
    this.#expire();
    return this.#entries.size >= this.#bounds.entries;
  }

  get size(): number {
    return this.#entries.size;
  }

  get weight(): number {
    return this.#weight;
  }

  /** The value, which thereby counts as used now. */
  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const now = this.#clock();
    if (now - entry.usedAt >= this.#bounds.ttlMs) {
      this.#remove(key, entry);
      return undefined;
    }
    entry.usedAt = now;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /**
   * Stores the value and evicts what is then too much; a value heavier than the whole bound is not kept either. `ageMs`: how long ago it
   * was used, of values that come from elsewhere, oldest first.
   */
  set(key: string, value: V, ageMs = 0): void {
    this.delete(key);
    const weight = this.#bounds.weigh?.(value) ?? 0;
    this.#entries.set(key, { value, weight, usedAt: this.#clock() - ageMs });
    this.#weight += weight;
    this.#expire();
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= this.#bounds.entries && this.#weight <= (this.#bounds.weight ?? Infinity)) return;
      this.#remove(oldest, entry);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#remove(key, entry);
  }

  /** Key, value and milliseconds since its last use, which this is none; least recently used first. */
  *entries(): Generator<[key: string, value: V, ageMs: number]> {
    this.#expire();
    const now = this.#clock();
    for (const [key, { value, usedAt }] of this.#entries) yield [key, value, now - usedAt];
  }

  /** The least recently used key. */
  oldest(): string | undefined {
    return this.#entries.keys().next().value;
  }

  #remove(key: string, entry: Entry<V>): void {
    this.#entries.delete(key);
    this.#weight -= entry.weight;
    this.#bounds.removed?.(key, entry.value);
  }

  #expired(entry: Entry<V>): boolean {
    return this.#clock() - entry.usedAt >= this.#bounds.ttlMs;
  }

  #expire(): void {
    for (const [key, entry] of this.#entries) {
      if (!this.#expired(entry)) return;
      this.#remove(key, entry);
    }
  }
}
