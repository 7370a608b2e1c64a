/** Latencies in buckets of 2 % width: constant memory, however long a round is. */

const PER_OCTAVE = 32;
const OCTAVES = 30;

export class Histogram {
  readonly #buckets = new Float64Array(PER_OCTAVE * OCTAVES);
  #count = 0;

  /** `ms`: milliseconds. Under a microsecond counts as one. */
  add(ms: number): void {
    const bucket = Math.min(Math.floor(Math.log2(Math.max(1, ms * 1000)) * PER_OCTAVE), PER_OCTAVE * OCTAVES - 1);
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1;
    this.#count += 1;
  }

  /** Milliseconds that the share `q` (0 to 1) stayed within; 0 when nothing was added. */
  quantile(q: number): number {
    let left = Math.max(1, Math.ceil(this.#count * q));
    if (this.#count === 0) return 0;
    for (let at = 0; at < this.#buckets.length; at += 1) {
      left -= this.#buckets[at] as number;
      if (left <= 0) return 2 ** ((at + 0.5) / PER_OCTAVE) / 1000;
    }
    return 2 ** OCTAVES / 1000;
  }
}
