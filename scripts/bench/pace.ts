/**
 * A clock for open loops. A thread of its own sleeps, because timers of the event loop are a millisecond coarse. Must not know what is due.
 */
import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";

const SLEEPER = `
const { parentPort, workerData: { gap, count } } = require("node:worker_threads");
const cell = new Int32Array(new SharedArrayBuffer(4));
const now = () => performance.timeOrigin + performance.now();
const start = now();
for (let n = 0; n < count; n++) {
  const at = start + n * gap;
  const wait = at - now();
  if (wait > 0) Atomics.wait(cell, 0, 0, wait);
  parentPort.postMessage(at);
}`;

/** Calls `due` at even distances with the moment that was meant, in milliseconds as `performance.now()` counts; resolves after the last. */
export function pace(perSecond: number, seconds: number, due: (at: number) => void): Promise<void> {
  const workerData = { gap: 1000 / perSecond, count: Math.max(1, Math.round(perSecond * seconds)) };
  return new Promise((resolve, reject) => {
    const sleeper = new Worker(SLEEPER, { eval: true, workerData });
    sleeper.on("message", (at: number) => {
      due(at - performance.timeOrigin);
    });
    sleeper.on("error", reject);
    sleeper.on("exit", () => {
      resolve();
    });
  });
}
