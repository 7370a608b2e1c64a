/**
 * How many requests may be under way with one server at a time. Who finds no slot waits, but neither for ever nor after its client has
 * left. Must not know what the slots are for.
 */
import { type Failure, fail, ok, type Result } from "../errors.ts";
import type { Gone } from "../departure.ts";

/** Gives the slot back; more than once does nothing more. */
export type Release = () => void;

interface Waiting {
  readonly take: () => void;
}

export class Slots {
  #free: number;
  readonly #waiting = new Set<Waiting>();

  constructor(count: number) {
    this.#free = count;
  }

  /** A slot if one is free. */
  take(): Release | undefined {
    if (this.#free === 0) return undefined;
    this.#free -= 1;
    return this.#release();
  }

  /** A slot, at once or within `ms`; fails when the time is over or `signal` aborts first. */
  acquire(ms: number, signal: Gone): Promise<Result<Release>> {
    if (signal.aborted) return Promise.resolve(fail({ code: "ERR_CLIENT_GONE" }));
    const free = this.take();
    if (free !== undefined) return Promise.resolve(ok(free));
    return new Promise((resolve) => {
      const settle = (result: Result<Release>): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        this.#waiting.delete(waiting);
        resolve(result);
      };
      const giveUp = (failure: Failure): void => {
        settle(fail(failure));
      };
      const waiting: Waiting = {
        take: () => {
          settle(ok(this.#release()));
        },
      };
      const onAbort = (): void => {
        giveUp({ code: "ERR_CLIENT_GONE" });
      };
      const timer = setTimeout(() => {
        giveUp({ code: "ERR_UPSTREAM_TIMEOUT", detail: "all connections are in use (limits.connections)" });
      }, ms);
      signal.addEventListener("abort", onAbort);
      this.#waiting.add(waiting);
    });
  }

  #release(): Release {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const [next] = this.#waiting;
      if (next === undefined) this.#free += 1;
      else next.take();
    };
  }
}
