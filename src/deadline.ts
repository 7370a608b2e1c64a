/**
 * Holds work that waits to a time, with one timer for all of it: a timer for each message would cost more than the rest of its
 * bookkeeping. Must not be relied on for work that does not wait: that holds up the timer as well, and is the watchdog's.
 */
import { Fault } from "./errors.ts";

/** Part of the time by which a deadline may come late. */
const LATE = 1 / 20;

/** The same work, rejected with ERR_STAGE when it takes longer. */
export type Timely = <T>(work: Promise<T>) => Promise<T>;

/** `ms`: the longest that the work may take. */
export function deadline(ms: number): Timely {
  /** In the order of their deadlines, as all have the same time. */
  const waiting = new Set<{ readonly until: number; readonly late: () => void }>();
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    const now = performance.now();
    for (const each of waiting) {
      if (each.until > now) break;
      waiting.delete(each);
      each.late();
    }
    if (waiting.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  return (work) =>
    new Promise((resolve, reject) => {
      const late = (): void => {
        reject(new Fault({ code: "ERR_STAGE", detail: "the message was not judged in time" }));
      };
      const mine = { until: performance.now() + ms, late };
      waiting.add(mine);
      timer ??= setInterval(look, ms * LATE);
      // Only work that is waited for keeps a process alive.
      if (waiting.size === 1) timer.ref();
      const leave = (): void => {
        waiting.delete(mine);
        if (waiting.size === 0) timer?.unref();
      };
      work.then(
        (value) => {
          leave();
          resolve(value);
        },
        (fault: unknown) => {
          leave();
          reject(fault instanceof Error ? fault : new Error("a stage rejected with something else than an error"));
        },
      );
    });
}
