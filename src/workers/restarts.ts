/**
 * When a worker that died may be replaced: at once, but not in a crash loop. Pure: the time is passed in.
 */

const WINDOW_MS = 10_000;
const FIRST_WAIT_MS = 1_000;
/** Clients wait meanwhile: never longer than this. */
const LONGEST_WAIT_MS = 5_000;

export class Restarts {
  readonly #burst: number;
  #deaths: number[] = [];
  #waits = 0;

  /** `burst`: deaths within ten seconds from which on replacements wait. */
  constructor(burst: number) {
    this.#burst = burst;
  }

  /** A worker has died at `now` (monotonic milliseconds). Answers how many milliseconds its replacement has to wait. */
  died(now: number): number {
    this.#deaths = [...this.#deaths.filter((at) => now - at < WINDOW_MS), now].slice(-this.#burst);
    if (this.#deaths.length === 1) this.#waits = 0;
    if (this.#deaths.length < this.#burst) return 0;
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#waits);
    this.#waits += 1;
    return wait;
  }
}
