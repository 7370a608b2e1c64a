/** An event loop that stands still: what was under way is on record once, nothing of it leaves, and the process ends. Real processes. */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, renameSync, statSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { send } from "../support/post.ts";
import { json } from "../support/upstream.ts";
import { call, openStage, type Stage, STALLING } from "./stage.ts";

const OK = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
const LIMITS = "{stall_ms: 800}";
const ALL = `0-${cpus().length - 1}`;
/** Whether one thread can be kept from a processor here: Linux, more than one of them, and the right to run something at real-time priority. */
const CAN_STARVE =
  existsSync("/proc/self/schedstat") && cpus().length > 1 && spawnSync("taskset", ["-c", "0", "chrt", "-f", "1", "true"]).status === 0;
// Only upper bounds: a process of its own starts slowly on a busy machine.
vi.setConfig({ testTimeout: 90_000 });
let stage: Stage;
afterEach(() => stage.close());

/** Resolves when something has come true. */
async function until(true_: () => boolean): Promise<void> {
  while (!true_()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A stalled call beside one that its server is slow to answer; resolves when the supervisor has been told. */
async function stall(): Promise<{ slow: Promise<unknown>; stalled: Promise<unknown> }> {
  stage.upstream.answer(() => {});
  const slow = send(stage.url, { body: call('{"a":1}') }).catch((fault: unknown) => fault);
  await until(() => stage.upstream.received.length === 1);
  const stalled = send(stage.url, { body: STALLING }).catch((fault: unknown) => fault);
  return { slow, stalled };
}

describe("a message that takes the policy for ever", () => {
  test("is recorded as stalled and never sent; what its server still had is recorded as interrupted; each once", async () => {
    stage = await openStage(LIMITS, { supervised: false });
    const { slow, stalled } = await stall();
    expect(await stage.ended).toEqual({ code: null, signal: "SIGKILL" });
    expect(await slow).toBeInstanceOf(Error);
    expect(await stalled).toBeInstanceOf(Error);
    expect(stage.upstream.received).toHaveLength(1);
    const records = stage.records();
    expect(records.map(({ kind, effect, reason, rpc_id }) => [kind, effect, reason, rpc_id])).toEqual([
      ["message", "allow", undefined, 1],
      ["synthetic", "error", "ERR_INTERRUPTED", undefined],
      ["message", "error", "ERR_STALLED", 7],
    ]);
    const [request, interrupted, last] = records;
    expect(interrupted).toMatchObject({ exchange_id: request?.exchange_id, direction: "server_to_client", method: "tools/call" });
    expect(last).toMatchObject({ server: "one", target: { kind: "tool", name: "echo" }, bytes_in: STALLING.length, bytes_out: 0 });
    expect(new Set(records.map(({ decision_id }) => decision_id)).size).toBe(3);
  });

  test("is told to the supervisor with the name of its flow, and the process waits, doing nothing, until it is ended", async () => {
    stage = await openStage(LIMITS);
    await stall();
    await until(() => stage.told.some(({ kind }) => kind === "stalled"));
    expect(stage.told).toEqual([
      { kind: "suspect", principals: ["\u0000loopback"] },
      { kind: "stalled", principals: ["\u0000loopback"], judging: 1, forwarded: 1 },
    ]);
    // The policy gives an answer in the end: longer than it takes, the process is still there and says nothing.
    await new Promise((resolve) => setTimeout(resolve, 5000));
    expect(stage.process.exitCode ?? stage.process.signalCode).toBeNull();
    expect(stage.upstream.received).toHaveLength(1);
    expect(stage.records()).toHaveLength(3);
    stage.process.kill("SIGKILL");
    expect(await stage.ended).toEqual({ code: null, signal: "SIGKILL" });
    expect(stage.records()).toHaveLength(3);
  });
});

describe("no stall is", () => {
  test("a process that was stopped and goes on", async () => {
    stage = await openStage("{stall_ms: 400}");
    stage.upstream.answer(json(OK));
    stage.process.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 2500));
    stage.process.kill("SIGCONT");
    const answer = await send(stage.url, { body: call("{}") });
    expect(answer.body.toString()).toBe(OK);
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(stage.told.filter(({ kind }) => kind === "stalled")).toEqual([]);
    expect(stage.process.exitCode ?? stage.process.signalCode).toBeNull();
  });

  test.skipIf(!CAN_STARVE)("a loop that gets no processor while others take it", async () => {
    stage = await openStage(LIMITS);
    const loop = String(stage.process.pid);
    // Of the process only the loop: the thread that watches it has a processor.
    execFileSync("taskset", ["-p", "-c", "0", loop]);
    const hog = spawn("taskset", ["-c", "0", "chrt", "-f", "1", process.execPath, "-e", "for (;;);"], { stdio: "ignore" });
    try {
      await new Promise((resolve) => setTimeout(resolve, 4000));
    } finally {
      hog.kill("SIGKILL");
      execFileSync("taskset", ["-p", "-c", ALL, loop]);
    }
    stage.upstream.answer(json(OK));
    expect(await send(stage.url, { body: call('{"a":1}') })).toMatchObject({ status: 200 });
    expect(stage.told.filter(({ kind }) => kind === "stalled")).toEqual([]);
  });

  test("work that takes less time than the limit", async () => {
    stage = await openStage("{stall_ms: 5s}");
    stage.upstream.answer(json(OK));
    await stage.order({ busy: 1000 });
    expect((await send(stage.url, { body: call("{}") })).body.toString()).toBe(OK);
    expect(stage.told).toEqual([]);
  });
});

test("work that is nobody's ends the process and is blamed on nobody", async () => {
  stage = await openStage("{stall_ms: 400}");
  void stage.order({ busy: 60_000 });
  await until(() => stage.told.length > 0);
  expect(stage.told).toEqual([{ kind: "stalled", principals: [], judging: 0, forwarded: 0 }]);
});

test("a fault that nobody caught ends the process with what was under way on record, under a code of its own", async () => {
  stage = await openStage(LIMITS);
  stage.upstream.answer(() => {});
  const slow = send(stage.url, { body: call('{"a":1}') }).catch((fault: unknown) => fault);
  await until(() => stage.upstream.received.length === 1);
  void stage.order({ crash: true });
  expect(await stage.ended).toEqual({ code: 1, signal: null });
  expect(await slow).toBeInstanceOf(Error);
  expect(stage.records().map(({ kind, effect, reason }) => [kind, effect, reason])).toEqual([
    ["message", "allow", undefined],
    ["synthetic", "error", "ERR_CRASHED"],
  ]);
  expect(stage.told).toEqual([]);
});

test.each([
  ["stands still", { busy: 60_000 }, "ERR_STALLED"],
  ["breaks down", { crash: true }, "ERR_CRASHED"],
])("a process that %s between judging and writing leaves one record of the message, and sends none of it", async (_what, order, reason) => {
  stage = await openStage(LIMITS, { supervised: false });
  stage.upstream.answer(json(OK));
  expect((await send(stage.url, { body: call("{}") })).body.toString()).toBe(OK);
  await stage.order({ ...order, beforeWrite: true });
  expect(await send(stage.url, { body: call("{}", 2) }).catch((fault: unknown) => fault)).toBeInstanceOf(Error);
  await stage.ended;
  expect(stage.upstream.received).toHaveLength(1);
  expect(stage.records().map(({ effect, reason: code, rpc_id }) => [effect, code, rpc_id])).toEqual([
    ["allow", undefined, 1],
    ["allow", undefined, 1],
    ["error", reason, 2],
  ]);
});

test("after a rotation the last records are in the new file", async () => {
  stage = await openStage(LIMITS, { supervised: false });
  renameSync(join(stage.folder, "audit.jsonl"), join(stage.folder, "old.jsonl"));
  await stage.order({ reopen: true });
  await send(stage.url, { body: STALLING }).catch(() => undefined);
  await stage.ended;
  expect(stage.records().map(({ reason }) => reason)).toEqual(["ERR_STALLED"]);
  expect(statSync(join(stage.folder, "audit.jsonl")).mode & 0o777).toBe(0o600);
});
