/**
 * The gate: every check of the sources and policies, each of them run whatever the others say, the failed ones named at the end.
 * `npm run check` and `.ci/run` call it; `npm run check -- lint types` runs some. Expects that set-up is done. Must not change a file.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { run, stopCommands } from "./setup/command.mjs";
import { seconds } from "./setup/graph.mjs";
import { root, tools } from "./setup.mjs";

const SCHEMA = "policies/schema/input.json";
const CAPABILITIES = "policies/capabilities.json";
/** Percent of the shipped Rego that its own unit tests must reach. */
const REGO_COVERAGE = 95;

const bin = path.join(root, "node_modules", ".bin");
const env = { ...process.env, PATH: [path.join(tools, "bin"), bin, process.env.PATH ?? ""].join(path.delimiter) };
// An OPA on PATH may be older than ours; a staged tree is what OPA really compiles: settings, revision and generated main included.
const stage = fs.mkdtempSync(path.join(os.tmpdir(), "sluice-check-"));

const checks = [
  check("format", "biome", ["format", "."]),
  check("lint", "oxlint", ["--deny-warnings"]),
  check("types", "tsc", ["-p", "."]),
  check("unused code", "knip", ["--no-progress"]),
  check("imports", "depcruise", ["--config", ".dependency-cruiser.mjs", "src", "test", "scripts"]),
  check("shell", "sh", ["-n", "sluice"]),
  check("policy format", "opa", ["fmt", "--list", "--diff", "--fail", "policies"]),
  check("policy staging", "node", ["scripts/stage-policies.ts", stage]),
  check("policy types", "opa", () => ["check", "--strict", "--schema", SCHEMA, "--capabilities", CAPABILITIES, ...trees()]),
  check("policy lint", "regal", ["lint", "policies"]),
  check("policy tests", "opa", () => ["test", "--capabilities", CAPABILITIES, ...trees()]),
  check("policy coverage", "opa", () => [
    "test",
    "--coverage",
    "--threshold",
    String(REGO_COVERAGE),
    "--capabilities",
    CAPABILITIES,
    ...trees(),
  ]),
];

function check(name, command, args) {
  return { name, command, args };
}

/** The folders that staging wrote: the shipped tree, and the operator's where there is one. */
function trees() {
  return fs
    .readdirSync(stage)
    .sort()
    .map((name) => path.join(stage, name));
}

/** What looks at the staged tree cannot do without staging. */
function isWanted(name) {
  if (wanted.length === 0 || wanted.includes(name)) return true;
  return name === "policy staging" && checks.some((one) => typeof one.args === "function" && wanted.includes(one.name));
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !checks.some((one) => one.name === name));
if (unknown.length > 0) {
  process.stderr.write(`no such check: ${unknown.join(", ")}; there are: ${checks.map((one) => one.name).join(", ")}\n`);
  process.exit(2);
}
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
]) {
  process.once(signal, () => {
    stopCommands();
    fs.rmSync(stage, { recursive: true, force: true });
    process.exit(code);
  });
}
const failed = [];
for (const { name, command, args } of checks) {
  if (!isWanted(name)) continue;
  const startedAt = performance.now();
  const { code, output } = await run(command, typeof args === "function" ? args() : args, { cwd: root, env });
  if (code === 0) {
    const last = output.trim().split("\n").at(-1) ?? "";
    process.stdout.write(`ok      ${name} (${seconds(startedAt)})${/^[A-Z]\w.{0,80}$/.test(last) ? `: ${last}` : ""}\n`);
    continue;
  }
  failed.push(name);
  process.stdout.write(`FAILED  ${name} (${seconds(startedAt)})\n${output.trimEnd()}\n\n`);
}
fs.rmSync(stage, { recursive: true, force: true });
process.stdout.write(failed.length === 0 ? "all checks passed\n" : `checks failed: ${failed.join(", ")}\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
