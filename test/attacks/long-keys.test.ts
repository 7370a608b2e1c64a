/**
 * Every finding and every URL says where it stands, and the place holds the keys around it. A thousand findings under one key of a
 * megabyte were a gigabyte of paths: a request of 2 MB, or an answer, ended the process for want of memory ("/" doubles to "~1"). So keys
 * are bounded, and the paths of one message are.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDetect } from "../../src/detect/detect.ts";
import { findUrls } from "../../src/detect/urls.ts";
import { readJson } from "../../src/mcp/json.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";
import { longestStall } from "./stall.ts";

const LIMITS = { bytes: 4_194_304, depth: 64, nodes: 200_000, string: 2_097_152 };
const KEY = "k".repeat(16_000);
/** Text under sixty long keys. */
const deep = (text: string): string => `${`{"${KEY}":`.repeat(60)}${text}${"}".repeat(60)}`;
const texts = (text: string, count: number): string => `[${Array.from({ length: count }, () => `"${text}"`).join(",")}]`;

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  upstream.answer(json('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'));
  gateway = await openGateway(`servers:\n  one: {url: "${upstream.url}"}`);
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

function document(text: string) {
  const read = readJson(Buffer.from(text), LIMITS);
  if (!read.ok) throw new Error(read.failure.reason);
  return read.value;
}

const total = (facts: readonly { readonly path: string }[]): number => facts.reduce((sum, { path }) => sum + path.length, 0);

test("a key of more than 16 KiB is refused as too large", () => {
  const read = readJson(Buffer.from(`{"${"k".repeat(16_385)}":1}`), LIMITS);
  expect(read).toMatchObject({ ok: false, failure: { tooLarge: true } });
});

test.each([
  ["under a long key", `{"${KEY}":${texts("a@example.com", 990)}}`],
  ["in a long key", `{${Array.from({ length: 400 }, (_, i) => `"${"a/".repeat(4000)}${i}@example.com":1`).join(",")}}`],
  ["in one string under a long key", `{"${KEY}":"${"a@example.com ".repeat(990)}"}`],
  ["under many long keys", deep(texts("a@example.com", 990))],
])("the paths of all findings together stay bounded: %s", (_name, text) => {
  const { list, capped } = createDetect({ maxFindings: 1000 })(document(text));
  expect(total(list)).toBeLessThanOrEqual(262_144);
  expect(capped).toBe(true);
});

test.each([
  ["under a long key", `{"${KEY}":${texts("http://example.com/", 490)}}`],
  ["under many long keys", deep(texts("http://example.com/", 490))],
])("the paths of all URLs together stay bounded: %s", (_name, text) => {
  const { list, capped } = findUrls(document(text), 500);
  expect(total(list)).toBeLessThanOrEqual(262_144);
  expect(capped).toBe(true);
});

test.each([
  ["one", (text: string) => `{"${KEY}":${text}}`],
  ["many", deep],
])("findings under long keys do not stop the gateway: %s", async (_name, under) => {
  const stall = await longestStall(() =>
    send(gateway.endpoint("one"), {
      body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${under(texts("a@example.com", 990))}}}`,
    }),
  );
  expect(stall).toBeLessThan(700);
});

test("long strings that are left out under long keys do not make the policy's input large", async () => {
  const body = deep(texts("x".repeat(1100), 990));
  const stall = await longestStall(() =>
    send(gateway.endpoint("one"), {
      body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${body}}}`,
    }),
  );
  expect(stall).toBeLessThan(700);
});
