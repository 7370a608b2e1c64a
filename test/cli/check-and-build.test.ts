import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sluice } from "./sluice-process.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-cli-")));
const inFolder = (args: readonly string[]) => sluice(args, { cwd: folder });

const GOOD_RULE = `package policies.house

import rego.v1

deny contains {"id": "house/no_echo", "msg": "echo is off"} if {
	input.phase == "request"
	input.target.name == "echo"
}
`;
// `deny if` is a complete rule: it passes OPA's own check and would contribute nothing.
const BAD_RULE = `package policies.house

import rego.v1

deny if input.target.name == "echo"
`;

beforeAll(() => {
  for (const [name, rule] of [
    ["good", GOOD_RULE],
    ["bad", BAD_RULE],
  ] as const) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "house.rego"), rule);
    writeFileSync(join(folder, `${name}.yaml`), `servers: {a: {url: https://a.example/mcp}}\npolicy: {path: ${name}}\n`);
  }
  writeFileSync(join(folder, "both.yaml"), "lisen: x\nservers: {a: {url: https://a.example/mcp, trust: no}}\npolicy: {path: bad}\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

test("check finds nothing wrong with a good configuration and good policies", async () => {
  expect(await inFolder(["check", "--config", "good.yaml"])).toEqual({ code: 0, stdout: "good.yaml: nothing wrong\n", stderr: "" });
});

test("check reports a wrong policy at its own place", async () => {
  const ran = await inFolder(["check", "--config", "bad.yaml"]);
  expect(ran.code).toBe(1);
  expect(ran.stdout).toMatch(/^bad\/house\.rego:5:\d+: error: /m);
  expect(ran.stdout).not.toContain("nothing wrong");
});

test("check reports what is wrong with the configuration and with the policies in one run", async () => {
  const ran = await inFolder(["check", "--config", "both.yaml"]);
  expect(ran.code).toBe(2);
  expect(ran.stdout).toContain('both.yaml:1:1: error: unknown key "lisen". Did you mean "listen"? [config/unknown-key]\n');
  expect(ran.stdout).toContain('both.yaml:2:50: error: "trust": expected one of internal, partner, third_party [config/value]\n');
  expect(ran.stdout).toMatch(/^bad\/house\.rego:5:\d+: error: /m);
});

test("check goes on to the policies when another file is missing, and not when theirs is", async () => {
  writeFileSync(join(folder, "no-ca.yaml"), "servers: {a: {url: https://a.example/mcp, ca: none.pem}}\npolicy: {path: bad}\n");
  writeFileSync(join(folder, "no-path.yaml"), "servers: {a: {url: https://a.example/mcp}}\npolicy: {path: none}\n");
  const [noCa, noPath] = await Promise.all([
    inFolder(["check", "--config", "no-ca.yaml"]),
    inFolder(["check", "--config", "no-path.yaml"]),
  ]);
  expect(noCa.stdout).toContain("none.pem cannot be read: it does not exist.");
  expect(noCa.stdout).toMatch(/^bad\/house\.rego:5:\d+: error: /m);
  expect(noPath).toMatchObject({ code: 2, stdout: expect.stringMatching(/^no-path\.yaml:2:16: error: .*\n1 error\n$/) });
});

test("check says that there is no such file", async () => {
  const ran = await inFolder(["check", "--config", "none.yaml"]);
  expect(ran).toMatchObject({ code: 2, stderr: "" });
  expect(ran.stdout).toContain("none.yaml: error: the configuration file cannot be read: it does not exist. ");
});

test("build writes a bundle that a configuration can name, and version gives its revision", async () => {
  const built = await inFolder(["build", "--config", "good.yaml", "--output", "bundle.tar.gz"]);
  expect(built).toMatchObject({ code: 0, stdout: expect.stringMatching(/^bundle\.tar\.gz: \d+ bytes\n$/) });
  writeFileSync(join(folder, "bundle.yaml"), "servers: {a: {url: https://a.example/mcp}}\npolicy: {path: bundle.tar.gz}\n");
  const [fromFolder, fromBundle] = await Promise.all([
    inFolder(["version", "--config", "good.yaml"]),
    inFolder(["version", "--config", "bundle.yaml"]),
  ]);
  expect(fromFolder.stdout).toMatch(/^policy {2}\S+$/m);
  expect(fromBundle.stdout).toBe(fromFolder.stdout);
});

test.each([
  ["wrong policies", ["--config", "bad.yaml", "--output", "refused.tar.gz"], 1],
  ["a wrong configuration", ["--config", "both.yaml", "--output", "refused.tar.gz"], 2],
  ["a name that policy.path would not take", ["--config", "good.yaml", "--output", "refused.tgz"], 2],
  ["a folder that is not there", ["--config", "good.yaml", "--output", "none/refused.tar.gz"], 2],
])("build refuses %s and leaves no file", async (_name, args, code) => {
  const ran = await inFolder(["build", ...args]);
  expect(ran).toMatchObject({ code, stdout: "" });
  expect(ran.stderr).toContain("error: ");
  expect(readdirSync(folder).filter((file) => file.includes("refused"))).toEqual([]);
  expect(existsSync(join(folder, "none"))).toBe(false);
});
