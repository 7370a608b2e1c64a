/** Invariant 3 over real sockets: one record per message, before it leaves, and none that holds payload. */
import { existsSync, readFileSync, renameSync, statSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}';
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';

let upstream: ScriptedUpstream;
let gateway: TestGateway | undefined;

beforeEach(async () => {
  upstream = await openUpstream();
  upstream.answer(json(RESULT));
});
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  await upstream.close();
});

const open = async (more = ""): Promise<TestGateway> => {
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}", trust: third_party}}\n${more}`);
  return gateway;
};

describe("a device that is always full", () => {
  test.skipIf(!existsSync("/dev/full"))("denies by default: nothing is forwarded", async () => {
    const { endpoint } = await open("audit: {file: /dev/full}");
    const answer = await send(endpoint("one"), { body: CALL });
    expect(JSON.parse(answer.body.toString())).toMatchObject({ id: 1, result: { isError: true } });
    expect(upstream.received).toHaveLength(0);
    expect((await send(endpoint("one"), { method: "GET" })).status).toBe(200);
    expect(upstream.received).toHaveLength(0);
  });

  test.skipIf(!existsSync("/dev/full"))("lets messages pass and counts, when the operator said so", async () => {
    const { endpoint, gateway: running } = await open("audit: {file: /dev/full, on_error: allow}");
    const answer = await send(endpoint("one"), { body: CALL });
    expect(answer.body.toString()).toBe(RESULT);
    const metrics = await send(`${running.url}/metrics`, { method: "GET" });
    expect(metrics.body.toString()).toMatch(/^sluice_audit_failures_total 2$/m);
  });
});

test("the file is the owner's alone, and one line per message", async () => {
  const { endpoint, folder, records } = await open();
  await send(endpoint("one"), { body: CALL });
  expect(statSync(join(folder, "audit.jsonl")).mode & 0o777).toBe(0o600);
  expect(records().map(({ kind, direction, phase, effect }) => ({ kind, direction, phase, effect }))).toEqual([
    { kind: "message", direction: "client_to_server", phase: "request", effect: "allow" },
    { kind: "message", direction: "server_to_client", phase: "response", effect: "allow" },
  ]);
  expect(new Set(records().map((record) => record.decision_id)).size).toBe(2);
});

test("after rotation the records go to the new file", async () => {
  const { endpoint, folder, gateway: running, records } = await open();
  await send(endpoint("one"), { body: CALL });
  renameSync(join(folder, "audit.jsonl"), join(folder, "audit.1"));
  running.reopenAudit();
  await send(endpoint("one"), { body: CALL });
  expect(records()).toHaveLength(2);
  expect(readFileSync(join(folder, "audit.1"), "utf8").trim().split("\n")).toHaveLength(2);
});

test("no text of a message is in a record, wherever it stood", async () => {
  const { endpoint, records, folder } = await open();
  const canaries = ["canary-name", "canary@example.com", "AKIAIOSFODNN7EXAMPLE", "canary key", "canary uri"];
  await send(endpoint("one"), {
    body: '{"jsonrpc":"2.0","id":"canary-name canary@example.com","method":"tools/call","params":{"name":"canary@example.com","arguments":{"canary key":{"canary@example.com":"AKIAIOSFODNN7EXAMPLE"}}}}',
  });
  await send(endpoint("one"), {
    body: '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"https://canary@example.com:pw@h/x?q=canary uri"}}',
  });
  await send(endpoint("one"), { body: '{"jsonrpc":"2.0","id":1,"method":"canary@example.com"}' });
  upstream.answer(
    events(
      ': canary@example.com\nid: canary@example.com\ndata: {"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"canary@example.com"}}\n\n',
    ),
  );
  await send(endpoint("one"), { body: CALL });
  await send(endpoint("one"), { body: '{"canary@example.com":' });
  expect(records().length).toBeGreaterThanOrEqual(6);
  const text = readFileSync(join(folder, "audit.jsonl"), "utf8");
  for (const canary of canaries) expect(text).not.toContain(canary);
});

test.each([
  ["refuses to connect", undefined, "ERR_UPSTREAM"],
  ["breaks off in the headers", (response: ServerResponse) => response.destroy(), "ERR_UPSTREAM"],
])("a server that %s leaves a record in the place of its answer", async (_what, script, reason) => {
  const { endpoint, records } = await open();
  if (script === undefined) await upstream.close();
  else upstream.answer((_received, response) => void script(response));
  const answer = await send(endpoint("one"), { body: CALL });
  expect(answer.status).toBe(502);
  expect(JSON.parse(answer.body.toString())).toMatchObject({ id: 1, error: { code: -31502 } });
  expect(records().slice(1)).toMatchObject([{ kind: "synthetic", direction: "server_to_client", effect: "error", reason }]);
});
