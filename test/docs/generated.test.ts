/** What is generated is current, and the tables that people read name exactly what there is. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { ERROR_DOCS_FILE, errorDocs } from "../../scripts/error-docs.ts";
import { FAULT_DOCS_FILE, faultDocs } from "../../scripts/fault-docs.ts";
import { AUDIT_SCHEMA_FILE, auditSchema, inputSchema } from "../../scripts/schemas.ts";
import { kinds } from "../../src/detect/detect.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { Totals } from "../../src/workers/totals.ts";
import { EFFECT_NAMES } from "../../src/policy/effects.ts";
import { packageRoot, packNames } from "../../src/policy/sources/shipped.ts";
import { markdownFiles, read, ROOT } from "./blocks.ts";

test("docs/errors.md is current (npm run generate)", () => {
  expect(readFileSync(ERROR_DOCS_FILE, "utf8")).toBe(errorDocs());
});

test("policies/schema/audit.json is current (npm run generate)", () => {
  expect(readFileSync(AUDIT_SCHEMA_FILE, "utf8")).toBe(auditSchema());
});

test("docs/faults.md shows the rows that the tests play (npm run generate)", () => {
  const page = readFileSync(FAULT_DOCS_FILE, "utf8");
  expect(page).toBe(faultDocs(page));
});

/** The names in the first column of the table below a heading. */
function column(file: string, heading: string): string[] {
  const section = read(file).split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return [...section.matchAll(/^\| `([^`]+)`/gm)].map((row) => row[1] ?? "").toSorted();
}

const membersOf = (schema: string): string[] =>
  Object.keys((JSON.parse(schema) as { properties: Record<string, unknown> }).properties).toSorted();

test("every member of an audit record is documented, and nothing else", () => {
  expect(column("docs/operations.md", "The audit log")).toEqual(membersOf(auditSchema()));
});

test("every metric is documented, and nothing else", async () => {
  const metrics = await new Metrics({ process: false }).registry.getMetricsAsJSON();
  const names = new Set([...metrics, ...new Totals().own()].map(({ name }) => name));
  expect(column("docs/operations.md", "Metrics")).toEqual([...names].toSorted());
});

test("every member of the policy input is documented, and nothing else", () => {
  expect([...new Set(column("docs/policy/input.md", "Members").map((name) => name.split(".")[0]))]).toEqual(membersOf(inputSchema()));
});

test("every effect of the contract is documented, and nothing else", () => {
  expect(column("docs/policy/contract.md", "Effects")).toEqual(EFFECT_NAMES.toSorted());
});

test("every kind that is found is documented, and nothing else", () => {
  expect(column("docs/policy/input.md", "Findings")).toEqual(
    kinds()
      .map(({ kind }) => kind)
      .toSorted(),
  );
});

test("every check of policies is documented, and nothing else", () => {
  const code = globSync("src/policy/**/*.ts", { cwd: ROOT }).map((file) => read(file));
  const names = code.flatMap((text) => [...text.matchAll(/"(policy\/[a-z-]+)"/g)].map(([, name = ""]) => name));
  const table = read("docs/policy/checks.md").split("\n## Checks\n")[1] ?? "";
  const documented = [...table.matchAll(/^\|([^|]*)\|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([^`]+)`/g)].map((found) => found[1] ?? ""),
  );
  expect([...new Set(documented)].toSorted()).toEqual([...new Set(names)].toSorted());
});

test("the README names every shipped pack", () => {
  for (const pack of packNames(packageRoot())) expect(read("README.md")).toContain(`\`${pack}\``);
});

test("every law under test/properties is named with the invariant that it holds", () => {
  const laws = globSync("test/properties/*.test.ts", { cwd: ROOT }).map((file) => `\`${basename(file, ".test.ts")}\``);
  const invariants = read("docs/architecture.md").split("\n## Invariants\n")[1]?.split("\n## ")[0] ?? "";
  expect(laws.filter((law) => !invariants.includes(law))).toEqual([]);
});

/** As GitHub makes it of a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");

test("every link to a heading leads to one", () => {
  const anchors = (file: string): string[] => [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchor(heading));
  const missing = markdownFiles().flatMap((file) =>
    [...read(file).matchAll(/\]\(([^)#\s:]*)#([^)]+)\)/g)]
      .filter(([, target = "", name = ""]) => !anchors(target === "" ? file : normalize(join(dirname(file), target))).includes(name))
      .map(([link]) => `${file}: ${link}`),
  );
  expect(missing).toEqual([]);
});

test("every file that a document names by path or link exists", () => {
  const missing: string[] = [];
  for (const file of markdownFiles()) {
    const prose = read(file).replace(/^```[^]*?^```/gm, "");
    for (const [, target = ""] of prose.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      if (!existsSync(join(ROOT, dirname(file), target))) missing.push(`${file}: ${target}`);
    }
    for (const [, path = ""] of prose.matchAll(/`((?:src|test|scripts|policies|docs|fixtures)\/[\w./-]+)`/g))
      if (!existsSync(join(ROOT, normalize(path)))) missing.push(`${file}: ${path}`);
  }
  expect(missing).toEqual([]);
});
