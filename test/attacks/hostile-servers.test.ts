/** Answers that no decent server gives: each call ends, with one record for each message and nothing of what could not be judged. */
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";

let server: Server;
let answer = "";
let gateway: TestGateway;
const sockets = new Set<Socket>();
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{}}';
const LEAK = '{"jsonrpc":"2.0","id":1,"result":{"leak":"leaked"}}';
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

beforeAll(async () => {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", () => {
      socket.write(answer, "latin1");
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  gateway = await openGateway(`
servers:
  one: {url: "http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp"}
limits: {upstream_ms: 400}
`);
});
afterAll(async () => {
  await gateway.close();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const head = (status: string, body: string, type = "application/json", more = ""): string =>
  `HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
const sse = (text: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n${text}`;

test.each([
  ["nothing", "", 504],
  ["no HTTP", LEAK, 502],
  ["status 000", head("000 X", LEAK), 502],
  ["status 199", head("199 X", LEAK), 502],
  ["status 101", `HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n${LEAK}`, 502],
  ["a body on an early hint", head("103 X", LEAK), 502],
  ["204 with a body", head("204 X", LEAK), 502],
  ["304 with a body", head("304 X", LEAK), 502],
  ["a redirect", head("307 X", LEAK, "application/json", "Location: http://attacker.example/\r\n"), 502],
  ["202 for a request", "HTTP/1.1 202 X\r\nContent-Length: 0\r\n\r\n", 502],
  ["length and chunks", head("200 OK", LEAK, "application/json", "Transfer-Encoding: chunked\r\n"), 502],
  ["a control character in a header", head("200 OK", LEAK, "application/json", "X-A: a\x01b\r\n"), 502],
  ["a coding nobody asked for", head("200 OK", LEAK, "application/json", "Content-Encoding: gzip\r\n"), 502],
  ["a second coding", head("200 OK", "\x1f\x8b", "application/json", "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"), 502],
  ["text", head("200 OK", LEAK, "text/plain"), 502],
  ["JSON of another type", head("200 OK", LEAK, "application/problem+json"), 502],
  ["a stream with status 202", head("202 X", `data: ${LEAK}\n\n`, "text/event-stream"), 502],
  ["a page with status 500", head("500 X", "<html>leaked</html>", "text/html"), 500],
  ["JSON with status 401", head("401 X", LEAK), 401],
  ["another answer", head("200 OK", LEAK.replace('"id":1', '"id":"1"')), 502],
  ["an answer to nobody", head("200 OK", LEAK.replace('"id":1', '"id":2')), 502],
  ["a notification", head("200 OK", '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"leaked","level":"info"}}'), 502],
  ["a request", head("200 OK", '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"leaked"}}'), 502],
  ["a batch", head("200 OK", `[${LEAK}]`), 502],
])("%s: the call ends, and nothing of it arrives", async (_name, bytes, status) => {
  answer = bytes;
  const reply = await send(gateway.endpoint("one"), { body: PING });
  expect(reply.status).toBe(status);
  expect(reply.body.toString()).not.toContain("leaked");
  expect(JSON.parse(reply.body.toString())).toMatchObject({ jsonrpc: "2.0", id: 1, error: {} });
  expect(reply.headers).not.toHaveProperty("location");
  for (const socket of sockets) socket.destroy();
});

test.each([
  ["a second answer", `data: ${RESULT}\n\ndata: ${LEAK}\n\n`],
  ["an answer under another type of id", `data: ${LEAK.replace('"id":1', '"id":"1"')}\n\ndata: ${RESULT}\n\n`],
  ["a result without an id", `data: ${LEAK.replace('"id":1', '"id":null')}\n\ndata: ${RESULT}\n\n`],
  ["an event of another name", `event: endpoint\ndata: leaked\n\ndata: ${RESULT}\n\n`],
  ["a message in an event of another name", `event: x\ndata: ${LEAK}\n\ndata: ${RESULT}\n\n`],
  ["an event that never ends", `data: ${RESULT}\n\ndata: ${LEAK}\n`],
  ["lines of no field", `leaked: x\ndata: ${RESULT}\n\n`],
  ["an id that is replaced", `id: leaked\nid: 1\ndata: ${RESULT}\n\n`],
  ["a retry that is no number", `retry: leaked\ndata: ${RESULT}\n\n`],
  [
    "a request under the id of the call",
    `data: {"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"x":"leaked"}}\n\ndata: ${RESULT}\n\n`,
  ],
])("on a stream, %s: does not arrive, and the answer does", async (_name, text) => {
  answer = sse(text);
  const before = gateway.records().length;
  const reply = await send(gateway.endpoint("one"), { body: PING });
  expect(reply.body.toString()).not.toContain("leaked");
  expect(reply.body.toString()).toContain(`data: ${RESULT}\n\n`);
  const ids = gateway
    .records()
    .slice(before)
    .map(({ decision_id }) => decision_id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const socket of sockets) socket.destroy();
});
