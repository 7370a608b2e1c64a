import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Decision } from "../../src/policy/decision.ts";
import type { Phase } from "../../src/policy/input.ts";
import { inputText } from "../../src/policy/input-text.ts";
import { buildBundle, checkPolicy, loadPolicy, type Policy } from "../../src/policy/policy.ts";
import { policyConfig, policyFolder, temporaryFolder, type ConfigParts } from "./policy-files.ts";

const DEMO = `package policies.demo

# METADATA
# title: Everybody may call echo
allow contains {"id": "demo/echo"} if input.target.name == "echo"

deny contains {"id": "demo/bad", "msg": $"{input.principal.id} may not"} if input.target.name in data.org.blocked

hold contains {"id": "demo/ask", "msg": "ask"} if input.target.name == "held"

redact contains {"id": "demo/mail", "findings": numbers, "with": with_operator} if {
	numbers := {finding.n | some finding in input.findings}
	count(numbers) > 0
	with_operator := "mask"
}
`;
const FILES = { "demo.rego": DEMO, "data.yaml": "org:\n  blocked: [bad]\n" };

async function load(parts: ConfigParts): Promise<Policy> {
  const { config, deps } = policyConfig(parts);
  const loaded = await loadPolicy(config, deps);
  if (!loaded.ok) throw new Error(loaded.failure.map(({ message }) => message).join("; "));
  return loaded.value;
}

function judge(policy: Policy, target: string, over: Record<string, unknown> = {}, phase: Phase = "request"): Decision {
  const input = inputText({
    phase,
    direction: phase === "response" ? "server_to_client" : "client_to_server",
    server: { name: "demo", trust: "third_party" },
    principal: { id: "alice" },
    target: { kind: "tool", name: target },
    mcp: { method: "tools/call" },
    findings: [],
    urls: [],
    destinations: [],
    ...over,
  });
  return policy.decide(input, { serverName: "demo", phase, now: Date.parse("2026-06-01T00:00:00Z"), target, principal: "alice" });
}

describe("a policy", () => {
  it("grants, denies, holds and redacts as the operator's Rego says, and denies the rest", async () => {
    const policy = await load({ path: policyFolder(FILES) });
    expect(policy.packages).toEqual(["demo"]);
    expect(judge(policy, "echo")).toMatchObject({ effect: "allow", grants: [{ id: "demo/echo", message: "Everybody may call echo" }] });
    expect(judge(policy, "bad")).toMatchObject({
      effect: "deny",
      reason: "ERR_DENIED",
      matched: [{ id: "demo/bad", message: "alice may not" }],
    });
    expect(judge(policy, "other")).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT" });
    expect(judge(policy, "held")).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT" });
    const redacted = judge(policy, "echo", { findings: [{ n: 0 }, { n: 1 }] });
    expect(redacted).toMatchObject({ effect: "redact", redactions: [{ rule: "demo/mail", findings: [0, 1], with: "mask" }] });
    expect(judge(policy, "echo", {}, "response")).toMatchObject({ effect: "allow" });
  });

  it("warns at load that hold only refuses for now", async () => {
    const path = policyFolder(FILES);
    expect((await load({ path })).warnings).toMatchObject([
      { check: "policy/hold", severity: "warning", file: join(path, "demo.rego"), line: 9 },
    ]);
  });

  it("denies everything without packs and without a folder", async () => {
    expect(judge(await load({}), "echo")).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT" });
  });

  it("answers an error, and never throws, when the engine stops or the input cannot be made", async () => {
    const clash =
      'package policies.demo\n\nallow contains {"id": "demo/all"} if value > 0\n\nvalue := 1 if input.target.name\n\nvalue := 2 if input.target.name == "clash"\n';
    const policy = await load({ path: policyFolder({ "rules/demo.rego": clash }) });
    const stopped = judge(policy, "clash");
    expect(stopped).toMatchObject({ effect: "error", reason: "ERR_POLICY_FAULT" });
    expect(stopped.detail).toMatch(/conflict.* rules\/demo\.rego:\d+/);
    expect(judge(policy, "echo")).toMatchObject({ effect: "allow" });
    const garbled = policy.decide("secret text", { serverName: "demo", phase: "request", now: 0, principal: "alice" });
    expect(garbled).toMatchObject({ effect: "error", reason: "ERR_POLICY_FAULT" });
    expect(garbled.detail).not.toContain("secret");
  });

  it("answers an error for a server that it does not know", async () => {
    const policy = await load({ path: policyFolder(FILES) });
    expect(policy.decide(inputText({}), { serverName: "other", phase: "request", now: 0, principal: "a" })).toMatchObject({
      effect: "error",
    });
  });

  it("answers an error when the input does not carry the nonce", async () => {
    const policy = await load({ path: policyFolder(FILES) });
    expect(judge(policy, "echo", { nonce: "forged" })).toMatchObject({ effect: "error", reason: "ERR_DECISION" });
  });

  it("is not loaded when a plain message makes it fail", async () => {
    const { config, deps } = policyConfig({
      path: policyFolder({
        "demo.rego":
          'package policies.demo\n\nallow contains {"id": "demo/all"} if v > 0\n\nv := 1 if input.phase\n\nv := 2 if input.mcp.method\n',
      }),
    });
    expect(await loadPolicy(config, deps)).toMatchObject({ ok: false, failure: [{ check: "policy/probe" }] });
  });

  it("denies the load probe whatever the operator grants", async () => {
    const policy = await load({ path: policyFolder({ "demo.rego": 'package policies.demo\n\nallow contains {"id": "demo/all"}\n' }) });
    expect(judge(policy, "anything")).toMatchObject({ effect: "allow" });
    expect(judge(policy, "anything", {}, "probe")).toMatchObject({ effect: "deny", matched: [{ id: "firewall/probe" }] });
  });

  it("in observe mode lets messages pass and records what it would have done", async () => {
    const policy = await load({ path: policyFolder(FILES), server: { mode: "observe" } });
    expect(judge(policy, "bad")).toMatchObject({ effect: "allow", would: [{ id: "demo/bad" }], wouldBe: { effect: "deny" } });
    expect(judge(policy, "anything", {}, "probe")).toMatchObject({ effect: "deny" });
  });

  it("takes modes and waivers from data", async () => {
    const waivers = "waivers:\n  - {id: demo/bad, target: bad, owner: sec, reason: move, expires: 2026-07-01}\n";
    const policy = await load({ path: policyFolder({ ...FILES, "data.yaml": `${FILES["data.yaml"]}${waivers}` }) });
    expect(judge(policy, "bad")).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT", waived: ["demo/bad"] });
    const observed = await load({ path: policyFolder({ ...FILES, "data.yaml": `${FILES["data.yaml"]}modes: {demo: observe}\n` }) });
    expect(judge(observed, "bad")).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT", would: [{ id: "demo/bad" }] });
  });

  it("drops the elements of packs that are off for the server", async () => {
    const packs = ["protocol_and_identity", "pii"];
    const path = policyFolder(FILES);
    const ping = { mcp: { method: "ping", kind: "request" }, target: undefined };
    expect(judge(await load({ path, packs }), "", ping).effect).toBe("allow");
    expect(judge(await load({ path, packs, server: { packs: ["pii"] } }), "", ping)).toMatchObject({
      effect: "deny",
      reason: "ERR_NO_GRANT",
    });
  });
});

describe("settings of packs", () => {
  it("are merged: defaults, then data, then the configuration, then the server's; lists replaced", async () => {
    const rules = `package policies.demo

effective := data.server_settings[input.server.name].egress

allow contains {"id": "demo/all"}

warn contains {"id": "demo/seen", "msg": $"{effective.blocked_hosts} {effective.allowed_hosts} {data.settings.egress.allowed_hosts} {effective.mode}"}
`;
    const path = policyFolder({
      "demo.rego": rules,
      "data.yaml": "settings: {egress: {allowed_hosts: [data.example], blocked_hosts: [blocked.example]}}\n",
    });
    const policy = await load({
      path,
      packs: ["egress"],
      settings: { egress: { allowed_hosts: ["config.example"] } },
      server: { settings: { egress: { allowed_hosts: ["server.example"] } } },
    });
    const message = judge(policy, "x").matched.find(({ id }) => id === "demo/seen")?.message;
    expect(message).toMatch(/^\["blocked\.example"\] \["server\.example"\] \["config\.example"\] \w+$/);
  });
});

describe("the operator's folder", () => {
  it("is read through symbolic links, without dot entries and node_modules, whose rules would grant", async () => {
    const mounted = policyFolder({ "..data/demo.rego": DEMO, "..data/data.yaml": FILES["data.yaml"] });
    const planted = 'package policies.planted\n\nallow contains {"id": "planted/all"}\n';
    for (const [folder, name] of [
      [".hidden", "x.rego"],
      ["node_modules", "y.rego"],
    ] as const) {
      mkdirSync(join(mounted, folder));
      writeFileSync(join(mounted, folder, name), planted);
    }
    writeFileSync(join(mounted, ".manifest"), '{"roots": [""]}');
    writeFileSync(join(mounted, ".signatures.json"), "{}");
    symlinkSync(join("..data", "demo.rego"), join(mounted, "demo.rego"));
    symlinkSync(join("..data", "data.yaml"), join(mounted, "data.yaml"));
    const policy = await load({ path: mounted });
    expect(policy.packages).toEqual(["demo"]);
    expect(judge(policy, "bad")).toMatchObject({ effect: "deny", reason: "ERR_DENIED" });
    expect(judge(policy, "other")).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT" });
  });

  it("leaves tests out of the policy", async () => {
    const test =
      'package policies.demo_test\n\nimport data.policies.demo\n\nallow contains {"id": "demo_test/all"}\n\ntest_denies if count(demo.deny) == 0\n';
    const policy = await load({ path: policyFolder({ ...FILES, "demo_test.rego": test }) });
    expect(policy.packages).toEqual(["demo"]);
    expect(judge(policy, "other")).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT" });
  });

  it("may hold shared helpers in lib packages, whose unused rules are only warned of", async () => {
    const files = {
      "lib/names.rego": "package lib.names\n\nbad(name) if name in data.org.blocked\n\nunused := 1\n",
      "demo.rego":
        'package policies.demo\n\nallow contains {"id": "demo/all"}\n\ndeny contains {"id": "demo/bad"} if data.lib.names.bad(input.target.name)\n',
      "org/data.json": '{"blocked": ["bad"]}',
    };
    const policy = await load({ path: policyFolder(files) });
    expect(judge(policy, "bad")).toMatchObject({ effect: "deny" });
    expect(policy.warnings).toMatchObject([{ check: "policy/dead-rule", severity: "warning" }]);
  });

  it("with two slips shows both at once", async () => {
    const path = policyFolder({
      "a.rego": "package policies.a\n\ndeny if input.phase\n",
      "b.rego": "package firewall.main\n\nx := 1\n",
      "data.yaml": "policies: {}\n",
      "notes.txt": "",
    });
    const { config, deps } = policyConfig({ path, packs: ["pii"], settings: { pii: { kindz: [] } } });
    const checks = (await checkPolicy(config, deps)).map(({ check }) => check);
    expect(checks.toSorted()).toEqual([
      "policy/effect-form",
      "policy/package",
      "policy/reserved-data",
      "policy/unexpected-file",
      "policy/unknown-setting",
    ]);
  });
});

describe("a configuration", () => {
  it("that names packs which do not exist is refused by name", async () => {
    const { config, deps } = policyConfig({});
    const wrong = { ...config, policy: { ...config.policy, packs: ["pi"] } };
    expect(await loadPolicy(wrong, deps)).toMatchObject({ ok: false, failure: [{ check: "policy/unknown-pack" }] });
  });

  it("without OPA is refused with a sentence that says how to get it", async () => {
    const { config, deps } = policyConfig({ path: policyFolder(FILES) });
    const loaded = await loadPolicy(config, { ...deps, env: { SLUICE_OPA: "/nonexistent/opa" } });
    expect(loaded).toMatchObject({
      ok: false,
      failure: [{ check: "policy/opa", message: expect.stringMatching(/SLUICE_OPA.*Install OPA/) as string }],
    });
  });
});

describe("a prebuilt bundle", () => {
  async function build(parts: ConfigParts): Promise<string> {
    const { config, deps } = policyConfig(parts);
    const built = await buildBundle(config, deps);
    if (!built.ok) throw new Error(built.failure.map(({ message }) => message).join("; "));
    const file = join(temporaryFolder(), "bundle.tar.gz");
    writeFileSync(file, built.value.bundle);
    return file;
  }

  it("judges like the folder that it was built from, and says that it cannot be checked again", async () => {
    const path = policyFolder(FILES);
    const [bundle, folder] = [await load({ path: await build({ path }) }), await load({ path })];
    expect(bundle.revision).toBe(folder.revision);
    expect(judge(bundle, "bad")).toEqual(judge(folder, "bad"));
    expect(judge(bundle, "echo")).toEqual(judge(folder, "echo"));
    expect(bundle.warnings).toMatchObject([{ check: "policy/bundle", severity: "warning" }]);
  });

  it("is the same byte for byte when it is built twice", async () => {
    const path = policyFolder(FILES);
    expect(readFileSync(await build({ path }))).toEqual(readFileSync(await build({ path })));
  });

  it.each<[string, ConfigParts]>([
    ["other settings", { packs: ["egress"], settings: { egress: { allowed_hosts: ["x.example"] } } }],
    ["other packs", { packs: [] }],
    ["other settings of a server", { packs: ["egress"], server: { settings: { egress: { allowed_hosts: ["x.example"] } } } }],
  ])("is refused under a configuration with %s", async (_name, parts) => {
    const { config, deps } = policyConfig({ ...parts, path: await build({ path: policyFolder(FILES), packs: ["egress"] }) });
    expect(await loadPolicy(config, deps)).toMatchObject({
      ok: false,
      failure: [{ check: "policy/bundle", message: expect.stringContaining("build it again") as string }],
    });
  });

  it.each<[string, (file: string) => void]>([
    ["is cut short", (file) => writeFileSync(file, readFileSync(file).subarray(0, 2_000))],
    ["is no archive", (file) => writeFileSync(file, "not a bundle")],
    ["is empty", (file) => writeFileSync(file, "")],
  ])("is refused when it %s", async (_name, damage) => {
    const file = await build({ path: policyFolder(FILES) });
    damage(file);
    const { config, deps } = policyConfig({ path: file });
    expect(await loadPolicy(config, deps)).toMatchObject({ ok: false, failure: [{ check: "policy/bundle", file }] });
  });
});

describe("the cache", () => {
  async function loadCached(path: string, cache: string): Promise<Policy> {
    const { config, deps } = policyConfig({ path });
    const loaded = await loadPolicy(config, { ...deps, cache });
    if (!loaded.ok) throw new Error("not loaded");
    return loaded.value;
  }

  it("answers the same policy and its warnings, and is private", async () => {
    const [path, cache] = [policyFolder(FILES), join(temporaryFolder(), "cache")];
    const [first, second] = [await loadCached(path, cache), await loadCached(path, cache)];
    expect(second.revision).toBe(first.revision);
    expect(second.warnings).toEqual(first.warnings);
    expect(readdirSync(cache)).toHaveLength(1);
  });

  it("is not believed when an entry was tampered with, or when others can write it", async () => {
    const [path, cache] = [policyFolder(FILES), join(temporaryFolder(), "cache")];
    await loadCached(path, cache);
    const [entry] = readdirSync(cache) as [string];
    const open = 'package policies.demo\n\nallow contains {"id": "demo/all"}\n';
    const { config, deps } = policyConfig({ path: policyFolder({ "demo.rego": open }) });
    const planted = await buildBundle(config, deps);
    if (!planted.ok) throw new Error("not built");
    writeFileSync(join(cache, entry, "bundle.tar.gz"), planted.value.bundle);
    expect(judge(await loadCached(path, cache), "other")).toMatchObject({ effect: "deny" });

    copyFileSync(join(cache, entry, "note.json"), join(cache, entry, "note.json.old"));
    chmodSync(cache, 0o777);
    writeFileSync(join(cache, entry, "bundle.tar.gz"), "");
    expect(judge(await loadCached(path, cache), "other")).toMatchObject({ effect: "deny" });
  });

  it("holds nothing that did not pass every check", async () => {
    const cache = join(temporaryFolder(), "cache");
    const { config, deps } = policyConfig({ path: policyFolder({ "demo.rego": "package policies.demo\n\ndeny if input.phase\n" }) });
    for (let round = 0; round < 2; round++) expect((await loadPolicy(config, { ...deps, cache })).ok).toBe(false);
  });
});
