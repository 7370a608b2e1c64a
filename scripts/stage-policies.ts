/**
 * Writes the shipped policies as OPA compiles them (settings, revision and generated entry point included) to a folder, for tools that
 * work on files: `node scripts/stage-policies.ts DIR && opa test DIR/A`. Prints nothing but errors; exits 1 when there are any.
 */
import { resolve } from "node:path";
import { configForUpstream } from "../src/config/load.ts";
import { formatProblem } from "../src/config/problem.ts";
import { stagePolicy } from "../src/policy/policy.ts";

// Settings are staged for each server, so there must be one.
const config = configForUpstream("https://mcp.example.com/mcp");
const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write("usage: node scripts/stage-policies.ts DIR\n");
  process.exit(2);
}
const problems = config.ok ? await stagePolicy(config.value, resolve(folder)) : config.failure;
for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`);
if (problems.some((problem) => problem.severity === "error")) process.exitCode = 1;
