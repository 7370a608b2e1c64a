/** A store that fails (by a fault, or a broken connection to where it is) denies: no call hangs, none is forwarded unjudged, each is on record. */
import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { MemoryStore } from "../../src/state/memory.ts";
import type { Store } from "../../src/state/store.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const POLICY = `package policies.house

label contains {"id": "house/seen", "add": "seen"} if input.target.name == "echo"

limit contains {"id": "house/often", "key": "often", "cost": 1, "per_s": 10, "max": 1000} if {
	input.phase == "request"
	input.target.name == "echo"
}
`;
const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"marker-sent"}}}';
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"marker-received"}]}}';
const QUESTION = '{"jsonrpc":"2.0","id":7,"method":"roots/list"}';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let recorded: number;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(
    `policy: {path: ./rules}\nservers: {one: {url: "${upstream.url}", settings: {server_initiated: {roots: allow}}}}`,
    { "rules/house.rego": POLICY },
  );
});
beforeEach(() => {
  upstream.received.length = 0;
  recorded = gateway.records().length;
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const failing = (method: keyof Store) =>
  vi.spyOn(MemoryStore.prototype, method).mockImplementation(() => Promise.reject(new Error("marker-thrown")));
const post = (body = CALL) => send(gateway.endpoint("one"), { headers: { "Mcp-Session-Id": randomUUID() }, body });
const fresh = () => gateway.records().slice(recorded);

test.each(["sessionOwner", "facts", "consume", "addLabels", "remember"] as const)(
  "a request is not forwarded when %s fails, and no record says that it was",
  async (method) => {
    const spied = failing(method);
    const answer = await post();
    expect(spied).toHaveBeenCalled();
    expect(JSON.parse(answer.body.toString())).toMatchObject({ jsonrpc: "2.0" });
    expect(answer.body.toString()).not.toContain("marker");
    expect(upstream.received).toEqual([]);
    expect(fresh()).toHaveLength(1);
    expect(fresh()[0]).toMatchObject({ server: "one", direction: "client_to_server", effect: "error" });
    expect(JSON.stringify(fresh())).not.toContain("marker");
  },
);

test.each([
  ["as JSON", json(RESULT)],
  ["on a stream", events(`data: ${RESULT}\n\n`)],
])("an answer %s does not pass when a fact about its flow fails", async (_form, script) => {
  let asked = 0;
  const real = MemoryStore.prototype.facts;
  vi.spyOn(MemoryStore.prototype, "facts").mockImplementation(function (this: MemoryStore, ...args) {
    asked += 1;
    return asked === 1 ? real.apply(this, args) : Promise.reject(new Error("marker-thrown"));
  });
  upstream.answer(script);
  const answer = await post();
  expect(answer.body.toString()).toContain('"isError":true');
  expect(answer.body.toString()).not.toContain("marker");
  expect(fresh().map(({ direction, effect }) => [direction, effect])).toEqual([
    ["client_to_server", "allow"],
    ["server_to_client", "error"],
  ]);
});

test("a server's request that cannot be remembered does not reach the client, and the server is told", async () => {
  const real = MemoryStore.prototype.remember;
  vi.spyOn(MemoryStore.prototype, "remember").mockImplementation(function (this: MemoryStore, scope, id, request) {
    return scope.direction === "client_to_server" ? real.call(this, scope, id, request) : Promise.reject(new Error("marker-thrown"));
  });
  upstream.answer((received, response) => {
    if (received.body.includes("echo")) events(`data: ${QUESTION}\n\n`, `data: ${RESULT}\n\n`)(received, response);
    else response.writeHead(202).end();
  });
  const answer = (await post()).body.toString();
  expect(answer).not.toContain("roots/list");
  expect(answer).toContain("marker-received");
  await vi.waitFor(() => {
    expect(upstream.received.at(-1)?.body).toMatch(/^{"jsonrpc":"2.0","id":7,"error"/);
  });
  expect(fresh().map(({ method, effect }) => [method, effect])).toEqual([
    ["tools/call", "allow"],
    ["roots/list", "error"],
    ["tools/call", "allow"],
  ]);
});

test("an answer of a client does not reach the server when its question cannot be looked up", async () => {
  failing("settle");
  await post('{"jsonrpc":"2.0","id":7,"result":{"roots":[]}}');
  expect(upstream.received).toEqual([]);
  expect(fresh()).toMatchObject([{ effect: "error" }]);
});

test("an answer on a resumed stream does not pass when its request cannot be looked up", async () => {
  failing("recall");
  upstream.answer(events(`id: 1\ndata: ${RESULT}\n\n`));
  const headers = { "Mcp-Session-Id": randomUUID(), "Last-Event-ID": "0" };
  const answer = await send(gateway.endpoint("one"), { method: "GET", headers }).then(
    ({ body }) => body.toString(),
    () => "broken off",
  );
  expect(answer).not.toContain("marker");
  expect(fresh().at(-1)).toMatchObject({ effect: "error" });
});

test.each([
  ["DELETE", "endSession", "", "transport"],
  ["POST", "sessionOwner", '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}', "message"],
] as const)("a %s that was forwarded is not on record as refused when %s fails afterwards", async (method, step, body, kind) => {
  upstream.answer((_received, response) => {
    response.setHeader("mcp-session-id", randomUUID());
    if (method === "DELETE") response.writeHead(200).end();
    else response.writeHead(200, { "content-type": "application/json" }).end(RESULT);
  });
  const headers: Record<string, string> = method === "DELETE" ? { "Mcp-Session-Id": randomUUID() } : {};
  failing(step);
  const answer = await send(gateway.endpoint("one"), { method, headers, body });
  expect(upstream.received).toHaveLength(1);
  expect(fresh().map((record) => [record.kind, record.direction, record.effect])).toEqual([
    [kind, "client_to_server", "allow"],
    ["synthetic", "server_to_client", "error"],
  ]);
  expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { data: { decision_id: fresh().at(-1)?.decision_id } } });
});

test("afterwards the same messages pass", async () => {
  upstream.answer(json(RESULT));
  expect((await post()).body.toString()).toBe(RESULT);
});
