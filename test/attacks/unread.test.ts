/** Answers that nobody takes: what is held for them would keep everybody else out, so their clients are let go after a while. */
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { metricOf } from "../support/metrics.ts";
import { openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
/** More of them than the kernel keeps for a client that does not read. */
const ANSWERS = 16;
const TEXT = "a ".repeat(400_000);
const ANSWER = `{"jsonrpc":"2.0","id":1,"result":{"a":"${TEXT}","b":"${TEXT}"}}`;
const NOTICE = `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":["${TEXT}","${TEXT}"]}}\n\n`;

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let socket: Socket;
let closed: Promise<unknown>;

beforeEach(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}"}}\nlimits: {body_ms: 1s}`);
  const { hostname, port } = new URL(gateway.gateway.url);
  socket = connect(Number(port), hostname);
  socket.pause();
  socket.on("error", () => {});
  closed = new Promise((resolve) => {
    socket.once("close", resolve);
  });
});
afterEach(async () => {
  socket.destroy();
  await gateway.close();
  await upstream.close();
});

const post = (): string =>
  `POST /one/mcp HTTP/1.1\r\nHost: ${new URL(gateway.gateway.url).host}\r\nAccept: application/json, text/event-stream\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${PING.length}\r\n\r\n${PING}`;
const held = (): Promise<number> => metricOf(gateway.gateway.url, "sluice_buffered_bytes");

test("JSON answers that are not taken are held no longer than limits.body_ms", { timeout: 30_000 }, async () => {
  upstream.answer((_received, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(ANSWER);
  });
  socket.write(post().repeat(ANSWERS));
  await expect.poll(held, { timeout: 10_000 }).toBeGreaterThan(ANSWER.length);
  await expect.poll(held, { timeout: 15_000 }).toBe(0);
});

test("a stream whose client makes no room for limits.body_ms ends, on record", { timeout: 30_000 }, async () => {
  upstream.answer((_received, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (let event = 0; event < ANSWERS; event += 1) response.write(NOTICE);
  });
  socket.write(post());
  await expect.poll(held, { timeout: 10_000 }).toBeGreaterThan(NOTICE.length);
  await expect.poll(held, { timeout: 15_000 }).toBe(0);
  expect(gateway.records().filter(({ reason }) => reason === "ERR_CLIENT_GONE")).toHaveLength(1);
  // What the kernel had taken can still be read; then the connection is over.
  socket.resume();
  await closed;
});
