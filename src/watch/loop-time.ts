/**
 * How much of the event loop's time goes into a single caller's work while others call. A message at which the loop sits for most of a
 * second ends no worker, and neither do a hundred at once; many of them one after the other keep everybody else out all the same. Whoever
 * sends such messages has a part of the loop's time at most. Must not measure time itself, and must not know what the work was.
 */
import type { Awaitable } from "../awaitable.ts";
import type { Gone } from "../departure.ts";

/** Shorter pieces of work are how messages are judged: they count only while the loop is late, in milliseconds. */
export const LONG_MS = 100;
export const LATE_MS = 250;
/** What may be run up on one account, in milliseconds of work that counts; where it is served again; and what is remembered of more. */
const MOST_MS = 3_000;
const AGAIN_MS = 1_000;
const REMEMBERED_MS = 6_000;
/** It is paid back with time: so this is the part of the loop's time that work that counts may have. */
const PART = 0.25;
/** Without another caller for so long, in milliseconds, a caller is alone: it keeps nobody out. */
const ALONE_MS = 10_000;
const LOOK_MS = 1_000;
/** Accounts that are kept; of more, the one with the oldest entry is let go. */
const ACCOUNTS = 1024;

interface Debt {
  ms: number;
  /** When `ms` was true. */
  at: number;
  /** It had more than it may have, and waits until enough is paid back. */
  waits: boolean;
}

export class LoopTime {
  readonly #ticks: () => number;
  readonly #lateMs: () => number;
  /** By account. */
  readonly #debts = new Map<string, Debt>();
  /** The caller that asked last, and when it was another one than the time before. */
  #asked: string | undefined;
  #otherAt = -Infinity;

  /** `ticks`: monotonic milliseconds. `lateMs`: how late the event loop is. */
  constructor(ticks: () => number, lateMs: () => number) {
    this.#ticks = ticks;
    this.#lateMs = lateMs;
  }

  /** Work took the loop for `ms` milliseconds without a break. It counts when there are others, and they have to wait for it. */
  took(ms: number, flow: string, server?: string): void {
    if (ms < LONG_MS && this.#lateMs() < LATE_MS) return;
    const now = this.#ticks();
    if (now - this.#otherAt >= ALONE_MS) return;
    const account = accountOf(flow, server);
    const debt = this.#debts.get(account) ?? { ms: 0, at: now, waits: false };
    payBack(debt, now);
    debt.ms = Math.min(debt.ms + ms, REMEMBERED_MS);
    debt.waits ||= debt.ms > MOST_MS;
    this.#debts.delete(account);
    this.#debts.set(account, debt);
    const [oldest] = this.#debts.keys();
    if (this.#debts.size > ACCOUNTS && oldest !== undefined) this.#debts.delete(oldest);
  }

  /** A caller wants something done, or is sent something by `server`. Milliseconds for which that has to wait; undefined: none. */
  wait(flow: string, server?: string): number | undefined {
    if (flow !== this.#asked) {
      if (this.#asked !== undefined) this.#otherAt = this.#ticks();
      this.#asked = flow;
    }
    if (this.#debts.size === 0) return undefined;
    const account = accountOf(flow, server);
    const debt = this.#debts.get(account);
    if (debt === undefined) return undefined;
    payBack(debt, this.#ticks());
    if (debt.ms <= AGAIN_MS) debt.waits = false;
    if (debt.ms <= 0) this.#debts.delete(account);
    return debt.waits && debt.at - this.#otherAt < ALONE_MS ? (debt.ms - AGAIN_MS) / PART : undefined;
  }

  /** Waits as long as it has to, or until the client has left: for what cannot be refused. */
  due(flow: string, server: string, gone: Gone): Awaitable<void> {
    const ms = this.wait(flow, server);
    return ms === undefined ? undefined : this.#later(flow, server, gone, ms);
  }

  /** Looks again each second: the others may have left. Whoever has waited first may have used up what was paid back. */
  async #later(flow: string, server: string, gone: Gone, ms: number): Promise<void> {
    for (let left: number | undefined = ms; left !== undefined && !gone.aborted; left = this.wait(flow, server))
      await pause(Math.min(left, LOOK_MS), gone);
  }
}

/** What a server sends to a caller is on an account of the two. */
function accountOf(flow: string, server: string | undefined): string {
  return server === undefined ? flow : `${flow}\u0000${server}`;
}

function payBack(debt: Debt, now: number): void {
  debt.ms = Math.max(0, debt.ms - (now - debt.at) * PART);
  debt.at = now;
}

function pause(ms: number, gone: Gone): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      gone.removeEventListener("abort", over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    gone.addEventListener("abort", over);
  });
}
