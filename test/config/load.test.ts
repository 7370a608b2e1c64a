import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { configForUpstream, draftConfig, type LoadedConfig, loadConfig } from "../../src/config/load.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-load-")));
const file = join(folder, "sluice.yaml");
const options = { shippedPacks: ["egress", "pii"], now: 0 };
afterAll(() => rmSync(folder, { recursive: true }));

async function load(yaml: string): Promise<LoadedConfig> {
  writeFileSync(file, yaml);
  const loaded = await loadConfig(file, options);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure));
  return loaded.value;
}

test("fills in every default for the smallest file", async () => {
  const { config, warnings } = await load("servers: {github: {url: https://api.githubcopilot.com/mcp/}}\n");
  expect(warnings).toEqual([]);
  const { servers, ...rest } = config;
  expect(rest).toEqual({
    file,
    listen: { host: "127.0.0.1", port: 8080 },
    tls: undefined,
    allowed_origins: [],
    allowed_hosts: [],
    time_zone: "UTC",
    authn: { anonymous: true },
    policy: { path: undefined, packs: undefined, mode: "enforce", settings: {} },
    audit: { file: join(folder, "sluice-audit.jsonl"), on_error: "deny" },
    limits: {
      body: 4_194_304,
      event: 4_194_304,
      depth: 64,
      nodes: 200_000,
      string: 2_097_152,
      findings: 1000,
      policy_text: 1_048_576,
      policy_memory: 67_108_864,
      upstream_ms: 60_000,
      body_ms: 30_000,
      idle_ms: 0,
      connect_ms: 10_000,
      stall_ms: 1500,
      quarantine_s: 300,
      drain_s: 10,
      connections: 256,
      in_flight: 2000,
      buffered: 134_217_728,
      lag_ms: 1000,
    },
    log: { level: "info" },
  } satisfies Omit<Config, "servers">);
  expect([...servers]).toEqual([
    [
      "github",
      {
        name: "github",
        url: "https://api.githubcopilot.com/mcp/",
        trust: "third_party",
        labels: [],
        disabled: false,
        mode: "enforce",
        packs: undefined,
        settings: {},
        headers: {},
        authorization: "strip",
        allow_plain_http: false,
        ca: undefined,
      },
    ],
  ]);
});

test("reads every key, and paths relative to the file's folder", async () => {
  mkdirSync(join(folder, "rules"));
  writeFileSync(join(folder, "token"), "t\n");
  const { config } = await load(`
listen: "[::1]:8443"
time_zone: Europe/Berlin
allowed_origins: [https://console.example.com]
allowed_hosts: [MCP.example.com, "mcp.example.com:8443"]
authn:
  api_keys:
    - {id: ci, sha256: ${"AB".repeat(32)}, groups: [deployers], scopes: [read], expires: 2027-01-31}
    - {id: dev, sha256: ${"cd".repeat(32)}, expires: "2027-01-31T18:00:00+01:00"}
servers:
  crm:
    url: http://10.0.0.7:3000/mcp
    allow_plain_http: true
    trust: internal
    labels: [crm]
    packs: [pii]
    settings: {pii: {kinds: [email]}}
    headers: {Authorization: {file: token}, X-Team: blue}
  local: {url: "http://127.0.0.1:3001/mcp", mode: enforce, packs: [], authorization: passthrough}
policy: {path: rules, packs: [pii], mode: observe, settings: {pii: {on: true}}}
audit: {file: audit.jsonl, on_error: allow}
limits: {body: 1MiB, upstream_ms: 5s, idle_ms: 2m, string: 2048}
log: {level: debug}
`);
  expect(config.listen).toEqual({ host: "::1", port: 8443 });
  expect(config.allowed_hosts).toEqual(["mcp.example.com", "mcp.example.com:8443"]);
  expect(config.authn).toEqual({
    api_keys: [
      { id: "ci", sha256: "ab".repeat(32), groups: ["deployers"], scopes: ["read"], expires: Date.UTC(2027, 0, 31) },
      { id: "dev", sha256: "cd".repeat(32), groups: [], scopes: [], expires: Date.UTC(2027, 0, 31, 17) },
    ],
  });
  expect(config.servers.get("crm")).toMatchObject({
    url: "http://10.0.0.7:3000/mcp",
    mode: "observe",
    settings: { pii: { kinds: ["email"] } },
    headers: { Authorization: { file: join(folder, "token") }, "X-Team": "blue" },
  });
  expect(config.servers.get("local")).toMatchObject({ mode: "enforce", packs: [], authorization: "passthrough" });
  expect(config.policy).toEqual({ path: join(folder, "rules"), packs: ["pii"], mode: "observe", settings: { pii: { on: true } } });
  expect(config.audit).toEqual({ file: join(folder, "audit.jsonl"), on_error: "allow" });
  expect(config.limits).toMatchObject({ body: 1_048_576, upstream_ms: 5_000, idle_ms: 120_000, string: 2048 });
});

test("takes anchors and merge keys", async () => {
  const { config } = await load(
    "servers:\n  a: &base {url: https://a.example/, trust: partner}\n  b: {<<: *base, url: https://b.example/}\n",
  );
  expect([...config.servers.values()].map(({ url, trust }) => [url, trust])).toEqual([
    ["https://a.example/", "partner"],
    ["https://b.example/", "partner"],
  ]);
});

test("cannot be changed afterwards, at any depth", async () => {
  const { config } = await load("servers: {a: {url: https://a.example, settings: {pii: {kinds: [email]}}}}\n");
  const open: string[] = [];
  const walk = (value: unknown, path: string): void => {
    if (typeof value !== "object" || value === null) return;
    if (!Object.isFrozen(value)) open.push(path);
    for (const [key, member] of value instanceof Map ? value : Object.entries(value)) walk(member, `${path}.${String(key)}`);
  };
  walk(config, "config");
  expect(open).toEqual([]);
  const servers = config.servers as Map<string, never>;
  expect(() => servers.set("b", undefined as never)).toThrow(TypeError);
  expect(() => servers.delete("a")).toThrow(TypeError);
  expect(() => servers.clear()).toThrow(TypeError);
  expect([...config.servers.keys()]).toEqual(["a"]);
});

test("does not look for the secrets and files of a disabled server", async () => {
  const { config } = await load(
    "servers: {a: {url: https://a.example, disabled: true, ca: none.pem, headers: {Authorization: {env: SLUICE_TEST_UNSET}, X: {file: none}}}}\n",
  );
  expect(config.servers.get("a")?.disabled).toBe(true);
});

test("knows the place of every setting, and of the nearest key above one that is not there", async () => {
  const { locate } = await load("servers:\n  a:\n    url: https://a.example\n    settings:\n      pii:\n        kinds: [email, phone]\n");
  const settings = ["servers", "a", "settings"];
  expect(locate(settings)).toEqual({ line: 4, column: 5 });
  expect(locate([...settings, "pii", "kinds", 1])).toEqual({ line: 6, column: 24 });
  expect(locate([...settings, "pii", "kinds"], "key")).toEqual({ line: 6, column: 9 });
  expect(locate([...settings, "pii", "tols", "x"])).toEqual({ line: 5, column: 7 });
});

test("gives a draft with defaults in place of what is wrong, so that the rest can be checked too", () => {
  mkdirSync(join(folder, "more-rules"));
  writeFileSync(file, "lisen: x\nservers: {a: {url: https://a.example, trust: no}, b: {}}\npolicy: {path: more-rules, mode: x}\n");
  const { config, problems } = draftConfig(file, options);
  expect(problems).toHaveLength(4);
  expect(config?.policy).toMatchObject({ path: join(folder, "more-rules"), mode: "enforce" });
  expect([...(config?.servers.values() ?? [])].map(({ name, trust }) => [name, trust])).toEqual([["a", "third_party"]]);
});

test("puts one upstream behind all packs without a file", () => {
  const made = configForUpstream("https://mcp.example.com/mcp");
  if (!made.ok) throw new Error(JSON.stringify(made.failure));
  const { servers, listen, policy, audit, file: none } = made.value;
  expect([...servers.values()].map(({ name, url, packs }) => ({ name, url, packs }))).toEqual([
    { name: "upstream", url: "https://mcp.example.com/mcp", packs: undefined },
  ]);
  expect({ listen, policy, none }).toEqual({
    listen: { host: "127.0.0.1", port: 8080 },
    policy: { path: undefined, packs: undefined, mode: "enforce", settings: {} },
    none: undefined,
  });
  expect(audit.file).toBe(join(process.cwd(), "sluice-audit.jsonl"));
});

test.each([
  ["mcp.example.com", undefined, "this is not a URL"],
  ["http://mcp.example.com/mcp", undefined, "http to another machine: everybody on the way can read and change the messages"],
  ["https://mcp.example.com/mcp", "0.0.0.0:1", "whoever reaches this address may call every server: authn asks for no credentials"],
])("refuses --upstream %s with --listen %s", (url, listen, message) => {
  const made = configForUpstream(url, listen);
  expect(made.ok ? [] : made.failure.map((problem) => problem.message)).toEqual([message]);
});
