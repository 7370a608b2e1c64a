/**
 * Tells the changes of a store to whoever follows it, and its uses once a period: a use keeps an entry alive, and a follower that never
 * hears of one would forget too early. Must not tell the same use twice in a period, and costs nothing while nobody listens.
 */
import type { Note } from "./notes.ts";

/** Uses that are remembered as told; beyond them some are told again. */
const USES = 100_000;

export class Telling {
  readonly #periodMs: number;
  readonly #clock: () => number;
  readonly #used = new Set<string>();
  #since: number;
  #listener: ((note: Note) => void) | undefined;

  constructor(periodMs: number, clock: () => number) {
    this.#periodMs = periodMs;
    this.#clock = clock;
    this.#since = clock();
  }

  listen(listener: (note: Note) => void): void {
    this.#listener = listener;
  }

  changed(note: () => Note): void {
    if (this.#listener !== undefined) this.#listener(note());
  }

  /** `key`: what was used. */
  used(key: string, note: () => Note): void {
    if (this.#listener === undefined) return;
    const now = this.#clock();
    if (now - this.#since >= this.#periodMs || this.#used.size >= USES) {
      this.#since = now;
      this.#used.clear();
    }
    if (this.#used.has(key)) return;
    this.#used.add(key);
    this.#listener(note());
  }
}
