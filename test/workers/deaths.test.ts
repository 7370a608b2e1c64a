/** What the end of any process costs: its own connections, and nothing else. */
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sumOf } from "../support/metrics.ts";
import { send } from "../support/post.ts";
import { load } from "./load.ts";
import { type EchoUpstream, openEcho } from "./echo-upstream.ts";
import { SLOW_RULE, STALLING } from "../watch/stage.ts";
import { call, childrenOf, isEcho, lives, post, serve, type Stage, until } from "./stage.ts";

let upstream: EchoUpstream;
let stage: Stage | undefined;
beforeEach(async () => {
  upstream = await openEcho();
});
afterEach(async () => {
  await stage?.close();
  await upstream.close();
});

test.each([1, 2])(
  "kill -9 of one of %i workers breaks its own connections only, and it is replaced",
  { timeout: 90_000 },
  async (workers) => {
    stage = await serve(upstream.url, workers);
    const { url } = stage;
    const before = stage.workers();
    expect(before).toHaveLength(workers);
    const clients = load(url, 8);
    await until(() => clients.answered.length > 20, "calls are answered");
    const [victim] = before as [number];
    process.kill(victim, "SIGKILL");
    // Made while perhaps nobody serves: it waits for the replacement.
    expect(isEcho(await call(url, 1))).toBe(true);
    await until(() => stage?.workers().length === workers && !stage.workers().includes(victim), "a replacement");
    const sofar = clients.answered.length;
    await until(() => clients.answered.length > sofar + 20, "calls are answered again");
    await clients.stop();
    expect(clients.wrong).toEqual([]);
    expect(clients.broken.length).toBeLessThanOrEqual(8);
    if (workers === 2) expect(stage.workers()).toContain(before[1]);
    await until(async () => sumOf((await stage?.metrics()) ?? "", "sluice_workers") === workers, "the gauge of workers");
    const metrics = await stage.metrics();
    expect(sumOf(metrics, "sluice_worker_deaths_total", { reason: "killed" })).toBe(1);

    const forwarded = upstream.ids();
    const records = stage.records().filter(({ method, direction }) => method === "tools/call" && direction === "client_to_server");
    const recorded = new Set(records.map(({ rpc_id }) => rpc_id));
    expect(forwarded.filter((id) => !recorded.has(id))).toEqual([]);
    expect(new Set(forwarded).size).toBe(forwarded.length);
  },
);

test("counters do not go backwards when a worker is replaced", { timeout: 90_000 }, async () => {
  stage = await serve(upstream.url, 1);
  const { url } = stage;
  for (let id = 1; id <= 5; id += 1) await call(url, id);
  const count = async (): Promise<number> => sumOf((await stage?.metrics()) ?? "", "sluice_messages_total", { method: "tools/call" });
  expect(await count()).toBe(10);
  const [victim] = stage.workers() as [number];
  process.kill(victim, "SIGKILL");
  await call(url, 6);
  expect(await count()).toBe(12);
});

test("counters do not go backwards while a worker that stands still waits for its replacement", { timeout: 90_000 }, async () => {
  stage = await serve(upstream.url, 2, "limits: {stall_ms: 500}\npolicy: {path: ./rules}", { "rules/slow.rego": SLOW_RULE });
  const { url, says } = stage;
  // A connection of its own each time: one that was made before may be the standing worker's, and breaks with it.
  const metrics = new URL("/metrics", url).href;
  const count = async (): Promise<number> =>
    sumOf((await send(metrics, { method: "GET", headers: { connection: "close" } })).body.toString(), "sluice_messages_total");
  for (let id = 1; id <= 20; id += 1) await call(url, id);
  const before = await count();
  expect(before).toBe(40);
  const stalled = post(url, JSON.parse(STALLING) as object).catch((fault: unknown) => fault);
  await says("stderr", /stands still/);
  const counts: number[] = [];
  let replaced = false;
  void says("stderr", /"reason":"stalled"/).then(() => (replaced = true));
  do {
    counts.push(await count());
  } while (!replaced);
  expect(await stalled).toBeInstanceOf(Error);
  expect(counts.filter((each) => each < before)).toEqual([]);
});

test("kill -9 of the supervisor ends the workers and frees the port; no forwarded message is without its record", {
  timeout: 90_000,
}, async () => {
  stage = await serve(upstream.url, 2);
  const { url, supervisor } = stage;
  const workers = childrenOf(supervisor);
  const clients = load(url, 8);
  await until(() => clients.answered.length > 50, "calls are answered");
  process.kill(supervisor, "SIGKILL");
  await until(() => !workers.some(lives), "the workers end");
  const ended = clients.stop();
  await until(() => refused(Number(new URL(url).port)), "the port is free");
  await ended;
  expect(clients.wrong).toEqual([]);
  const recorded = new Set(stage.records().map(({ rpc_id }) => rpc_id));
  expect(upstream.ids().filter((id) => !recorded.has(id))).toEqual([]);
});

test("kill -9 of the supervisor leaves a call that was with the server on record as interrupted", { timeout: 90_000 }, async () => {
  stage = await serve(upstream.url, 1);
  upstream.delay(60_000);
  const underWay = call(stage.url, 1).then(
    () => "answered",
    () => "broken",
  );
  await until(() => upstream.received.length === 1, "the call is with the server");
  const [worker] = stage.workers() as [number];
  process.kill(stage.supervisor, "SIGKILL");
  expect(await underWay).toBe("broken");
  await until(() => !lives(worker), "the worker ends");
  expect(stage.records().map(({ kind, reason }) => [kind, reason])).toEqual([
    ["message", undefined],
    ["synthetic", "ERR_INTERRUPTED"],
  ]);
});

test("workers that end at once again and again are not started in a loop", { timeout: 90_000 }, async () => {
  stage = await serve(upstream.url, 1);
  const killed = new Set<number>();
  const deadline = Date.now() + 8_000;
  while (Date.now() < deadline) {
    for (const worker of stage.workers())
      if (!killed.has(worker)) {
        killed.add(worker);
        process.kill(worker, "SIGKILL");
      }
    await wait(10);
  }
  expect(killed.size).toBeGreaterThanOrEqual(5);
  expect(killed.size).toBeLessThan(12);
  await stage.says("stderr", /workers end again and again/);
  expect(isEcho(await call(stage.url, 1))).toBe(true);
});

function refused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", () => resolve(true));
  });
}
