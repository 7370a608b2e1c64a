/** Who may answer what: the ids of the two sides are two namespaces, and an answer is taken once, from the one who was asked. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { hashApiKey } from "../../src/authn/api-key.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { events, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const KEYS = { alice: `sluice_${"a".repeat(43)}`, mallory: `sluice_${"m".repeat(43)}` };
const RESULT = 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n';
const ROOTS = 'data: {"jsonrpc":"2.0","id":7,"method":"roots/list"}\n\n';
const ANSWER = '{"jsonrpc":"2.0","id":7,"result":{"roots":[]}}';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let session = 0;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`
servers:
  one: {url: "${upstream.url}", settings: {server_initiated: {roots: allow}}}
  two: {url: "${upstream.url}", settings: {server_initiated: {roots: allow}}}
authn:
  api_keys: [{id: alice, sha256: ${hashApiKey(KEYS.alice)}}, {id: mallory, sha256: ${hashApiKey(KEYS.mallory)}}]
`);
});
beforeEach(() => {
  session += 1;
  upstream.answer((received, response) => {
    if (received.body.includes("ping")) events(ROOTS, RESULT)(received, response);
    else response.writeHead(202).end();
  });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const post = (who: keyof typeof KEYS, body: string, more: { server?: string; session?: string } = {}) =>
  send(gateway.endpoint(more.server ?? "one"), {
    headers: { Authorization: `Bearer ${KEYS[who]}`, "Mcp-Session-Id": more.session ?? `s${session}` },
    body,
  });
const ask = () => post("alice", '{"jsonrpc":"2.0","id":1,"method":"ping"}');
const answersReceived = (): number => upstream.received.splice(0).filter(({ body }) => body.includes('"roots":[]')).length;

test("the one who was asked answers, once", async () => {
  expect((await ask()).body.toString()).toContain("roots/list");
  expect((await post("alice", ANSWER)).status).toBe(202);
  expect((await post("alice", ANSWER)).status).toBe(400);
  expect(answersReceived()).toBe(1);
});

test.each([
  ["before the question", false, () => post("alice", ANSWER)],
  ["under the id as a string", true, () => post("alice", ANSWER.replace("7", '"7"'))],
  ["under the id of the client's own call", true, () => post("alice", ANSWER.replace("7", "1"))],
  ["as an error without an id", true, () => post("alice", '{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"\\"roots\\":[]"}}')],
  ["in another session", true, () => post("alice", ANSWER, { session: "other" })],
  ["at another server", true, () => post("alice", ANSWER, { server: "two" })],
  ["by another principal in its own session", true, () => post("mallory", ANSWER, { session: "mallory" })],
  ["by another principal in the same session", true, () => post("mallory", ANSWER)],
])("an answer %s does not reach the server", async (_name, first, answer) => {
  if (first) await ask();
  expect((await answer()).status).toBeGreaterThanOrEqual(400);
  expect(answersReceived()).toBe(0);
});
