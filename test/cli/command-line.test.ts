import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { configSchema } from "../../src/config/schema.ts";
import { sluice } from "./sluice-process.ts";

const COMMANDS = ["serve", "check", "judge", "build", "key", "key new", "tour", "version"];

test.each(["", ...COMMANDS])("sluice %s --help teaches with an example and is no failure", async (command) => {
  const words = command.split(" ").filter((word) => word !== "");
  const ran = await sluice([...words, "--help"]);
  expect(ran).toMatchObject({ code: 0, stderr: "" });
  expect(ran.stdout).toMatch(/^Usage: sluice/);
  expect(ran.stdout).toMatch(/Examples?\b.*:\n {2}\$ .*sluice|Example: [\s\S]*\n {2}\$ /);
});

test("the list of commands is complete", async () => {
  const { stdout } = await sluice(["--help"]);
  for (const command of COMMANDS) expect(stdout).toContain(`  ${command.split(" ")[0]} `);
});

test.each([
  [[], "Usage: sluice"],
  [["chek"], "error: unknown command 'chek'\n(Did you mean check?)"],
  [["key", "nwe"], "error: unknown command 'nwe'\n(Did you mean new?)"],
  [["check", "--confg", "x"], "error: unknown option '--confg'\n(Did you mean --config?)"],
  [["check"], "error: required option '-c, --config <file>' not specified"],
  [["check", "--config"], "error: option '-c, --config <file>' argument missing"],
  [["check", "--config", "x", "y"], "error: too many arguments for 'check'"],
  [["judge", "--config", "x"], "error: missing required argument 'file'"],
  [["judge", "--config", "x", "--direction", "up", "-"], "Allowed choices are client_to_server, server_to_client."],
  [["build", "--config", "x"], "error: required option '-o, --output <file>' not specified"],
  [["serve", "--config", "x", "--upstream", "y"], "error: option '-c, --config <file>' cannot be used with option '-u, --upstream <url>'"],
  [
    ["serve", "--config", "x", "--listen", "y"],
    "error: option '-c, --config <file>' cannot be used with option '-l, --listen <host:port>'",
  ],
  [["key", "new", "--groups", "a,,b"], "Write the names with commas between them: a,b."],
  [["key", "new", "--expires", "2027-02-30"], "error: --expires: there is no such date"],
  [["key", "new", "--id", "a b"], "error: --id: an id starts with a letter or digit"],
])("sluice %j is a usage error, on standard error alone", async (args, message) => {
  const ran = await sluice(args);
  expect(ran).toMatchObject({ code: 2, stdout: "" });
  expect(ran.stderr).toContain(message);
});

test("key new prints a key once and lines that the configuration accepts", async () => {
  const ran = await sluice(["key", "new", "--id", "ci", "--groups", "deployers, ops", "--scopes", "read", "--expires", "2027-01-31"]);
  expect(ran.code).toBe(0);
  const [key, blank, ...yaml] = ran.stdout.split("\n");
  expect(key).toMatch(/^sluice_[0-9A-Za-z]{43}$/);
  expect(blank).toBe("");
  const pasted: unknown = parse(yaml.join("\n"));
  const entry = {
    id: "ci",
    sha256: createHash("sha256")
      .update(key ?? "")
      .digest("hex"),
    groups: ["deployers", "ops"],
    scopes: ["read"],
  };
  expect(pasted).toEqual({ authn: { api_keys: [{ ...entry, expires: "2027-01-31" }] } });
  const config = configSchema.parse({ ...(pasted as object), servers: { a: { url: "https://a.example" } } });
  expect(config.authn.api_keys).toEqual([{ ...entry, expires: Date.UTC(2027, 0, 31) }]);
  expect(ran.stderr).not.toContain(key);
});

test("version names Sluice, Node and OPA", async () => {
  const manifest: unknown = JSON.parse(readFileSync(join(import.meta.dirname, "..", "..", "package.json"), "utf8"));
  const ran = await sluice(["version"]);
  expect(ran).toMatchObject({ code: 0, stderr: "" });
  expect(ran.stdout).toMatch(/^sluice {2}\S+\nnode {4}\S+\nopa {5}\d+\.\d+\.\d+\n$/);
  expect(ran.stdout).toContain(`sluice  ${(manifest as { version: string }).version}\n`);
  expect(ran.stdout).toContain(`node    ${process.versions.node}\n`);
});

test("version says how to get OPA when there is none, and still answers", async () => {
  const ran = await sluice(["version"], { env: { SLUICE_OPA: "/nowhere/opa" } });
  expect(ran.code).toBe(0);
  expect(ran.stdout).toContain("opa     none\n");
  expect(ran.stderr).toContain("SLUICE_OPA names /nowhere/opa");
});
