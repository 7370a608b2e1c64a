/**
 * A map shared by holders that do not trust each other: when it is full, the oldest entry of whoever holds most goes, so that nobody can
 * make it forget what another needs. Must not know what it holds, and reads no clock of its own.
 */

export interface FairBounds<V> {
  readonly entries: number;
  /** Sum of all entries' weights. */
  readonly weight: number;
  /** Of one holder. */
  readonly entriesPerHolder: number;
  /** Milliseconds after which an entry counts as absent. */
  readonly ttlMs: number;
  /** Told of each entry that goes for want of room, or is found to have gone with time. */
  readonly lost?: (value: V) => void;
}

interface Entry<V> {
  readonly value: V;
  readonly holder: string;
  readonly weight: number;
  readonly setAt: number;
}

/** What one holder holds; keys oldest first. */
interface Share {
  readonly keys: Set<string>;
  weight: number;
}

export class FairMap<V> {
  readonly #bounds: FairBounds<V>;
  readonly #clock: () => number;
  readonly #entries = new Map<string, Entry<V>>();
  readonly #shares = new Map<string, Share>();
  #weight = 0;

  /** `clock`: milliseconds, of which only differences matter. */
  constructor(bounds: FairBounds<V>, clock: () => number) {
    this.#bounds = bounds;
    this.#clock = clock;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#clock() - entry.setAt < this.#bounds.ttlMs) return entry.value;
    this.delete(key);
    this.#bounds.lost?.(entry.value);
    return undefined;
  }

  /**
   * Stores a value in a holder's name; `weight` as in the bounds. Evicts what is then too much, of the heaviest holder first. `ageMs`: how
   * long ago it was set, of values that come from elsewhere, oldest first.
   */
  set(key: string, holder: string, value: V, weight = 0, ageMs = 0): void {
    this.delete(key);
    const share = this.#shares.get(holder) ?? { keys: new Set(), weight: 0 };
    this.#shares.set(holder, share);
    this.#entries.set(key, { value, holder, weight, setAt: this.#clock() - ageMs });
    share.keys.add(key);
    share.weight += weight;
    this.#weight += weight;
    if (share.keys.size > this.#bounds.entriesPerHolder) this.#evictOf(share);
    while (this.#entries.size > this.#bounds.entries) this.#evictOf(this.#largest((one) => one.keys.size));
    while (this.#weight > this.#bounds.weight) this.#evictOf(this.#largest((one) => one.weight));
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#weight -= entry.weight;
    const share = this.#shares.get(entry.holder);
    if (share === undefined) return;
    share.keys.delete(key);
    share.weight -= entry.weight;
    if (share.keys.size === 0) this.#shares.delete(entry.holder);
  }

  /** Key, value and milliseconds since it was set; oldest first. */
  *entries(): Generator<[key: string, value: V, ageMs: number]> {
    const now = this.#clock();
    for (const [key, { value, setAt }] of this.#entries) if (now - setAt < this.#bounds.ttlMs) yield [key, value, now - setAt];
  }

  /** Only looked for when the map is full: then it costs one pass over the holders. */
  #largest(size: (share: Share) => number): Share {
    let largest: Share | undefined;
    for (const share of this.#shares.values()) if (largest === undefined || size(share) > size(largest)) largest = share;
    if (largest === undefined) throw new Error("a full map has a holder");
    return largest;
  }

  #evictOf(share: Share): void {
    const [oldest] = share.keys;
    const entry = oldest === undefined ? undefined : this.#entries.get(oldest);
    if (oldest === undefined || entry === undefined) return;
    this.delete(oldest);
    this.#bounds.lost?.(entry.value);
  }
}
