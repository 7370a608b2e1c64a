import { request } from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { startGateway } from "../../src/gateway.ts";
import { hostRules } from "../../src/http/host-rules.ts";

const PORT = 8080;
const rules = (host: string, more: { allowed_hosts?: string[]; allowed_origins?: string[] } = {}) =>
  hostRules({ listen: { host, port: PORT }, allowed_hosts: [], allowed_origins: [], ...more }, PORT);
const codeOf = (checked: ReturnType<ReturnType<typeof rules>["check"]>): string => (checked.ok ? "ok" : checked.failure.code);

test.each(["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST", "LocalHost"])(
  "on %s only the names of this machine are accepted, with the port",
  (listen) => {
    const { check } = rules(listen);
    for (const host of ["localhost:8080", "LocalHost:8080", "127.0.0.1:8080", "[::1]:8080"])
      expect(codeOf(check(host, undefined))).toBe("ok");
    for (const host of ["evil.example", "evil.example:8080", "localhost", "localhost:1", "localhost.evil.example:8080", "", undefined])
      expect(codeOf(check(host, undefined))).toBe("ERR_HOST");
  },
);

test.each(["0.0.0.0", "::", "10.0.0.7", "gateway.example"])("on %s any Host is accepted, but not none", (listen) => {
  const { check } = rules(listen);
  expect(codeOf(check("anything.example", undefined))).toBe("ok");
  expect(codeOf(check(undefined, undefined))).toBe("ERR_HOST");
});

test("allowed_hosts are the only ones on an address that others reach, and come beside the machine's names on a loopback one", () => {
  const more = { allowed_hosts: ["MCP.example", "mcp.example:444"] };
  expect(codeOf(rules("0.0.0.0", more).check("mcp.EXAMPLE", undefined))).toBe("ok");
  expect(codeOf(rules("0.0.0.0", more).check("other.example", undefined))).toBe("ERR_HOST");
  expect(codeOf(rules("127.0.0.1", more).check("mcp.example:444", undefined))).toBe("ok");
  expect(codeOf(rules("127.0.0.1", more).check("localhost:8080", undefined))).toBe("ok");
  expect(codeOf(rules("127.0.0.1", more).check("mcp.example:445", undefined))).toBe("ERR_HOST");
});

test("an Origin must be listed, also on a loopback address; none is no browser's", () => {
  const { check } = rules("127.0.0.1", { allowed_origins: ["https://Console.example"] });
  expect(codeOf(check("localhost:8080", undefined))).toBe("ok");
  expect(codeOf(check("localhost:8080", "https://console.example"))).toBe("ok");
  for (const origin of ["http://console.example", "https://console.example.evil.example", "http://localhost:8080", "null", ""])
    expect(codeOf(check("localhost:8080", origin))).toBe("ERR_ORIGIN");
});

test("a gateway whose configuration writes localhost in capitals refuses a foreign Host", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  const file = join(folder, "sluice.yaml");
  writeFileSync(file, "listen: LOCALHOST:0\nlog: {level: silent}\nservers: {one: {url: http://127.0.0.1:9/mcp}}\n");
  const loaded = await loadConfig(file);
  if (!loaded.ok) throw new Error("configuration");
  const started = await startGateway(loaded.value.config, { locate: loaded.value.locate });
  if (!started.ok) throw new Error("start");
  const { hostname, port } = new URL(started.value.url);
  const status = (host: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const call = request({ host: hostname.replace(/^\[|\]$/g, ""), port, path: "/healthz", headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      call.on("error", reject);
      call.end();
    });
  expect(await status(`localhost:${port}`)).toBe(200);
  expect(await status("evil.example")).toBe(403);
  expect(await status(`evil.example:${port}`)).toBe(403);
  await started.value.close(0);
  rmSync(folder, { recursive: true });
});
