/** Nobody may make others wait for ever: neither a server that stops half way, nor a client that takes all connections. */
import { type ClientRequest, request } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";

const ANSWER = '{"jsonrpc":"2.0","id":1,"result":{}}';
const WHOLE = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${ANSWER.length}\r\n\r\n${ANSWER}`;
const STREAM = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

let server: Server;
let script: (request: string) => string;
let gateway: TestGateway;
const sockets = new Set<Socket>();
const calls: ClientRequest[] = [];

beforeEach(async () => {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      socket.write(script(chunk.toString()));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  gateway = await openGateway(`
servers:
  one: {url: "http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp"}
limits: {connections: 2, upstream_ms: 500, connect_ms: 500, body_ms: 500}
`);
});
afterEach(async () => {
  for (const call of calls.splice(0)) call.destroy();
  await gateway.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const answered = async (): Promise<number | "waiting"> =>
  Promise.race([send(gateway.endpoint("one"), { body: PING }).then(({ status }) => status), wait(3000).then(() => "waiting" as const)]);

function open(method: string, body?: string): ClientRequest {
  const call = request(gateway.endpoint("one"), {
    method,
    headers: { accept: "text/event-stream", ...(body === undefined ? {} : { "content-type": "application/json" }) },
  });
  call.on("error", () => {});
  call.end(body);
  calls.push(call);
  return call;
}

// limits.idle_ms is 0 by default (streams may rest), and holds for JSON bodies too: the call never ends.
test("a JSON answer that stops half way ends in an error", async () => {
  script = () => WHOLE.slice(0, -5);
  expect(await answered()).toBe(504);
});

// 256 resting GET streams of one client stop a server for everybody: calls queue behind them without any time limit.
test("streams of one client do not keep everybody's calls waiting for ever", async () => {
  script = (text) => (text.startsWith("GET") ? STREAM : WHOLE);
  for (let at = 0; at < 2; at += 1) open("GET");
  await wait(200);
  expect(await answered()).not.toBe("waiting");
});

// A queued call is not watched for its client's leaving: its body (up to 4 MiB) stays in memory until a connection is free.
test("a call that waits for a connection ends with its client", async () => {
  // Never answers: a stream would make room for the next call.
  script = () => "";
  for (let at = 0; at < 2; at += 1) open("POST", '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow"}}');
  await wait(200);
  const call = request(gateway.endpoint("one"), { method: "POST", headers: { "content-type": "application/json" } });
  call.on("error", () => {});
  call.end(PING);
  await wait(150);
  call.destroy();
  await wait(300);
  const gone = gateway.records().filter(({ reason, method }) => reason === "ERR_CLIENT_GONE" && method === "ping");
  expect(gone).toHaveLength(1);
});

// What is not wanted of an answer is skipped, however long that takes: each takes a connection from everybody, for ever.
test("answers that nobody waits for do not use up the connections", async () => {
  script = (text) => (text.includes("initialized") ? STREAM : WHOLE);
  for (let at = 0; at < 2; at += 1) await send(gateway.endpoint("one"), { body: '{"jsonrpc":"2.0","method":"notifications/initialized"}' });
  expect(await answered()).toBe(200);
});
