/**
 * How much of the event loop's time goes into long stretches of a single caller's work. A message at which the loop sits for most of a
 * second ends no worker, but many of them one after the other keep everybody else out: whoever sends such messages while others call has
 * a part of the loop's time at most. Must not measure time itself, and must not know what the work was.
 */
import { setTimeout } from "node:timers/promises";
import type { Awaitable } from "../awaitable.ts";

/** A shorter stretch of work is how messages are judged, in milliseconds. */
export const LONG_MS = 100;
/** What a caller may run up, in milliseconds of long stretches; where it is served again; and what is remembered of more. */
const MOST_MS = 3_000;
const AGAIN_MS = 1_000;
const REMEMBERED_MS = 6_000;
/** It is paid back with time: so this is the part of the loop's time that long stretches of one caller may have. */
const PART = 0.25;
/** Without another caller for so long, in milliseconds, a caller is alone: it keeps nobody out. */
const ALONE_MS = 10_000;
const LOOK_MS = 1_000;
/** Callers that are kept; of more, the one with the oldest entry is let go. */
const CALLERS = 1024;

interface Debt {
  ms: number;
  /** When `ms` was true. */
  at: number;
  /** It had more than it may have, and waits until enough is paid back. */
  waits: boolean;
}

export class LoopTime {
  readonly #ticks: () => number;
  /** By flow. */
  readonly #debts = new Map<string, Debt>();
  /** The caller that asked last, and when it was another one than the time before. */
  #asked: string | undefined;
  #otherAt = -Infinity;

  /** `ticks`: monotonic milliseconds. */
  constructor(ticks: () => number) {
    this.#ticks = ticks;
  }

  /** A caller's work took the loop for `ms` milliseconds without a break. It counts when there are others. */
  took(flow: string, ms: number): void {
    const now = this.#ticks();
    if (ms < LONG_MS || now - this.#otherAt >= ALONE_MS) return;
    const debt = this.#debts.get(flow) ?? { ms: 0, at: now, waits: false };
    payBack(debt, now);
    debt.ms = Math.min(debt.ms + ms, REMEMBERED_MS);
    debt.waits ||= debt.ms > MOST_MS;
    this.#debts.delete(flow);
    this.#debts.set(flow, debt);
    const [oldest] = this.#debts.keys();
    if (this.#debts.size > CALLERS && oldest !== undefined) this.#debts.delete(oldest);
  }

  /** A caller wants something done. Milliseconds for which it has to wait; undefined: none. */
  wait(flow: string): number | undefined {
    if (flow !== this.#asked) {
      if (this.#asked !== undefined) this.#otherAt = this.#ticks();
      this.#asked = flow;
    }
    const debt = this.#debts.get(flow);
    if (debt === undefined) return undefined;
    payBack(debt, this.#ticks());
    if (debt.ms <= AGAIN_MS) debt.waits = false;
    if (debt.ms <= 0) this.#debts.delete(flow);
    return debt.waits && debt.at - this.#otherAt < ALONE_MS ? (debt.ms - AGAIN_MS) / PART : undefined;
  }

  /** Waits as long as it has to: for what cannot be refused. */
  due(flow: string): Awaitable<void> {
    const ms = this.wait(flow);
    return ms === undefined ? undefined : this.#later(flow, ms);
  }

  /** Looks again each second: the others may have left. Whoever has waited first may have used up what was paid back. */
  async #later(flow: string, ms: number): Promise<void> {
    for (let left: number | undefined = ms; left !== undefined; left = this.wait(flow)) await setTimeout(Math.min(left, LOOK_MS));
  }
}

function payBack(debt: Debt, now: number): void {
  debt.ms = Math.max(0, debt.ms - (now - debt.at) * PART);
  debt.at = now;
}
