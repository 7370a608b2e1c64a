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

/** What the client gets when the stream of the guarded call is played again, after another call under the same id. */
async function replayed(): Promise<string> {
  upstream.answer(events("id: 7\ndata: \n\n"));
  await post(call("other"));
  upstream.answer(events(`id: 2\ndata: ${RESULT}\n\n`));
  return (await resume()).body.toString();
}

// The second answer had the request forgotten, for both: the third request under its id then looked like the only one.
test.each(["", `id: 2\ndata: ${RESULT}\n\n`])("a request that was sent twice is not forgotten with the answer to one", async (answer) => {
  upstream.answer(events(CUT_OFF, answer));
  await post(call("guarded"));
  upstream.answer(json('{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Not Acceptable"}}', 406));
  expect((await post(call("guarded"))).status).toBe(406);
  expect(await replayed()).toBe("id: 2\n\n");
});

test("a request that was sent twice can be answered on the stream of the first, whatever became of the second", async () => {
  upstream.answer(events(CUT_OFF));
  await post(call("other"));
  upstream.answer(json("{}", 503));
  expect((await post(call("other"))).status).toBe(503);
  upstream.answer(events(`id: 2\ndata: ${RESULT}\n\n`));
  expect((await resume()).body.toString()).toContain("kept-inside");
});

test("a request is not forgotten where the id of its event looked like a secret and was withheld: a client may guess it", async () => {
  upstream.answer(events(`id: 4111111111111111\ndata: ${RESULT}\n\n`));
  await post(call("guarded"));
  expect(await replayed()).toBe("id: 2\n\n");
});

test("an id whose request was pushed out by others counts as used", { timeout: 60_000 }, async () => {
  upstream.answer(events(CUT_OFF, `id: 2\ndata: ${RESULT}\n\n`));
  await post(call("guarded"));
  upstream.answer(events("id: 7\ndata: \n\n"));
  for (let sent = 0; sent < 5_000; sent += 50)
    await Promise.all(Array.from({ length: 50 }, (_, at) => post(call("other").replace('"id":1', `"id":${100 + sent + at}`))));
  expect(await replayed()).toBe("id: 2\n\n");
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

// The client's answer to the repetition was judged with the other question: the first one was forgotten with its answer.
test("an answer to a question that was repeated is not taken for one to another question", async () => {
  await asks("first", 2);
  await asks("first", 3);
  expect((await post(CLIENTS_ANSWER)).status).toBe(202);
  await asks("second", 4);
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
