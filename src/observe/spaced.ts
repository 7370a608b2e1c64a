/**
 * Work that anybody may ask for and that costs more than asking: done once for all who wait, and not again at once. Must not know what
 * the work is.
 */
import { performance } from "node:perf_hooks";

/** The same work, begun at most once in `apartMs`. Whoever asks gets the answer of work that began after it was asked. */
export function spaced<T>(work: () => Promise<T>, apartMs: number): () => Promise<T> {
  let next: Promise<T> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let began = Number.NEGATIVE_INFINITY;
  const run = async (): Promise<T> => {
    await last;
    const early = began + apartMs - performance.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    next = undefined;
    began = performance.now();
    const mine = work();
    last = mine.catch(() => undefined);
    return mine;
  };
  return () => (next ??= run());
}
