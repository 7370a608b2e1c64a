/**
 * Callers that are refused for a while, because their messages made workers stand still. The supervisor says who; it remembers, this
 * does not: a new worker is told anew. Must not find out by itself.
 */

/** Callers that are kept; of more, those that would be free again first are let go. */
const CALLERS = 1024;

export interface Quarantined {
  /** The caller's flow (`flowOf`): a principal, or an address of anonymous callers. */
  readonly principal: string;
  /** How much longer, in milliseconds. */
  readonly ms: number;
}

export class Quarantine {
  readonly #ticks: () => number;
  /** Until when, by flow. */
  readonly #until = new Map<string, number>();

  /** `ticks`: monotonic milliseconds. */
  constructor(ticks: () => number) {
    this.#ticks = ticks;
  }

  /** Refuses these callers from now on; 0 milliseconds lets one go. */
  set(callers: readonly Quarantined[]): void {
    const now = this.#ticks();
    for (const { principal, ms } of callers) {
      if (ms > 0) this.#until.set(principal, now + ms);
      else this.#until.delete(principal);
    }
    if (this.#until.size <= CALLERS) return;
    const longest = [...this.#until].toSorted(([, one], [, other]) => other - one).slice(0, CALLERS);
    this.#until.clear();
    for (const [principal, until] of longest) this.#until.set(principal, until);
  }

  /** Seconds for which a caller is still refused, at least 1; undefined: it is not. */
  left(flow: string): number | undefined {
    if (this.#until.size === 0) return undefined;
    const until = this.#until.get(flow);
    if (until === undefined) return undefined;
    const ms = until - this.#ticks();
    if (ms > 0) return Math.ceil(ms / 1000);
    this.#until.delete(flow);
    return undefined;
  }
}
