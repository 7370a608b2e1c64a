/**
 * An answer that comes on another connection than its request is judged with that request, or not let through at all: rules read what
 * was asked for.
 */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const POLICY = `package policies.house

deny contains {"id": "house/guarded", "msg": "What this tool answers stays here."} if {
	input.phase == "response"
	input.target.name == "guarded"
}

allow contains {"id": "house/sampling"} if {
	input.phase == "request"
	input.direction == "server_to_client"
}
`;
const CUT_OFF = "id: 1\ndata: \n\n";
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"kept-inside"}]}}';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let session: Record<string, string>;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(
    `policy: {path: ./rules}
servers: {one: {url: "${upstream.url}", settings: {server_initiated: {sampling: allow}, protocol_and_identity: {omitted_text: {client_to_server: allow}}}}}
limits: {body: 16MiB}`,
    { "rules/house.rego": POLICY },
  );
});
beforeEach(() => {
  session = { "Mcp-Session-Id": randomUUID() };
  upstream.received.length = 0;
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const call = (name: string, text = ""): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: { text: text.match(/.{1,1000000}/g) ?? [] } } });
const post = (body: string, headers = session) => send(gateway.endpoint("one"), { headers, body });
const resume = () => send(gateway.endpoint("one"), { method: "GET", headers: { ...session, "Last-Event-ID": "1" } });

async function answeredLater(request: string): Promise<string> {
  upstream.answer(events(CUT_OFF));
  expect((await post(request)).body.toString()).toBe(CUT_OFF);
  upstream.answer(events(`id: 2\ndata: ${RESULT}\n\n`));
  return (await resume()).body.toString();
}

test("a rule on the target of the answered request fires on a resumed stream", async () => {
  expect(await answeredLater(call("other"))).toContain("kept-inside");
  session = { "Mcp-Session-Id": randomUUID() };
  const answer = await answeredLater(call("guarded"));
  expect(answer).not.toContain("kept-inside");
  expect(answer).toContain("house/guarded");
});

// A request too large to be kept was judged on its way; its answer came back without target and params, and no rule on them fired.
test("an answer whose request was too large to keep is withheld", async () => {
  expect(await answeredLater(call("guarded", "x".repeat(5_000_000)))).toBe("id: 2\n\n");
  expect(gateway.records().at(-1)).toMatchObject({ direction: "server_to_client", effect: "error", reason: "ERR_UNASKED", bytes_out: 0 });
});

// Once it is answered, nothing under its id can be its answer: it is kept only where the client can ask for the stream again.
test.each([
  ["as JSON", `{"jsonrpc":"2.0","id":1,"result":{}}`, 0],
  ["on a stream without ids", 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n', 0],
  ["on a stream that can be resumed", 'id: 1\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n', 1],
])("a request that was answered %s", async (_how, answer, kept) => {
  upstream.answer(answer.startsWith("{") ? json(answer) : events(answer));
  expect((await post(call("other"))).body.toString()).toBe(answer);
  upstream.answer(events(`id: 2\ndata: ${RESULT}\n\n`));
  expect((await resume()).body.toString()).toBe(kept === 0 ? "id: 2\n\n" : `id: 2\ndata: ${RESULT}\n\n`);
  if (kept === 0) expect(gateway.records().at(-1)).toMatchObject({ effect: "error", reason: "ERR_UNASKED" });
});

const question = (text: string): string =>
  `{"jsonrpc":"2.0","id":9,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":5,"systemPrompt":"${text}"}}`;
const CLIENTS_ANSWER = '{"jsonrpc":"2.0","id":9,"result":{"role":"assistant","model":"m","content":{"type":"text","text":"hello"}}}';

async function asks(text: string, eventId: number): Promise<void> {
  upstream.answer(events(`id: ${eventId}\ndata: ${question(text)}\n\n`));
  expect((await resume()).body.toString()).toContain(text);
  upstream.answer((_received, response) => {
    response.writeHead(202).end();
  });
}

// MCP "Resumability": a server replays what may have been lost. The client cannot know that, and answers what it sees.
test("a question that a server replays can still be answered", async () => {
  await asks("first", 2);
  expect((await post(CLIENTS_ANSWER)).status).toBe(202);
  await asks("first", 2);
  expect((await post(CLIENTS_ANSWER)).status).toBe(202);
  expect(upstream.received.filter(({ body }) => body === CLIENTS_ANSWER)).toHaveLength(2);
});

test("a question is answered once", async () => {
  await asks("first", 2);
  await post(CLIENTS_ANSWER);
  expect((await post(CLIENTS_ANSWER)).status).toBe(400);
  expect(upstream.received.filter(({ body }) => body === CLIENTS_ANSWER)).toHaveLength(1);
});

// Which of the two the answer belongs to cannot be told: rules would read the wrong one. A replay does not make it clear again.
test("an answer to one of two questions under one id is withheld", async () => {
  await asks("first", 2);
  await asks("second", 3);
  await asks("second", 3);
  expect((await post(CLIENTS_ANSWER)).status).toBe(400);
  expect(upstream.received.filter(({ body }) => body === CLIENTS_ANSWER)).toEqual([]);
  expect(gateway.records().at(-1)).toMatchObject({ reason: "ERR_UNASKED" });
});
