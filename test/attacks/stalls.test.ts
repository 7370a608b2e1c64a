/**
 * One message within the limits must not stop the gateway for everybody: while it is judged, nobody else's message is, no time-out
 * fires and no stream moves. The bound is far above the 50 ms that are meant, so that only an attack exceeds it.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";
import { longestStall } from "./stall.ts";

const BOUND = 700;
const OK = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers:\n  one: {url: "${upstream.url}", settings: {protocol_and_identity: {deny_tools: [a]}}}`);
  upstream.answer(json(OK));
  for (let warm = 0; warm < 50; warm += 1) await send(gateway.endpoint("one"), { body: call('"x"') });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const call = (argument: string): string =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":${argument}}}}`;
const stallOf = (body: string): Promise<number> => longestStall(() => send(gateway.endpoint("one"), { body }));

// Normalisation sorts a run of combining marks by insertion: quadratic. 140 KiB took 1.4 s; the 2 MiB that limits.string allows, minutes.
test("a long key of combining marks where the protocol reads keys", async () => {
  expect(await stallOf(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a${"\u0301\u0327".repeat(35_000)}":1}}`)).toBeLessThan(BOUND);
});

test.each([
  ["long", "\u0301\u0327".repeat(2500), 350],
  ["short", "\ufdfa", 90_000],
])("very many %s keys beyond ASCII where the protocol reads keys", async (_name, key, count) => {
  const keys = Array.from({ length: count }, (_, i) => `"${key}${i}":1`).join(",");
  expect(await stallOf(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{${keys}}}`)).toBeLessThan(BOUND);
});

// The server can do the same to everybody's streams.
test("a long key of combining marks in an answer", async () => {
  upstream.answer(json(`{"jsonrpc":"2.0","id":1,"result":{"a${"\u0301\u0327".repeat(35_000)}":1}}`));
  expect(await stallOf(call('"x"'))).toBeLessThan(BOUND);
});

// 700 KB of beginnings of URLs that turn out to be none: when only URLs that were found counted against the bound, 4 MB took 12 s.
test.each([
  ["slashes", " //a"],
  ["slashes in a row", "//a"],
  ["escaped slashes", "\\/\\/a "],
  ["data: without a comma", "data:x "],
])("many things that are almost URLs: %s", async (_name, piece) => {
  upstream.answer(json(OK));
  expect(await stallOf(call(`"${piece.repeat(Math.floor(1_900_000 / piece.length))}"`))).toBeLessThan(BOUND);
});

// Each entry is an evaluation of the policy, all in one turn of the loop: microtasks only, so that even the stages' time-out cannot fire.
test("a list of very many entries", async () => {
  upstream.answer(json(`{"jsonrpc":"2.0","id":1,"result":{"tools":[${Array.from({ length: 50_000 }, () => '{"name":"b"}').join(",")}]}}`));
  expect(await stallOf('{"jsonrpc":"2.0","id":1,"method":"tools/list"}')).toBeLessThan(BOUND);
});

// One chunk from the socket holds a thousand events: all of them are judged before anybody else gets a turn.
test("very many small events at once", async () => {
  const event = 'data: {"jsonrpc":"2.0","id":7,"method":"sampling/createMessage"}\n\n';
  upstream.answer((received, response) => {
    if (received.body.includes("tools/call")) events(event.repeat(8000), `data: ${OK}\n\n`)(received, response);
    else response.writeHead(202).end();
  });
  expect(await stallOf(call('"x"'))).toBeLessThan(BOUND);
});

// The record of one message must not be as large as a server wants it.
test("the record of a list with very many hidden entries stays small", async () => {
  const before = gateway.records().length;
  upstream.answer(json(`{"jsonrpc":"2.0","id":1,"result":{"tools":[${Array.from({ length: 5000 }, () => '{"name":"a"}').join(",")}]}}`));
  await send(gateway.endpoint("one"), { body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' });
  const record = gateway
    .records()
    .slice(before)
    .find(({ list }) => list !== undefined);
  expect(record?.list?.total).toBe(5000);
  expect(JSON.stringify(record).length).toBeLessThan(50_000);
});
