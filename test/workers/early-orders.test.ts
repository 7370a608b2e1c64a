/** A worker that was forked and not told yet what to serve takes whatever its siblings are told. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Keeper, keepSocket } from "../../src/workers/keeper.ts";
import { WorkerProcess } from "../../src/workers/worker-process.ts";

let keeper: Keeper;
let worker: WorkerProcess;

beforeEach(async () => {
  const kept = await keepSocket("127.0.0.1", 0);
  if (!kept.ok) throw kept.failure;
  keeper = kept.value;
  worker = new WorkerProcess(keeper.fd);
});
afterEach(async () => {
  worker.kill();
  await worker.ended;
  await keeper.close();
});

// While a reload keeps a replacement waiting, another caller may end one more worker.
test.each([
  ["a quarantine", { kind: "quarantine", principals: [{ principal: "eve", ms: 1000 }] }],
  ["a new audit file", { kind: "reopen" }],
  ["the end of a reload", { kind: "forget", reload: 1 }],
] as const)("%s does not end it", { timeout: 60_000 }, async (_what, order) => {
  worker.tell(order);
  worker.tell({ kind: "drain", ms: 0 });
  expect(await worker.ended).toEqual({ code: 0, signal: null });
});
