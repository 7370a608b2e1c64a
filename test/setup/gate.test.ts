/** Each check of the gate passes on clean sources and fails on the one violation that it is there for. */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Scratch } from "./scratch.ts";

const top = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..");
const CONFIG = [
  ".dependency-cruiser.mjs",
  ".gitignore",
  ".oxlintrc.json",
  ".regal",
  "biome.json",
  "knip.json",
  "policies/capabilities.json",
  "tsconfig.json",
  "vitest.config.ts",
];

const CLEAN = {
  "src/main.ts": '/** The program. */\nimport { read } from "./mcp/read.ts";\n\nprocess.exitCode = read("");\n',
  "src/mcp/read.ts": "/** Length of a text. */\nexport function read(text: string): number {\n  return text.length;\n}\n",
  "src/http/app.ts": '/** A path. */\nexport const PATH = "/mcp";\n',
  "test/mcp/read.test.ts":
    '/** Reads. */\nimport { expect, test } from "vitest";\nimport { PATH } from "../../src/http/app.ts";\nimport { read } from "../../src/mcp/read.ts";\n\ntest("reads", () => {\n  expect(read(PATH)).toBe(4);\n});\n',
  "policies/packs/small/small.rego": '# A rule.\npackage policies.small\n\ndeny contains {"id": "small/never"} if input.never\n',
};

let scratch: Scratch;
beforeEach(() => {
  scratch = new Scratch();
  for (const name of CONFIG) fs.cpSync(path.join(top, name), path.join(scratch.checkout, name), { recursive: true });
  fs.symlinkSync(path.join(top, "node_modules"), path.join(scratch.checkout, "node_modules"));
  for (const [name, content] of Object.entries(CLEAN)) scratch.write(name, content);
  const manifest = { type: "module", engines: { node: ">=22.0.0" }, dependencies: {}, devDependencies: { vitest: "5.1.1" } };
  scratch.write("package.json", `${JSON.stringify(manifest, null, 2)}\n`);
});
afterEach(() => {
  scratch.remove();
});

/** Runs one check in the scratch checkout, with this checkout's tools. */
async function check(name: string): Promise<{ code: number | null; out: string }> {
  const env = { PATH: `${path.dirname(process.execPath)}:${path.join(top, ".tools", "bin")}:${process.env["PATH"] ?? ""}` };
  const { code, out } = await scratch.start(process.execPath, ["scripts/check.mjs", name], env).ended;
  return { code, out };
}

const reading = CLEAN["src/mcp/read.ts"];

test.each(["format", "lint", "types", "unused code", "imports", "shell", "policy format", "policy lint"])(
  "the check %s passes on clean sources",
  async (name) => {
    expect(await check(name)).toEqual({ code: 0, out: expect.stringContaining("all checks passed") });
  },
);

test.each([
  ["format", "src/mcp/read.ts", reading.replace("  return", "    return"), "return"],
  ["lint", "src/mcp/read.ts", `${reading}\nexport async function later(): Promise<void> {}\n\nlater();\n`, "no-floating-promises"],
  ["lint", "src/mcp/read.ts", `${reading}\nexport function any(x: any): void {\n  void x;\n}\n`, "no-explicit-any"],
  ["lint", "src/mcp/read.ts", `${reading}\n[1].forEach(async () => {\n  await Promise.resolve();\n});\n`, "no-misused-promises"],
  ["lint", "src/mcp/read.ts", `${reading}\ntry {\n  read("");\n} catch {}\n`, "no-empty"],
  ["lint", "test/mcp/read.test.ts", CLEAN["test/mcp/read.test.ts"].replace("test(", "test.only("), "no-focused-tests"],
  ["types", "src/mcp/read.ts", reading.replace("return text.length", 'return "1"'), "TS2322"],
  ["types", "src/mcp/read.ts", `${reading}\nexport const first: string = ["a"][0];\n`, "TS2322"],
  ["unused code", "src/mcp/read.ts", `${reading}\nexport function nobody(): void {}\n`, "nobody"],
  ["unused code", "src/mcp/stray.ts", "/** Stray. */\nexport const stray = 1;\n", "stray.ts"],
  [
    "imports",
    "src/mcp/read.ts",
    `import { PATH } from "../http/app.ts";\n${reading.replace("text.length", "PATH.length")}`,
    "inner-rooms-know-no-http",
  ],
  [
    "imports",
    "src/mcp/read.ts",
    `import type { PATH } from "../http/app.ts";\n\nexport type Path = typeof PATH;\n${reading}`,
    "inner-rooms-know-no-http",
  ],
  ["imports", "src/mcp/read.ts", `import { request } from "node:http";\n\nvoid request;\n${reading}`, "inner-rooms-know-no-http"],
  ["imports", "src/http/app.ts", `import "../main.ts";\n${CLEAN["src/http/app.ts"]}`, "only-the-root-composes"],
  ["imports", "src/http/app.ts", `import "../../test/mcp/read.test.ts";\n${CLEAN["src/http/app.ts"]}`, "source-needs-no-test-or-script"],
  [
    "imports",
    "src/http/app.ts",
    `import { expect } from "vitest";\n\nvoid expect;\n${CLEAN["src/http/app.ts"]}`,
    "published-code-uses-published-dependencies",
  ],
  ["imports", "scripts/extra.mjs", 'import "commander";\n', "set-up-needs-nothing-installed"],
  ["imports", "src/http/app.ts", `import "./self.ts";\n${CLEAN["src/http/app.ts"]}`, "everything-resolves"],
  ["shell", "sluice", "#!/bin/sh\nif true; then\n", "sluice"],
  [
    "policy format",
    "policies/packs/small/small.rego",
    CLEAN["policies/packs/small/small.rego"].replace("if input", "if   input"),
    "small.rego",
  ],
  [
    "policy lint",
    "policies/packs/small/small.rego",
    `${CLEAN["policies/packs/small/small.rego"]}\nunused(x) := y if y := x\n`,
    "small.rego",
  ],
])("the check %s refuses a planted violation in %s (%#)", async (name, file, content, said) => {
  scratch.write(file, content);
  const planted = await check(name);
  expect(planted.code).toBe(1);
  expect(planted.out).toContain(said);
});

test("the check imports refuses a cycle, also of types only", async () => {
  scratch.write("src/mcp/read.ts", `import type { Other } from "./other.ts";\n\nexport type Kind = Other;\n${reading}`);
  scratch.write("src/mcp/other.ts", 'import type { Kind } from "./read.ts";\n\nexport type Other = Kind;\n');
  expect(await check("imports")).toMatchObject({ code: 1, out: expect.stringContaining("no-cycles") });
});
