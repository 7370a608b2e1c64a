/** Policies that break on some messages: those are denied, on record once, and the next message is judged as if nothing had been. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { metricOf } from "../support/metrics.ts";
import { send } from "../support/post.ts";
import { atRest } from "../support/rest.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const POLICY = `package policies.house

# Two values for one name: the engine stops.
kind := 1 if input.mcp.params.arguments.conflict == true

kind := 2 if input.mcp.params.arguments.conflict == true

kind := 1 if input.mcp.result.conflict == true

kind := 2 if input.mcp.result.conflict == true

deny contains {"id": "house/kind"} if kind == 3

# Every pair of pairs: more memory than an engine has.
deny contains {"id": "house/pairs"} if {
	list := input.mcp.params.arguments.list
	pairs := [concat("", [a, b, c]) | some a in list; some b in list; some c in list]
	count(pairs) == 7
}
`;
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
const call = (args: unknown): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: args } });

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  upstream.answer(json(RESULT));
  gateway = await openGateway(`policy: {path: ./rules}\nlimits: {policy_memory: 16MiB}\nservers: {one: {url: "${upstream.url}"}}`, {
    "rules/house.rego": POLICY,
  });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const errors = (): Promise<number> => metricOf(gateway.gateway.url, "sluice_messages_total", { effect: "error" });

test.each([
  ["conflicts", { conflict: true }],
  ["asks for more memory than there is", { list: Array.from({ length: 120 }, (_, at) => `${"m".repeat(40)}${at}`) }],
])("a policy that %s denies the message", async (_what, args) => {
  const [sent, recorded, counted] = [upstream.received.length, gateway.records().length, await errors()];
  const answer = await send(gateway.endpoint("one"), { body: call(args) });
  expect(answer.status).toBe(200);
  const [record, ...more] = gateway.records().slice(recorded);
  expect(more).toEqual([]);
  expect(record).toMatchObject({ kind: "message", effect: "error", reason: "ERR_POLICY_FAULT", bytes_out: 0 });
  expect(JSON.parse(answer.body.toString())).toMatchObject({
    id: 1,
    result: { isError: true, content: [{ text: expect.stringContaining(record?.decision_id ?? "none") }] },
  });
  expect(await errors()).toBe(counted + 1);
  expect(upstream.received).toHaveLength(sent);
  expect((await send(gateway.endpoint("one"), { body: call({}) })).body.toString()).toBe(RESULT);
  await atRest(gateway.gateway.url);
});

test.each([
  ["as JSON", json('{"jsonrpc":"2.0","id":1,"result":{"content":[],"conflict":true}}')],
  ["on a stream", events('data: {"jsonrpc":"2.0","id":1,"result":{"content":[],"conflict":true}}\n\n')],
])("a policy that conflicts on an answer %s withholds it", async (_form, script) => {
  upstream.answer(script);
  const recorded = gateway.records().length;
  const answer = await send(gateway.endpoint("one"), { body: call({}) });
  upstream.answer(json(RESULT));
  expect(answer.body.toString()).toContain('"isError":true');
  expect(gateway.records().slice(recorded)).toMatchObject([
    { direction: "client_to_server", effect: "allow" },
    { direction: "server_to_client", effect: "error", reason: "ERR_POLICY_FAULT" },
  ]);
  expect((await send(gateway.endpoint("one"), { body: call({}) })).body.toString()).toBe(RESULT);
  await atRest(gateway.gateway.url);
});

test("a reload that fails half way leaves what runs, for calls before, during and after it", { timeout: 90_000 }, async () => {
  const { gateway: running, folder, configFile } = gateway;
  const revision = running.revision;
  const rules = join(folder, "rules", "house.rego");
  // Compiles, and stops on the first plain message: found only when it is tried, after everything else.
  writeFileSync(
    rules,
    'package policies.house\n\nkind := 1 if input.phase\n\nkind := 2 if input.phase\n\ndeny contains {"id": "house/kind"} if kind == 3\n',
  );
  const loaded = await loadConfig(configFile);
  if (!loaded.ok) throw new Error("configuration");
  const reloading = running.reload(loaded.value.config, { locate: loaded.value.locate });
  let during = 0;
  let ended = false;
  const outcome = reloading.finally(() => {
    ended = true;
  });
  do {
    expect((await send(gateway.endpoint("one"), { body: call({}) })).body.toString()).toBe(RESULT);
    during += 1;
  } while (!ended);
  expect((await outcome).ok).toBe(false);
  expect(during).toBeGreaterThan(0);
  expect(running.revision).toBe(revision);
  expect(await metricOf(running.url, "sluice_policy_reloads_total", { outcome: "failed" })).toBe(1);
  writeFileSync(rules, POLICY);
  const again = await running.reload(loaded.value.config, { locate: loaded.value.locate });
  expect(again.ok).toBe(true);
  expect((await send(gateway.endpoint("one"), { body: call({}) })).body.toString()).toBe(RESULT);
  await atRest(running.url);
});
