/**
 * A client that hangs up, at each stage of its call: what was not forwarded yet never is, the server's connection is let go, one record says
 * so, and nothing is left behind.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Judgement } from "../../src/stages.ts";
import { answersJson, beginsStream, type FaultyUpstream, openFaultyUpstream, type Script } from "../support/faulty-upstream.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { metricOf } from "../support/metrics.ts";
import { send } from "../support/post.ts";
import { atRest } from "../support/rest.ts";

const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
const BODY = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","arguments":{}}}';
const EVENT = 'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}\n\n';

let upstream: FaultyUpstream;
/** Takes connections and never says a word: a TLS handshake with it never ends. */
let mute: Server;
const muted = new Set<Socket>();
let gateway: TestGateway;
let socket: Socket;
let came: string;
/** Holds whatever is judged while it is set. */
let hold: Promise<void> | undefined;
let judging: number;

const holding = (real: Judgement): Judgement => ({
  ...real,
  decide: async (...args) => {
    judging += 1;
    await hold;
    return real.decide(...args);
  },
});

beforeEach(async () => {
  [hold, judging, came] = [undefined, 0, ""];
  upstream = await openFaultyUpstream();
  mute = createServer((each) => {
    muted.add(each);
    each.resume();
    each.on("error", () => {});
    each.on("close", () => muted.delete(each));
  });
  await new Promise<void>((resolve) => {
    mute.listen(0, "127.0.0.1", resolve);
  });
  gateway = await openGateway(
    `servers:\n  one: {url: "${upstream.url}"}\n  mute: {url: "https://127.0.0.1:${(mute.address() as AddressInfo).port}/mcp"}\nlimits: {connect_ms: 1s}`,
    {},
    { judgement: holding },
  );
  const { hostname, port } = new URL(gateway.gateway.url);
  socket = connect(Number(port), hostname);
  socket.on("data", (text) => {
    came += text.toString("latin1");
  });
  socket.on("error", () => {});
});
afterEach(async () => {
  socket.destroy();
  await gateway.close();
  await upstream.close();
  for (const each of muted) each.destroy();
  mute.close();
});

const head = (server: string): string =>
  `POST /${server}/mcp HTTP/1.1\r\nHost: ${new URL(gateway.gateway.url).host}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: ${BODY.length}\r\n\r\n`;
const told = () => gateway.records().map(({ kind, effect, reason }) => [kind, effect, reason]);

/** Everything is over: the last record is about the client that left, and a following call is served. */
async function over(records: unknown[][], sent: number): Promise<void> {
  await expect.poll(told, { timeout: 10_000 }).toEqual(records);
  await atRest(gateway.gateway.url);
  expect(upstream.arrivals).toHaveLength(sent);
  if (records.some(([kind]) => kind === "synthetic")) expect(await metricOf(gateway.gateway.url, "sluice_clients_gone_total")).toBe(1);
  hold = undefined;
  upstream.script(answersJson(RESULT));
  expect((await send(gateway.endpoint("one"), { body: BODY })).body.toString()).toBe(RESULT);
}

const GONE = "ERR_CLIENT_GONE";
const ALLOWED = ["message", "allow", undefined];

test.each([
  ["before its body", ""],
  ["in the middle of its body", BODY.slice(0, 30)],
])("%s", async (_stage, part) => {
  socket.write(head("one") + part);
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.resetAndDestroy();
  await over([["refused", "error", GONE]], 0);
  expect(await metricOf(gateway.gateway.url, "sluice_refused_total", { code: GONE })).toBe(1);
});

test("while its message is judged: it is not forwarded any more", async () => {
  let release = (): void => {};
  hold = new Promise((resolve) => {
    release = resolve;
  });
  socket.write(head("one") + BODY);
  await expect.poll(() => judging, { timeout: 5000 }).toBe(1);
  socket.resetAndDestroy();
  // Until the gateway has noticed.
  await new Promise((resolve) => setTimeout(resolve, 200));
  release();
  await over([ALLOWED, ["synthetic", "error", GONE]], 0);
});

test("while the server is being connected to: it is not kept waiting, and nothing is sent", async () => {
  socket.write(head("mute") + BODY);
  await expect.poll(() => muted.size, { timeout: 5000 }).toBe(1);
  socket.resetAndDestroy();
  await over([ALLOWED, ["synthetic", "error", GONE]], 0);
  await expect.poll(() => muted.size, { timeout: 5000 }).toBe(0);
});

test("while a refused connection waits for its second attempt", async () => {
  await upstream.refuse();
  socket.write(head("one") + BODY);
  await expect.poll(() => metricOf(gateway.gateway.url, "sluice_upstream_retries_total"), { timeout: 5000, interval: 5 }).toBe(1);
  socket.resetAndDestroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await upstream.listen();
  await over([ALLOWED, ["synthetic", "error", GONE]], 0);
});

const stages: [string, Script, unknown[][]][] = [
  ["while the server thinks", () => {}, [ALLOWED]],
  [
    "in the middle of a JSON answer",
    (_arrival, peer) => peer.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"json`),
    [ALLOWED],
  ],
  ["in the middle of a stream", beginsStream([EVENT]), [ALLOWED, ALLOWED]],
];
test.each(stages)("%s: the server's connection is let go", async (_stage, script, before) => {
  upstream.script(script);
  socket.write(head("one") + BODY);
  await expect.poll(() => upstream.arrivals.length, { timeout: 5000 }).toBe(1);
  if (before.length > 1) await expect.poll(() => came, { timeout: 5000 }).toContain("notifications/message");
  else await new Promise((resolve) => setTimeout(resolve, 100));
  socket.resetAndDestroy();
  await expect.poll(() => upstream.open, { timeout: 5000 }).toBe(0);
  await over([...before, ["synthetic", "error", GONE]], 1);
});

test("of the GET stream", async () => {
  upstream.script(beginsStream([EVENT]));
  socket.write(`GET /one/mcp HTTP/1.1\r\nHost: ${new URL(gateway.gateway.url).host}\r\nAccept: text/event-stream\r\n\r\n`);
  await expect.poll(() => came, { timeout: 5000 }).toContain("notifications/message");
  socket.resetAndDestroy();
  await expect.poll(() => upstream.open, { timeout: 5000 }).toBe(0);
  await over([["transport", "allow", undefined], ALLOWED, ["synthetic", "error", GONE]], 1);
});
