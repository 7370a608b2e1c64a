/**
 * Whose messages ended workers: a caller that was named twice is refused for a while. Pure: the time is passed in. Must not be told
 * more of a caller than its flow.
 */
import type { Quarantined } from "../watch/quarantine.ts";

/** Two strikes count together when they are no farther apart. */
const WINDOW_MS = 10 * 60_000;
/** Callers that are remembered; of more, the first ones named are forgotten. */
const CALLERS = 4096;

export class Strikes {
  /** When each caller was named last. */
  readonly #struck = new Map<string, number>();
  /** Until when each is refused. */
  readonly #until = new Map<string, number>();

  /** A worker ended at `now` (monotonic milliseconds) with the work of these callers. Answers who is refused from now on. */
  strike(principals: readonly string[], now: number, quarantineMs: number): Quarantined[] {
    return [...new Set(principals)].flatMap((principal) => {
      const before = this.#struck.get(principal);
      // A quarantine that has ended does not start anew at the next strike alone.
      if (before === undefined || now - before > WINDOW_MS) {
        keep(this.#struck, principal, now);
        return [];
      }
      this.#struck.delete(principal);
      keep(this.#until, principal, now + quarantineMs);
      return [{ principal, ms: quarantineMs }];
    });
  }

  /** Everybody who is refused at `now`, for a worker that has just started. */
  quarantined(now: number): Quarantined[] {
    for (const [principal, until] of this.#until) if (until <= now) this.#until.delete(principal);
    return [...this.#until].map(([principal, until]) => ({ principal, ms: until - now }));
  }
}

function keep(map: Map<string, number>, key: string, value: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > CALLERS && oldest !== undefined) map.delete(oldest);
}

/** A flow as a person reads it: those of anonymous callers are addresses behind a NUL. */
export function readable(flow: string): string {
  return flow.startsWith("\u0000") ? `anonymous at ${flow.slice(1)}` : flow;
}
