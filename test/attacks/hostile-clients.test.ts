/** Requests that some other server on the way would read otherwise, and pages of other origins: judged and on record once, or not forwarded. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";
import { exchange } from "./raw-client.ts";

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let host: string;
const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const DENIED = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"denied"}}';
const CHUNK = `${PING.length.toString(16)}\r\n${PING}\r\n`;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers:\n  one: {url: "${upstream.url}", settings: {protocol_and_identity: {deny_tools: [denied]}}}`);
  host = new URL(gateway.gateway.url).host;
  upstream.answer(json('{"jsonrpc":"2.0","id":1,"result":{}}'));
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const post = (headers: string, body: string, target = "/one/mcp"): string =>
  `POST ${target} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n${headers}\r\n${body}`;
const whole = (body: string, headers = ""): string => post(`${headers}Content-Length: ${body.length}\r\n`, body);
const chunked = (headers: string, rest: string): string => post(`${headers}Transfer-Encoding: chunked\r\n`, rest);

/** Statuses that come back, bodies that reach the server, records of messages of the client. */
const FRAMING: [string, () => string, { statuses: number[]; forwarded: number; messages: number }][] = [
  ["length and chunks", () => chunked("Content-Length: 4\r\n", "0\r\n\r\n"), { statuses: [400], forwarded: 0, messages: 0 }],
  ["two lengths", () => post("Content-Length: 40\r\nContent-Length: 0\r\n", PING), { statuses: [400], forwarded: 0, messages: 0 }],
  ["bare line feeds", () => whole(PING).replaceAll("\r\n", "\n"), { statuses: [400], forwarded: 0, messages: 0 }],
  ["a folded header", () => whole(PING, "X-A: a\r\n b\r\n"), { statuses: [400], forwarded: 0, messages: 0 }],
  ["a space before the colon", () => whole(PING, "Mcp-Name : x\r\n"), { statuses: [400], forwarded: 0, messages: 0 }],
  ["an absolute target", () => whole(PING).replace("/one", "http://other.example/one"), { statuses: [400], forwarded: 0, messages: 0 }],
  ["two slashes", () => whole(PING).replace("/one", "//one"), { statuses: [404], forwarded: 0, messages: 0 }],
  ["CONNECT", () => `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n${whole(DENIED)}`, { statuses: [400], forwarded: 0, messages: 0 }],
  ["a body on GET", () => whole(PING).replace("POST", "GET"), { statuses: [400], forwarded: 0, messages: 0 }],
  ["a body on DELETE", () => whole(PING).replace("POST", "DELETE"), { statuses: [400], forwarded: 0, messages: 0 }],
  [
    "a request in a refused body",
    () => post("Content-Length: 500\r\nOrigin: null\r\n", whole(PING)),
    { statuses: [403], forwarded: 0, messages: 0 },
  ],
  [
    "HTTP/1.0 without a host",
    () =>
      whole(PING)
        .replace("1.1", "1.0")
        .replace(/Host: .*\r\n/, ""),
    { statuses: [403], forwarded: 0, messages: 0 },
  ],
  ["an upgrade", () => whole(PING, "Connection: Upgrade\r\nUpgrade: websocket\r\n"), { statuses: [200], forwarded: 1, messages: 1 }],
  [
    "an unannounced trailer",
    () => chunked("", `${CHUNK}0\r\nMcp-Name: denied\r\nAuthorization: x\r\n\r\n`),
    { statuses: [200], forwarded: 1, messages: 1 },
  ],
  ["two requests at once, the second denied", () => whole(PING) + whole(DENIED), { statuses: [200, 200], forwarded: 1, messages: 2 }],
  ["a connection that takes Mcp-Name away", () => whole(PING, "Connection: mcp-name\r\n"), { statuses: [400], forwarded: 0, messages: 0 }],
];

test.each(FRAMING)("%s", async (_name, bytes, expected) => {
  upstream.received.length = 0;
  const before = gateway.records().length;
  const text = await exchange(gateway.gateway.url, bytes());
  expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))).toEqual(expected.statuses);
  expect(upstream.received).toHaveLength(expected.forwarded);
  for (const { headers, body } of upstream.received) {
    expect(body).toBe(PING);
    expect(Object.keys(headers)).not.toEqual(expect.arrayContaining(["upgrade"]));
    expect(headers).not.toHaveProperty("trailer");
  }
  const messages = gateway
    .records()
    .slice(before)
    .filter(({ kind, direction }) => kind === "message" && direction === "client_to_server");
  expect(messages).toHaveLength(expected.messages);
});

// DNS rebinding and pages of other origins: everything a browser can send with a name or an origin that is not this gateway's.
test.each([
  ["another name", () => whole(PING).replace(`Host: ${host}`, "Host: attacker.example")],
  ["another name with the right port", () => whole(PING).replace(`Host: ${host}`, `Host: attacker.example:${host.split(":")[1]}`)],
  ["a name with a trailing dot", () => whole(PING).replace(`Host: ${host}`, `Host: localhost.:${host.split(":")[1]}`)],
  ["this machine without the port", () => whole(PING).replace(`Host: ${host}`, "Host: 127.0.0.1")],
  ["a mapped address", () => whole(PING).replace(`Host: ${host}`, `Host: [::ffff:127.0.0.1]:${host.split(":")[1]}`)],
  ["another spelling of the address", () => whole(PING).replace(`Host: ${host}`, `Host: 2130706433:${host.split(":")[1]}`)],
  ["a name in front of the right one", () => whole(PING).replace(`Host: ${host}`, `Host: attacker.example@${host}`)],
  ["origin null", () => whole(PING, "Origin: null\r\n")],
  ["an empty origin", () => whole(PING, "Origin: \r\n")],
  ["the origin of another port here", () => whole(PING, "Origin: http://127.0.0.1:1\r\n")],
  ["a page of this gateway", () => whole(PING, `Origin: http://${host}\r\n`)],
])("a browser with %s gets nothing", async (_name, bytes) => {
  upstream.received.length = 0;
  expect(await exchange(gateway.gateway.url, bytes())).toMatch(/^HTTP\/1\.1 40[03] /);
  expect(upstream.received).toHaveLength(0);
});

test.each(["/metrics", "/healthz", "/readyz"])("a page of a rebound name cannot read %s", async (path) => {
  expect(await exchange(gateway.gateway.url, `GET ${path} HTTP/1.1\r\nHost: attacker.example\r\n\r\n`)).toMatch(/^HTTP\/1\.1 403 /);
});
