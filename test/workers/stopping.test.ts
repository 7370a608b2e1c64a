/** A stop in good order: nothing new, streams told, calls under way finished or, in the end, broken and on record. */
import { once } from "node:events";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type EchoUpstream, openEcho } from "./echo-upstream.ts";
import { call, isEcho, lives, serve, type Stage, until } from "./stage.ts";

let upstream: EchoUpstream;
let stage: Stage | undefined;
beforeEach(async () => {
  upstream = await openEcho();
});
afterEach(async () => {
  await stage?.close();
  await upstream.close();
});

test.each([
  ["SIGTERM", 1],
  ["SIGINT", 2],
] as const)(
  "%s with %i workers lets a call under way finish, refuses new connections and ends with 0",
  { timeout: 60_000 },
  async (signal, workers) => {
    stage = await serve(upstream.url, workers);
    const { url } = stage;
    const pids = stage.workers();
    upstream.delay(2_000);
    const agent = new Agent({ keepAlive: true });
    const underWay = call(url, 1, { agent });
    await until(() => upstream.received.length === 1, "the call is with the server");
    stage.signal(signal);
    await until(() => refused(Number(new URL(url).port)), "new connections are refused");
    expect(isEcho(await underWay)).toBe(true);
    expect(await stage.ended).toBe(0);
    expect(pids.filter(lives)).toEqual([]);
    expect(stage.records().filter(({ kind }) => kind === "synthetic")).toEqual([]);
    agent.destroy();
  },
);

test("an open stream is told and ends in good order, an idle connection is closed", { timeout: 60_000 }, async () => {
  stage = await serve(upstream.url, 1);
  const { url } = stage;
  const agent = new Agent({ keepAlive: true });
  await call(url, 1, { agent });
  upstream.answer((_received, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": hello\n\n");
  });
  const stream = openStream(`${url}/one/mcp`);
  await until(() => stream.text.includes(": hello"), "the stream is open");
  stage.signal("SIGTERM");
  expect(await stage.ended).toBe(0);
  expect(await stream.ended).toBe("end");
  expect(stream.text).toBe(": hello\n\n: sluice is stopping\n\n");
  expect(stage.records().filter(({ kind }) => kind === "synthetic")).toEqual([]);
  agent.destroy();
});

test("connections on which nothing was asked do not hold the stop up", { timeout: 60_000 }, async () => {
  stage = await serve(upstream.url, 1, "limits: {drain_s: 600}");
  const { port } = new URL(stage.url);
  const silent = connect(Number(port), "127.0.0.1");
  await once(silent, "connect");
  expect(isEcho(await call(stage.url, 1))).toBe(true);
  stage.signal("SIGTERM");
  expect(await stage.ended).toBe(0);
  silent.destroy();
});

test("a call that outlasts limits.drain_s is told so, and on record", { timeout: 60_000 }, async () => {
  stage = await serve(upstream.url, 1, "limits: {drain_s: 1}");
  upstream.delay(60_000);
  const underWay = call(stage.url, 1);
  await until(() => upstream.received.length === 1, "the call is with the server");
  stage.signal("SIGTERM");
  const told = await underWay;
  expect(told.status).toBe(502);
  const { id, error } = JSON.parse(told.body) as { id: number; error: { code: number; data: { decision_id: string } } };
  expect([id, error.code]).toEqual([1, -31502]);
  expect(stage.records().at(-1)?.decision_id).toBe(error.data.decision_id);
  expect(await stage.ended).toBe(0);
  expect(stage.records().map(({ kind, reason }) => [kind, reason])).toEqual([
    ["message", undefined],
    ["synthetic", "ERR_INTERRUPTED"],
  ]);
});

test("a signal to the whole process group is obeyed by the supervisor alone", { timeout: 60_000 }, async () => {
  stage = await serve(upstream.url, 2);
  for (const worker of stage.workers()) for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.kill(worker, signal);
  const before = stage.workers();
  for (let id = 1; id <= 10; id += 1) expect(isEcho(await call(stage.url, id))).toBe(true);
  expect(stage.workers()).toEqual(before);
  upstream.delay(1_000);
  const underWay = call(stage.url, 11);
  await until(() => upstream.received.length === 11, "the call is with the server");
  for (const pid of [...before, stage.supervisor]) process.kill(pid, "SIGINT");
  expect(isEcho(await underWay)).toBe(true);
  expect(await stage.ended).toBe(0);
});

/** A GET that reads events until its connection ends. */
function openStream(url: string) {
  const seen = { text: "", ended: Promise.resolve("") };
  seen.ended = new Promise((resolve) => {
    const sent = request(url, { headers: { accept: "text/event-stream" } }, (response) => {
      response.setEncoding("utf8").on("data", (chunk: string) => {
        seen.text += chunk;
      });
      response.on("end", () => resolve("end"));
      response.on("error", () => resolve("broken"));
    });
    sent.on("error", () => resolve("broken"));
    sent.end();
  });
  return seen;
}

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
