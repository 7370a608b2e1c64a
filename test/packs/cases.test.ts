/**
 * The shipped packs against the message-level cases in fixtures/cases: real detectors, real wasm, real enforcement, exact bytes.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createJudge, type Judge, type JudgeInput, type Verdict } from "../../src/judge.ts";
import { type Case, readCases } from "./case-files.ts";
import { packNames, ruleIds } from "./rules.ts";

const ROOT = join(import.meta.dirname, "../..");
const cases = readCases(join(ROOT, "fixtures/cases")).map((each, index) => ({ ...each, server: `case-${index}` }));

/** Settings of servers that the messages too large for a case go to. */
const OMITTED_TEXT = {
  shipped: {},
  open: { client_to_server: "allow" },
  closed: { server_to_client: "deny" },
};
const omitting = (omitted_text: object) => ({ url: "http://127.0.0.1:9/mcp", settings: { protocol_and_identity: { omitted_text } } });

let folder: string;
let config: Config;
let judge: Judge;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-cases-"));
  const file = join(folder, "sluice.yaml");
  const standing = (each: Case) => ({
    url: "http://127.0.0.1:9/mcp",
    trust: each.trust ?? "third_party",
    ...(each.settings === undefined ? {} : { settings: each.settings }),
  });
  const servers = {
    ...Object.fromEntries(cases.map((each) => [each.server, standing(each)])),
    ...Object.fromEntries(Object.entries(OMITTED_TEXT).map(([name, omitted_text]) => [name, omitting(omitted_text)])),
  };
  writeFileSync(file, stringify({ listen: "127.0.0.1:8080", servers, audit: { file: "audit.jsonl" } }));
  const loaded = await loadConfig(file);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure));
  config = loaded.value.config;
  const created = await createJudge(config);
  if (!created.ok) throw new Error(JSON.stringify(created.failure));
  judge = created.value;
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A principal of its own for each case, so that no case's numbering of labels depends on another's. */
const inputOf = (each: Case & { server: string }): JudgeInput => ({
  bytes: Buffer.from(each.message.trimEnd()),
  server: each.server,
  direction: each.direction ?? "client_to_server",
  principal: { id: each.principal?.id ?? each.server, groups: each.principal?.groups ?? [], scopes: each.principal?.scopes ?? [] },
  ...(each.request === undefined ? {} : { request: Buffer.from(each.request.trimEnd()) }),
});

const fired = (verdict: Verdict): string[] => {
  const inList = verdict.list?.hidden.flatMap((item) => item.rules) ?? [];
  return [...new Set([...verdict.matched.map((rule) => rule.id), ...inList])].toSorted();
};

const seen = (each: Case, verdict: Verdict) => ({
  effect: verdict.effect,
  ...(each.expect.reason === undefined ? {} : { reason: verdict.reason }),
  rules: fired(verdict),
  ...(each.expect.hidden === undefined ? {} : { hidden: verdict.list?.hidden.map((item) => item.name) }),
  output: verdict.output === each.message.trimEnd() ? "same" : verdict.output,
});

const expected = ({ expect: { effect, reason, rules, hidden, output } }: Case) => ({
  effect,
  ...(reason === undefined ? {} : { reason }),
  rules: rules.toSorted(),
  ...(hidden === undefined ? {} : { hidden }),
  output: output?.trimEnd() ?? null,
});

describe.each([...new Set(cases.map((each) => each.file))])("%s", (file) => {
  it.each(cases.filter((each) => each.file === file).map((each) => [each.name, each] as const))("%s", async (_name, each) => {
    const verdict = await judge.judgeLine(inputOf(each));
    expect(seen(each, verdict)).toEqual(expected(each));
  });
});

/** Rules that fire only where a message is too large to be written down, or the data of a bundle is damaged. */
const BEYOND_CASES = /\/(no_settings|omitted_text|too_many_findings|too_many_urls)$/;

it.each(packNames)("every denying and redacting rule of %s fires in a case", (pack) => {
  const inCases = new Set(cases.flatMap((each) => each.expect.rules));
  const silent = ruleIds(pack, ["deny", "redact"]).filter((id) => !inCases.has(id) && !BEYOND_CASES.test(id));
  expect(silent).toEqual([]);
});

describe("facts that are capped", () => {
  const call = (values: readonly string[]) =>
    Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: { values } } }));
  const server = "case-0";
  const many = (count: number, text: (index: number) => string) => Array.from({ length: count }, (_, index) => text(index));

  it("denies a message with more findings than are listed, though each listed one may pass", async () => {
    const values = many(config.limits.findings + 1, (index) => `user${index}@example.com`);
    const verdict = await judge.judgeLine({ bytes: call(values), server });
    expect(verdict.effect).toBe("deny");
    expect(fired(verdict)).toEqual(["egress/too_many_findings", "pii/too_many_findings", "secrets/too_many_findings"]);
    expect(verdict.output).toBeNull();
  });

  it("passes a message with exactly as many findings as are listed", async () => {
    const values = many(config.limits.findings, (index) => `user${index}@example.com`);
    const verdict = await judge.judgeLine({ bytes: call(values), server });
    expect([verdict.effect, fired(verdict)]).toEqual(["allow", []]);
  });

  it("denies a message with more URLs than are listed", async () => {
    const verdict = await judge.judgeLine({ bytes: call(many(2_000, (index) => `https://h${index}.example.com/`)), server });
    expect([verdict.effect, fired(verdict), verdict.output]).toEqual(["deny", ["egress/too_many_urls"], null]);
  });
});

describe("text that no policy could read", () => {
  const padding = "x".repeat(1_100_000);
  const call = (text: string) => ({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: { text, padding } } });
  const progress = { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 1, progress: 1, message: padding } };
  const result = (text: string) => ({ jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text }] } });
  const ask = { jsonrpc: "2.0", id: 1, method: "ping", params: { _meta: { padding } } };
  const pong = { jsonrpc: "2.0", id: 1, result: {} };
  const deep = Array.from({ length: 55 }).reduce<object>((inner) => ({ ["k".repeat(1200)]: inner }), { padding });
  const hidden = { ...call("y"), params: { name: "echo", arguments: deep } };
  const bytes = (message: object) => Buffer.from(JSON.stringify(message));
  const DENIED = ["deny", ["protocol_and_identity/omitted_text"]];
  const PASSES = ["allow", []];

  it.each([
    ["a padded call is denied", "shipped", "client_to_server", call("y"), undefined, DENIED],
    ["a padded call passes where the settings say so", "open", "client_to_server", call("y"), undefined, PASSES],
    ["a padded call whose keys are too long for a pointer is denied", "shipped", "client_to_server", hidden, undefined, DENIED],
    ["the result of such a call is denied", "shipped", "server_to_client", result("y"), hidden, DENIED],
    ["a padded notification of a client is denied", "shipped", "client_to_server", progress, undefined, DENIED],
    ["a padded notification of a server passes", "shipped", "server_to_client", progress, undefined, PASSES],
    ["a padded notification of a server is denied where the settings say so", "closed", "server_to_client", progress, undefined, DENIED],
    ["a large result passes", "shipped", "server_to_client", result(padding), call("y").method, PASSES],
    ["a large result is denied where the settings say so", "closed", "server_to_client", result(padding), call("y").method, DENIED],
    ["the result of a padded call is denied", "shipped", "server_to_client", result("y"), call("y"), DENIED],
    ["the result of a padded call passes where the settings say so", "open", "server_to_client", result("y"), call("y"), PASSES],
    ["a large answer of a client is denied", "shipped", "client_to_server", { ...pong, result: { padding } }, "ping", DENIED],
    ["the answer to a padded question of a server passes", "shipped", "client_to_server", pong, ask, PASSES],
    ["the answer to a padded question is denied where the settings say so", "closed", "client_to_server", pong, ask, DENIED],
  ] as const)("%s", async (_name, server, direction, message, asked, expected) => {
    const plain = { jsonrpc: "2.0", id: 1, method: asked, params: asked === "ping" ? {} : { name: "echo", arguments: {} } };
    const request = asked === undefined ? {} : { request: bytes(typeof asked === "string" ? plain : asked) };
    const verdict = await judge.judgeLine({ bytes: bytes(message), server, direction, ...request });
    expect([verdict.effect, fired(verdict)]).toEqual(expected);
  });
});
