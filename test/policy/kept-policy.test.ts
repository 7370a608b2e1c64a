/**
 * What an operator gets wrong in real files: checking says what and where, a gateway does not start with it, and one that runs keeps
 * judging with the policy that it has.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { startGateway } from "../../src/gateway.ts";
import { checkPolicy } from "../../src/policy/policy.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const GOOD = `package policies.tickets

deny contains {"id": "tickets/delete"} if {
	input.target.kind == "tool"
	input.target.name == "delete_ticket"
}
`;
const using = (from: string, to: string): Record<string, string> => ({ "rules/tickets.rego": GOOD.replace(from, to) });
const settings = (at: "policy" | "server", text: string): string =>
  at === "policy"
    ? `policy: {path: ./rules, settings: ${text}}\nservers: {crm: {url: URL}}`
    : `policy: {path: ./rules}\nservers: {crm: {url: URL, settings: ${text}}}`;

interface Mistake {
  readonly name: string;
  /** Files beside the good rules, or instead of them. */
  readonly files?: Record<string, string>;
  readonly config?: string;
  readonly expected: { readonly file: string; readonly line: number; readonly check: string };
}

const MISTAKES: readonly Mistake[] = [
  {
    name: "a typo in an effect",
    files: using("deny", "denny"),
    expected: { file: "rules/tickets.rego", line: 3, check: "policy/unknown-effect" },
  },
  {
    name: "`deny if` without `contains`",
    files: using('deny contains {"id": "tickets/delete"} if', "deny if"),
    expected: { file: "rules/tickets.rego", line: 3, check: "policy/effect-form" },
  },
  {
    name: "a head that can be undefined",
    files: using('"tickets/delete"}', '"tickets/delete", "msg": input.mcp.params.arguments.why}'),
    expected: { file: "rules/tickets.rego", line: 3, check: "policy/undefined-head" },
  },
  {
    name: "a mistyped setting in the configuration",
    config: settings("policy", "{egress: {alowed_hosts: []}}"),
    expected: { file: "sluice.yaml", line: 4, check: "policy/unknown-setting" },
  },
  {
    name: "a mistyped setting of a server",
    config: settings("server", "{egress: {mode: allow_list}}"),
    expected: { file: "sluice.yaml", line: 5, check: "policy/settings" },
  },
  {
    name: "a mistyped setting in the data",
    files: { "rules/data.yaml": "settings:\n  egres: {mode: allow_listed}\n" },
    expected: { file: "rules/data.yaml", line: 2, check: "policy/settings" },
  },
  {
    name: "a mistyped setting that a rule reads",
    files: using('== "delete_ticket"', "in data.settings.egress.blocked_tols"),
    expected: { file: "rules/tickets.rego", line: 5, check: "policy/missing-data" },
  },
  {
    name: "missing data",
    files: using('== "delete_ticket"', "in data.tickets.forbidden"),
    expected: { file: "rules/tickets.rego", line: 5, check: "policy/missing-data" },
  },
  {
    name: "a built-in that WebAssembly lacks",
    files: using('input.target.name == "delete_ticket"', "time.now_ns() > 0"),
    expected: { file: "rules/tickets.rego", line: 5, check: "policy/builtin" },
  },
  {
    name: "`package firewall.main`",
    files: using("policies.tickets", "firewall.main"),
    expected: { file: "rules/tickets.rego", line: 1, check: "policy/package" },
  },
  {
    name: "data under the key `policies`",
    files: { "rules/data.yaml": "policies: {tickets: {allow: [{id: tickets/all}]}}\n" },
    expected: { file: "rules/data.yaml", line: 1, check: "policy/reserved-data" },
  },
  {
    name: "data in a folder `policies`",
    files: { "rules/policies/tickets/data.yaml": "allow: [{id: tickets/all}]\n" },
    expected: { file: "rules/policies/tickets/data.yaml", line: 1, check: "policy/reserved-data" },
  },
  {
    name: "a negation that an absent argument silences",
    files: using('input.target.name == "delete_ticket"', 'not input.mcp.params.arguments.id in {"1"}'),
    expected: { file: "rules/tickets.rego", line: 5, check: "policy/negated-reference" },
  },
];

let upstream: ScriptedUpstream;
let running: TestGateway;

const goodConfig = (): string => `policy: {path: ./rules}\nservers: {crm: {url: "${upstream.url}"}}`;

beforeAll(async () => {
  upstream = await openUpstream();
  upstream.answer(json('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'));
  running = await openGateway(goodConfig(), { "rules/tickets.rego": GOOD }, { cache: null });
});
afterAll(async () => {
  await running.close();
  await upstream.close();
});

/** Puts the mistake into the running gateway's own files. */
function make({ files = {}, config }: Mistake): void {
  const { folder, configFile } = running;
  rmSync(join(folder, "rules"), { recursive: true });
  for (const [name, text] of Object.entries({ "rules/tickets.rego": GOOD, ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const text = config?.replace("URL", `"${upstream.url}"`) ?? goodConfig();
  writeFileSync(configFile, `listen: 127.0.0.1:0\nlog: {level: silent}\naudit: {file: ./audit.jsonl}\n${text}\n`);
}

async function call(tool: string): Promise<string> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: tool, arguments: {} } });
  return (await send(running.endpoint("crm"), { body })).body.toString();
}

describe("a mistake in the operator's files", () => {
  it.each(MISTAKES.map((mistake) => [mistake.name, mistake] as const))("%s", async (_name, mistake) => {
    make(mistake);
    const { file, ...where } = mistake.expected;
    const problem = { ...where, file: join(running.folder, file), severity: "error" };
    const loaded = await loadConfig(running.configFile);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure));
    const { config, locate } = loaded.value;
    const deps = { locate, cache: null };

    const { revision } = running.gateway;
    const [checked, started, reloaded] = await Promise.all([
      checkPolicy(config, deps),
      startGateway(config, deps),
      running.gateway.reload(config, deps),
    ]);
    expect(checked).toMatchObject([problem]);
    expect(started).toMatchObject({ ok: false, failure: [problem] });
    expect(reloaded).toMatchObject({ ok: false, failure: [problem] });
    expect(running.gateway.revision).toBe(revision);
    upstream.received.length = 0;
    expect(await call("delete_ticket")).toContain("Rule: tickets/delete.");
    expect(upstream.received).toHaveLength(0);
    expect(await call("list_tickets")).toContain('"content":[]');
    expect(running.records().at(-1)).toMatchObject({ revision });
  });
});

it("a corrected policy is taken again", async () => {
  const { revision } = running.gateway;
  make({ name: "", expected: { file: "", line: 0, check: "" }, files: using("delete_ticket", "list_tickets") });
  const loaded = await loadConfig(running.configFile);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure));
  expect((await running.gateway.reload(loaded.value.config, { locate: loaded.value.locate, cache: null })).ok).toBe(true);
  expect(running.gateway.revision).not.toBe(revision);
  expect(await call("list_tickets")).toContain("Rule: tickets/delete.");
});
