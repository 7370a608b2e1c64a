/** What the documents show is true: commands print what is shown, configurations load, policies compile, the others are refused. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { generate } from "selfsigned";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { draftConfig, loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/config/problem.ts";
import { checkPolicy } from "../../src/policy/policy.ts";
import { allBlocks, type Block, blocksOf, DOCUMENTS, place, read, ROOT } from "./blocks.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-docs-")));
const blocks = allBlocks();
/** For one block of commands, each of which is a process that loads a policy. */
const RUN_MS = 90_000;

beforeAll(async () => {
  // What the commands and configurations in the documents name, so that nothing is written into the project.
  for (const name of ["sluice", "fixtures"]) symlinkSync(join(ROOT, name), join(folder, name));
  symlinkSync(join(ROOT, "fixtures", "readme", "rules"), join(folder, "rules"));
  const pair = await generate([{ name: "commonName", value: "sluice.example.com" }]);
  for (const [name, text] of [
    ["tls/cert.pem", pair.cert],
    ["tls/key.pem", pair.private],
    ["secrets/github", "stand-in"],
  ] as const) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
});

/** A command as typed after `$ `, with the lines that continue it, and what is shown below. */
function sessions(text: string): { command: string; shown: string }[] {
  const runs: { command: string; shown: string }[] = [];
  let continues = false;
  for (const line of text.replace(/\n$/, "").split("\n")) {
    const last = runs.at(-1);
    if (continues && last !== undefined) last.command += `\n${line}`;
    else if (line.startsWith("$ ")) runs.push({ command: line.slice(2), shown: "" });
    else if (last !== undefined) last.shown += `${line}\n`;
    continues = (continues || line.startsWith("$ ")) && line.endsWith("\\");
  }
  return runs;
}

/** What differs from run to run. */
function normal(output: string): string {
  return output
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "<id>")
    .replace(/\b[0-9a-f]{32}\b/g, "<revision>")
    .replace(/\b\d+(\.\d+)?( ?(ms|s|µs)\b)/g, "<time>")
    .replace(/"latency_us":\d+/g, '"latency_us":0')
    .replace(/\b\d+ bytes\b/g, "<size>");
}

/** Shown output as a pattern: `…` stands for what was left out. */
function pattern(shown: string): RegExp {
  const literal = normal(shown)
    .split("…")
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${literal.join("[^]*")}$`);
}

function shell(command: string): Promise<string> {
  const PATH = [join(ROOT, ".tools", "bin"), process.env["PATH"] ?? ""].join(delimiter);
  return new Promise((resolve) => {
    execFile("sh", ["-c", `{ ${command}\n} 2>&1`], { cwd: folder, env: { ...process.env, PATH } }, (_error, stdout) => {
      resolve(stdout);
    });
  });
}

describe("commands print what is shown", () => {
  const runnable = blocks.filter(({ language, marks }) => language === "console" && marks.has("run"));
  test.each(runnable.map((block) => [place(block), block] as const))(
    "%s",
    async (_place, block) => {
      const runs = sessions(block.text);
      expect(runs.length).toBeGreaterThan(0);
      for (const { command, shown } of runs) expect(normal(await shell(command))).toMatch(pattern(shown));
    },
    RUN_MS,
  );
});

describe("files are shown as they are", () => {
  const shown = blocks.filter(({ marks }) => marks.has("file"));
  test.each(shown.map((block) => [place(block), block] as const))("%s", (_place, block) => {
    expect(block.text).toBe(read(block.marks.get("file") ?? ""));
  });
});

describe("configurations load", () => {
  const configs = blocks.filter(({ language, marks }) => language === "yaml" && marks.has("config"));
  test.each(configs.map((block) => [place(block), block] as const))("%s", async (_place, block) => {
    for (const [, name = ""] of block.text.matchAll(/\benv: ([A-Z_]+)/g)) vi.stubEnv(name, "stand-in");
    const file = join(folder, "documented.yaml");
    writeFileSync(file, block.text);
    const loaded = await loadConfig(file);
    expect(loaded.ok ? [] : loaded.failure.map(formatProblem)).toEqual([]);
    expect(loaded.ok && loaded.value.warnings.map(formatProblem)).toEqual([]);
  });
});

/** The problems that `sluice check` has with a policy made of these blocks. */
async function problemsOf(parts: readonly Block[]) {
  const rules = mkdtempSync(join(folder, "policy-"));
  for (const [index, { language, text }] of parts.entries()) {
    const isTest = /^package \S+_test$/m.test(text);
    writeFileSync(join(rules, language === "yaml" ? "data.yaml" : `part_${index}${isTest ? "_test" : ""}.rego`), text);
  }
  if (!parts.some(({ language }) => language === "rego"))
    writeFileSync(join(rules, "none.rego"), 'package policies.none\n\nwarn contains {"id": "none/none"} if input.phase == "request"\n');
  const file = join(rules, "..", "policy.yaml");
  writeFileSync(
    file,
    `servers: {mail: {url: "https://mcp.example.com/mcp"}, docs: {url: "https://docs.example.com/mcp"}}\npolicy: {path: ${rules}}\n`,
  );
  const { config, locate } = draftConfig(file);
  return config === undefined ? undefined : checkPolicy(config, { locate });
}

describe("policies compile", () => {
  const named = Map.groupBy(
    blocks.filter(({ marks }) => marks.has("policy")),
    (block) => `${block.file}, policy ${block.marks.get("policy")}`,
  );
  test.each([...named])("%s", async (_name, parts) => {
    const problems = await problemsOf(parts);
    expect(problems?.filter(({ severity }) => severity === "error").map(formatProblem)).toEqual([]);
  });
});

describe("policies that are shown as wrong are refused for that reason", () => {
  const refused = blocks.filter(({ marks }) => marks.has("refused"));
  test.each(refused.map((block) => [place(block), block] as const))("%s", async (_place, block) => {
    const problems = await problemsOf([block]);
    const errors = problems?.filter(({ severity }) => severity === "error").map(({ check }) => check);
    expect(errors).toContain(block.marks.get("refused"));
  });
});

describe("policies that are shown because no check finds what is wrong compile without a word", () => {
  const silent = blocks.filter(({ marks }) => marks.has("silent"));
  test.each(silent.map((block) => [place(block), block] as const))("%s", async (_place, block) => {
    expect((await problemsOf([block]))?.map(formatProblem)).toEqual([]);
  });
});

test.each(DOCUMENTS)("every block of %s that could be wrong is held to something", (file) => {
  const held = ["run", "file", "config", "policy", "refused", "silent", "client"];
  const unheld = blocksOf(file).filter(
    ({ language, marks }) => ["console", "yaml", "rego", "ts"].includes(language) && !held.some((mark) => marks.has(mark)),
  );
  expect(unheld.map(place)).toEqual([]);
  for (const { text } of blocksOf(file).filter(({ language }) => language === "json"))
    expect(() => JSON.parse(text) as unknown).not.toThrow();
});

test("the two commands of the README exist and do what it says", () => {
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  expect(scripts).toMatchObject({ start: "exec node scripts/run.mjs start", test: "exec node scripts/run.mjs test" });
  const runner = read("scripts/run.mjs");
  for (const step of ["setUp(chosen.scope)", '"serve" : "tour"', '"vitest"']) expect(runner).toContain(step);
  const shown = blocksOf("README.md")
    .filter(({ language }) => language === "sh")
    .map(({ text }) => text);
  expect(shown.join("")).toContain("npm start\n");
  expect(shown.join("")).toContain("npm test\n");
});

test("the policy on the README's first screen has about ten lines", () => {
  const lines = readFileSync(join(ROOT, "fixtures", "readme", "rules", "mail.rego"), "utf8").split("\n");
  expect(lines.filter((line) => line.trim() !== "" && !line.startsWith("#")).length).toBeLessThanOrEqual(10);
});
