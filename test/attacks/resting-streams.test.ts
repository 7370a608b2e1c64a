/** Streams that rest, whoever opened them and with which method, take no connection from calls; and calls that wait for one may give up. */
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}';
const LISTEN = `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{},${META}}}`;
const LISTENING = { "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen" };
const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","arguments":{}}}';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let streams: ServerResponse[];
const calls: ClientRequest[] = [];

beforeEach(async () => {
  streams = [];
  upstream = await openUpstream();
  upstream.answer((received, response) => {
    if (received.body === PING) return json('{"jsonrpc":"2.0","id":1,"result":{}}')(received, response);
    // One that never answers holds its connection.
    if (received.body.includes("never")) return;
    streams.push(response);
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  });
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}"}}\nlimits: {connections: 2, connect_ms: 10s}`);
});
afterEach(async () => {
  for (const call of calls.splice(0)) call.destroy();
  await gateway.close();
  await upstream.close();
});

function start(method: string, body?: string, headers: Record<string, string> = {}): ClientRequest {
  const call = request(gateway.endpoint("one"), {
    method,
    headers: { accept: "application/json, text/event-stream", "content-type": "application/json", ...headers },
  });
  call.on("error", () => {});
  calls.push(call);
  call.end(body);
  return call;
}

async function open(method: string, body?: string, headers?: Record<string, string>): Promise<number | undefined> {
  const [response] = (await once(start(method, body, headers), "response")) as [IncomingMessage];
  response.on("error", () => {});
  response.resume();
  return response.statusCode;
}

test.each([
  ["GET", "GET", undefined, {}],
  ["tools/call", "POST", CALL, {}],
  ["subscriptions/listen", "POST", LISTEN, LISTENING],
] as const)("more streams of %s than there are connections leave calls one", async (_name, method, body, headers) => {
  for (let at = 0; at < 3; at += 1) expect(await open(method, body, headers)).toBe(200);
  expect(streams).toHaveLength(3);
  expect((await send(gateway.endpoint("one"), { body: PING })).status).toBe(200);
});

test("streams are bounded as well, and one that ends makes room", async () => {
  for (let at = 0; at < 8; at += 1) expect(await open("GET")).toBe(200);
  expect(await open("POST", CALL)).toBe(504);
  expect((await send(gateway.endpoint("one"), { body: PING })).status).toBe(200);
  streams[0]?.end();
  await expect.poll(() => open("GET"), { timeout: 5000 }).toBe(200);
});

test("a call that waits for a connection is over when its client leaves", async () => {
  for (let at = 0; at < 2; at += 1) start("POST", CALL.replace("slow", "never"));
  await expect.poll(() => upstream.received.length, { timeout: 5000 }).toBe(2);
  const call = start("POST", PING);
  await expect.poll(() => gateway.records().some(({ method }) => method === "ping"), { timeout: 5000 }).toBe(true);
  call.destroy();
  // Far less than the ten seconds that it may wait.
  await expect.poll(() => gateway.records().at(-1), { timeout: 5000 }).toMatchObject({ method: "ping", reason: "ERR_CLIENT_GONE" });
  expect(upstream.received).toHaveLength(2);
});
