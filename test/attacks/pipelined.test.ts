/** Requests behind one another on one connection: what waits for its turn to answer is let go with the connection, like any other call. */
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const BEHIND = 8;
/** Of which one caller has nine at most: the stream and what is behind it. */
const IN_FLIGHT = 12;

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let socket: Socket;

beforeEach(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}"}}\nlimits: {in_flight: ${IN_FLIGHT}, body_ms: 1s}`);
  const { hostname, port } = new URL(gateway.gateway.url);
  socket = connect(Number(port), hostname);
  socket.on("error", () => {});
});
afterEach(async () => {
  socket.destroy();
  await gateway.close();
  await upstream.close();
});

const request = (method: string, body = ""): string =>
  `${method} /one/mcp HTTP/1.1\r\nHost: ${new URL(gateway.gateway.url).host}\r\nAccept: application/json, text/event-stream\r\n` +
  (body === "" ? "\r\n" : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);

const inFlight = async (): Promise<string | undefined> => {
  const text = await (await fetch(`${gateway.gateway.url}/metrics`)).text();
  return /^sluice_calls_in_flight (\d+)/m.exec(text)?.[1];
};

// A response whose turn never came must close as well: else the calls stay in flight, and everybody gets 503 from then on.
test("calls behind a resting stream are in flight no longer than their connection", async () => {
  upstream.answer(({ method }, response) => {
    if (method === "GET") response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    else response.writeHead(200, { "content-type": "application/json" }).end('{"jsonrpc":"2.0","id":1,"result":{}}');
  });
  socket.write(request("GET") + request("POST", PING).repeat(BEHIND));
  await expect.poll(() => upstream.received.length, { timeout: 5000 }).toBe(BEHIND + 1);
  socket.destroy();
  await expect.poll(inFlight, { timeout: 5000 }).toBe("0");
  expect((await send(gateway.endpoint("one"), { body: PING })).status).toBe(200);
});

// One connection was enough to keep everybody out for as long as it liked.
test("calls behind a resting stream take their answers in time, or their connection ends", { timeout: 30_000 }, async () => {
  upstream.answer(({ method }, response) => {
    if (method === "GET") response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    else response.writeHead(200, { "content-type": "application/json" }).end('{"jsonrpc":"2.0","id":1,"result":{}}');
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.resume().write(request("GET") + request("POST", PING).repeat(BEHIND));
  await closed;
  await expect.poll(inFlight, { timeout: 5000 }).toBe("0");
  expect((await send(gateway.endpoint("one"), { body: PING })).status).toBe(200);
});
