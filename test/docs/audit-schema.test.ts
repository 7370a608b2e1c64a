/** The shipped schema describes the records that a real gateway writes: every kind of record, and none that it does not. */
import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AUDIT_SCHEMA_FILE } from "../../scripts/schemas.ts";
import type { AuditRecord } from "../../src/audit/record.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const valid = new Ajv({ strict: false }).compile(JSON.parse(readFileSync(AUDIT_SCHEMA_FILE, "utf8")) as object);
let upstream: ScriptedUpstream;
let running: TestGateway;
let records: AuditRecord[];

const LEAK = ["AKIA", "IOSFODNN7EXAMPLE"].join("");
const call = (args: object) => ({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: args } });

async function post(message: unknown, server = "crm"): Promise<void> {
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const body = typeof message === "string" ? message : JSON.stringify(message);
  await (await fetch(running.endpoint(server), { method: "POST", headers, body })).text();
}

beforeAll(async () => {
  upstream = await openUpstream();
  running = await openGateway(
    `servers:
  crm: {url: "${upstream.url}", settings: {protocol_and_identity: {deny_tools: [drop]}}}
  watched: {url: "${upstream.url}", mode: observe}
policy: {path: ./rules}`,
    { "rules/demo.rego": 'package policies.demo\n\nwarn contains {"id": "demo/seen", "msg": "a call"} if input.phase == "request"\n' },
  );
  upstream.answer(json('{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"write to ada@customer.example"}]}}'));
  await post(call({ message: "hello" }));
  await post(call({ message: LEAK }));
  await post(call({ message: LEAK }), "watched");
  await post({ jsonrpc: "2.0", method: "notifications/initialized" });
  upstream.answer(json('{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"drop","inputSchema":{}},{"name":"echo","inputSchema":{}}]}}'));
  await post({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  upstream.answer(json("no", 401));
  await post(call({ message: "hello" }));
  await post('{"a":1,"a":2}');
  await post(call({}), "nobody");
  await (await fetch(running.endpoint("crm"), { headers: { accept: "text/event-stream" } })).text();
  records = running.records();
});
afterAll(async () => {
  await running.close();
  await upstream.close();
});

test("every record of a real gateway is valid", () => {
  const wrong = records.filter((record) => !valid(record)).map((record) => [record, valid.errors]);
  expect(wrong).toEqual([]);
});

test("there was one of every kind and effect that the schema is about", () => {
  expect([...new Set(records.map(({ kind }) => kind))].toSorted()).toEqual(["message", "refused", "synthetic", "transport"]);
  expect([...new Set(records.map(({ effect }) => effect))].toSorted()).toEqual(["allow", "deny", "error", "redact", "rewrite"]);
  const members = ["would", "would_be", "list", "findings", "reason", "upstream_status"] as const;
  expect(members.filter((member) => !records.some((record) => record[member] !== undefined))).toEqual([]);
});

test("the schema refuses what a record must not hold", () => {
  const [record] = records;
  expect(valid(record)).toBe(true);
  expect(valid({ ...record, body: "text" })).toBe(false);
  expect(valid({ ...record, effect: "maybe" })).toBe(false);
  expect(valid({ ...record, decision_id: undefined })).toBe(false);
});
