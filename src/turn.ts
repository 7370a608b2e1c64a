/**
 * Gives the event loop back in the middle of long work: one message's hundreds of entries, or one chunk's hundreds of events, must not
 * keep everybody else's messages and time-outs waiting.
 */
import { setImmediate } from "node:timers/promises";

const LONGEST_MS = 10;

export class Turn {
  readonly #longestMs: number;
  #since = performance.now();

  constructor(longestMs = LONGEST_MS) {
    this.#longestMs = longestMs;
  }

  /** Call between two pieces of work. */
  async end(): Promise<void> {
    if (performance.now() - this.#since < this.#longestMs) return;
    await setImmediate();
    this.#since = performance.now();
  }
}
