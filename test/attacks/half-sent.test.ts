/** A request that stops half way is let go, on record once; and what comes behind a request never writes into another one's answer. */
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const BODY = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","arguments":{}}}';
const PROGRESS = 'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}\n\n';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let socket: Socket;
let came: string;
let closed: boolean;

beforeEach(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}"}}\nlimits: {body_ms: 400ms}`);
  came = "";
  closed = false;
  const { hostname, port } = new URL(gateway.gateway.url);
  socket = connect(Number(port), hostname);
  socket.on("data", (chunk) => {
    came += chunk.toString("latin1");
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    closed = true;
  });
});
afterEach(async () => {
  socket.destroy();
  await gateway.close();
  await upstream.close();
});

const head = (length: number): string =>
  `POST /one/mcp HTTP/1.1\r\nHost: ${new URL(gateway.gateway.url).host}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: ${length}\r\n\r\n`;

// Node looks for late requests twice a minute unless it is told otherwise: a thousand such connections cost an attacker nothing.
test.each([
  ["a body", () => head(BODY.length) + BODY.slice(0, 20)],
  ["a head", () => head(BODY.length).slice(0, 60)],
])("%s that stops half way is let go soon after limits.body_ms, on record once", async (_name, bytes) => {
  socket.write(bytes());
  await expect.poll(() => closed, { timeout: 5000 }).toBe(true);
  await expect.poll(() => gateway.records().length, { timeout: 2000 }).toBe(1);
  expect(gateway.records()).toMatchObject([{ kind: "refused", effect: "error" }]);
  expect(upstream.received).toEqual([]);
});

// Node parses on after the 408: also what a busy process reads late, because it stood still, comes after it.
test("the rest of a request that was refused for coming too late is not served", async () => {
  upstream.answer(json('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'));
  socket.allowHalfOpen = true;
  const whole = head(BODY.length) + BODY;
  socket.write(whole.slice(0, 60));
  await expect.poll(() => came, { timeout: 5000 }).toContain("HTTP/1.1 408");
  socket.end(whole.slice(60));
  await expect.poll(() => closed, { timeout: 5000 }).toBe(true);
  expect(upstream.received).toEqual([]);
  expect(gateway.records()).toMatchObject([{ kind: "refused", reason: "ERR_TIMEOUT_BODY" }]);
});

test("garbage behind a call does not write into its stream", async () => {
  upstream.answer((_received, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).write(PROGRESS);
  });
  socket.write(head(BODY.length) + BODY);
  await expect.poll(() => came, { timeout: 5000 }).toContain(PROGRESS);
  const before = came;
  socket.write("\u0000 this is no HTTP\r\n\r\n");
  await expect.poll(() => closed, { timeout: 5000 }).toBe(true);
  expect(came).toBe(before);
  // The call that it ends is on record; the bytes behind it are no request of their own.
  await expect.poll(() => gateway.records().at(-1)?.reason, { timeout: 2000 }).toBe("ERR_CLIENT_GONE");
  expect(gateway.records().map(({ kind }) => kind)).toEqual(["message", "message", "synthetic"]);
});

test("a second request behind a stream waits for its end", async () => {
  upstream.answer(events(PROGRESS, 'data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n'));
  socket.write((head(BODY.length) + BODY).repeat(2));
  await expect.poll(() => came.split("HTTP/1.1 200 OK").length - 1, { timeout: 5000 }).toBe(2);
  const second = came.lastIndexOf("HTTP/1.1 200 OK");
  expect(came.slice(0, second)).toContain('"result"');
});
