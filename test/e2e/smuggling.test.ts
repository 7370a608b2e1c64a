/** Messages that two readers would read differently: refused, audited, and nothing of them reaches the server. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`
servers:
  one: {url: "${upstream.url}", settings: {protocol_and_identity: {deny_tools: [denied]}}}
`);
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const call = (members: string): string => `{"jsonrpc":"2.0","id":1,${members}}`;
const BYPASSES: [string, string][] = [
  ["name and Name", call('"method":"tools/call","params":{"name":"denied","Name":"echo","arguments":{}}')],
  ["Name and name", call('"method":"tools/call","params":{"Name":"denied","name":"echo","arguments":{}}')],
  ["method and Method", call('"method":"tools/call","Method":"ping","params":{"name":"denied"}')],
  ["params and Params", call('"method":"tools/call","params":{"name":"echo"},"Params":{"name":"denied"}')],
  ["name twice", call('"method":"tools/call","params":{"name":"denied","name":"echo"}')],
  ["name twice, once in escapes", call('"method":"tools/call","params":{"name":"echo","n\\u0061me":"denied"}')],
  ["long s in params", call('"method":"tools/call","params":{"name":"echo"},"param\\u017f":{"name":"denied"}')],
  ["NUL behind name", call('"method":"tools/call","params":{"name":"echo","name\\u0000":"denied"}')],
  ["an array for a name", call('"method":"tools/call","params":{"name":["denied"]}')],
  ["a batch", `[${call('"method":"tools/call","params":{"name":"denied"}')}]`],
  ["trailing data", `${call('"method":"ping"')}${call('"method":"tools/call","params":{"name":"denied"}')}`],
  ["a byte order mark", `\ufeff${call('"method":"ping"')}`],
  ["a call without an id", '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"denied"}}'],
  ["a lone surrogate", call('"method":"tools/call","params":{"name":"echo","arguments":{"a":"\\ud800"}}')],
  ["deep nesting", call(`"method":"tools/call","params":{"name":"echo","arguments":{"a":${"[".repeat(80)}${"]".repeat(80)}}}`)],
  ["an infinite number", call('"method":"tools/call","params":{"name":"echo","arguments":{"a":1e400}}')],
];

test.each(BYPASSES)("%s: refused, on record, not forwarded", async (name, body) => {
  const recorded = gateway.records().length;
  const answer = await send(gateway.endpoint("one"), { body });
  expect(answer.status).toBe(name === "deep nesting" ? 413 : 400);
  expect(JSON.parse(answer.body.toString())).toMatchObject({ jsonrpc: "2.0", error: { code: expect.any(Number) } });
  expect(upstream.received).toHaveLength(0);
  const fresh = gateway.records().slice(recorded);
  expect(fresh).toMatchObject([{ kind: "refused", effect: "error", server: "one" }]);
  expect(JSON.stringify(fresh)).not.toContain("denied");
});

test.each([
  ["two Mcp-Name headers", ["Mcp-Name", "echo", "Mcp-Name", "denied"], 400],
  ["two Content-Type headers", ["Content-Type", "application/json", "Content-Type", "text/plain"], 400],
  ["another content type", ["Content-Type", "text/plain"], 415],
  ["an encoded body", ["Content-Encoding", "gzip"], 400],
  ["a foreign Origin", ["Origin", "https://evil.example"], 403],
  ["a foreign Host", ["Host", "evil.example"], 403],
  ["an Mcp-Name that the body does not have", ["Mcp-Name", "denied"], 400],
  ["a modern version header on a legacy body", ["MCP-Protocol-Version", "2026-07-28"], 400],
])("%s: refused, not forwarded", async (_name, headers, status) => {
  const answer = await send(gateway.endpoint("one"), {
    headers,
    body: call('"method":"tools/call","params":{"name":"echo","arguments":{}}'),
  });
  expect(answer.status).toBe(status);
  expect(JSON.parse(answer.body.toString())).toMatchObject({ jsonrpc: "2.0", error: {} });
  expect(upstream.received).toHaveLength(0);
});

test("a query on the endpoint is refused: no server is to read what nobody judged", async () => {
  const answer = await send(`${gateway.endpoint("one")}?tool=denied`, { body: call('"method":"ping"') });
  expect(answer.status).toBe(400);
  expect(upstream.received).toHaveLength(0);
});
