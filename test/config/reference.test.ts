/** The JSON schema and the documentation are derived from the schema in the code: what is checked in must be what it says now. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { draftConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/config/problem.ts";
import { configSchema } from "../../src/config/schema.ts";
import { REFERENCE_FILE, referenceText, SCHEMA_FILE, schemaText } from "../../scripts/config-schema.ts";

const reference = readFileSync(REFERENCE_FILE, "utf8");

test("the JSON schema is current (npm run generate)", () => {
  expect(readFileSync(SCHEMA_FILE, "utf8")).toBe(schemaText());
});

test("the table of keys is current (npm run generate)", () => {
  expect(reference).toBe(referenceText(reference));
});

test("every key is documented", () => {
  const undocumented = reference.split("\n").filter((line) => /^\| `[^`]+` \|.*\|\s*\|$/u.test(line));
  expect(undocumented).toEqual([]);
});

const accepts = new Ajv({ strict: false, validateFormats: false }).compile(JSON.parse(readFileSync(SCHEMA_FILE, "utf8")));
const url = "https://a.example/mcp";

test.each([
  ["the documented example", parse(/```yaml\n([\s\S]*?)```/u.exec(reference)?.[1] ?? "")],
  ["sizes and references", { servers: { a: { url, headers: { A: { file: "x" } } } }, limits: { body: "1MiB", depth: 5, idle_ms: 0 } }],
])("the JSON schema accepts %s, as the program does", (_name, config) => {
  expect(accepts(config)).toBe(true);
  expect(configSchema.safeParse(config).success).toBe(true);
});

test.each([
  ["no servers", {}],
  ["an unknown key", { servers: { a: { url } }, lisen: "x" }],
  ["a server without URL", { servers: { a: {} } }],
  ["an unknown trust", { servers: { a: { url, trust: "friend" } } }],
  ["a size of an unknown unit", { servers: { a: { url } }, limits: { body: "1MB" } }],
  ["a secret with two places", { servers: { a: { url, headers: { A: { file: "x", env: "Y" } } } } }],
  ["a short hash", { servers: { a: { url } }, authn: { api_keys: [{ id: "a", sha256: "ab" }] } }],
])("the JSON schema refuses %s, as the program does", (_name, config) => {
  expect(accepts(config)).toBe(false);
  expect(configSchema.safeParse(config).success).toBe(false);
});

test("the JSON schema refuses the names that no server may have", () => {
  for (const name of ["metrics", "Big", "a.b", ""]) expect(accepts({ servers: { [name]: { url } } })).toBe(false);
});

test("the documented problems are what a file with these slips gets", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-reference-"));
  const file = join(folder, "sluice.yaml");
  writeFileSync(file, `servers:\n  github:\n    url: ${url}\n    trsut: third_party\n    headers: {Authorization: Bearer x}\n`);
  const { problems } = draftConfig(file, { shippedPacks: [] });
  rmSync(folder, { recursive: true });
  const lines = problems.map((problem) => formatProblem({ ...problem, file: "sluice.yaml" }));
  expect(reference).toContain(`$ sluice check --config sluice.yaml\n${lines.join("\n")}\n2 errors\n`);
});

test("the schema's file stands beside the documentation that links to it", () => {
  expect(join(REFERENCE_FILE, "..", "config.schema.json")).toBe(SCHEMA_FILE);
  expect(reference).toContain("](config.schema.json)");
});
