/** Requests whose framing two HTTP readers would read differently: refused by the parser, answered, on record, never forwarded. */
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const BODY = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}"}}`);
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(gateway.gateway.url);
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on("data", (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.on("error", reject);
    socket.on("close", () => {
      resolve(answer);
    });
    socket.end(text);
  });
}

const head = (...lines: string[]): string =>
  ["POST /one/mcp HTTP/1.1", `Host: ${new URL(gateway.gateway.url).host}`, ...lines, "", ""].join("\r\n");

test.each([
  [
    "both Content-Length and Transfer-Encoding",
    () => `${head("Content-Type: application/json", "Content-Length: 5", "Transfer-Encoding: chunked")}0\r\n\r\n`,
  ],
  ["two Content-Lengths", () => `${head("Content-Type: application/json", "Content-Length: 40", "Content-Length: 5")}${BODY}`],
  ["a folded header", () => `${head("X-A: 1\r\n folded", "Content-Type: application/json", "Content-Length: 40")}${BODY}`],
  ["bare line feeds", () => `${head("Content-Type: application/json").replaceAll("\r\n", "\n")}${BODY}`],
  ["a space before the colon", () => `${head("Content-Type : application/json", "Content-Length: 40")}${BODY}`],
  ["no HTTP at all", () => "\u0016\u0003\u0001 hello\r\n\r\n"],
])("%s: 400 with a JSON-RPC body, on record", async (_name, text) => {
  const recorded = gateway.records().length;
  const answer = await raw(text());
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4))).toMatchObject({ jsonrpc: "2.0", error: { code: -32600 } });
  expect(upstream.received).toHaveLength(0);
  expect(gateway.records().slice(recorded)).toMatchObject([{ kind: "refused", reason: "ERR_HTTP", server: "none" }]);
});

test.each([
  [
    "an unknown expectation",
    417,
    "ERR_HTTP",
    () => `${head("Content-Type: application/json", "Expect: something", `Content-Length: ${BODY.length}`)}${BODY}`,
  ],
  ["CONNECT", 400, "ERR_HTTP", () => head().replace("POST /one/mcp", "CONNECT one:443")],
  [
    "no Host",
    403,
    "ERR_HOST",
    () =>
      `${head("Content-Type: application/json", "Connection: close", `Content-Length: ${BODY.length}`).replace(/Host.*\r\n/, "")}${BODY}`,
  ],
])("%s: %i with a JSON-RPC body, on record", async (_name, status, reason, text) => {
  const recorded = gateway.records().length;
  const answer = await raw(text());
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4))).toMatchObject({
    jsonrpc: "2.0",
    error: { data: { decision_id: expect.any(String) as string } },
  });
  expect(upstream.received).toHaveLength(0);
  expect(gateway.records().slice(recorded)).toMatchObject([{ kind: "refused", reason }]);
});

test("a target in absolute form is refused", async () => {
  const answer = await raw(
    `POST http://evil.example/one/mcp HTTP/1.1\r\nHost: ${new URL(gateway.gateway.url).host}\r\nContent-Type: application/json\r\nContent-Length: 40\r\nConnection: close\r\n\r\n${BODY}`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(upstream.received).toHaveLength(0);
});

// Express answers these with an HTML page of its own, and nothing would be on record.
test.each(["/%ff/mcp", "/%/mcp", "/one%zz/mcp"])(
  "a path that cannot be decoded (%s): 400 with a JSON-RPC body, on record",
  async (path) => {
    const recorded = gateway.records().length;
    const { host } = new URL(gateway.gateway.url);
    const answer = await raw(
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4))).toMatchObject({ jsonrpc: "2.0", error: { code: -32600 } });
    expect(upstream.received).toHaveLength(0);
    expect(gateway.records().slice(recorded)).toMatchObject([{ kind: "refused", reason: "ERR_TARGET", server: "none", effect: "error" }]);
  },
);
