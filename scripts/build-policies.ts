/**
 * Compiles the shipped policies into the cache, so that a first start need not. Prints nothing but errors; exits 1 when there are any.
 */
import { configForUpstream } from "../src/config/load.ts";
import { formatProblem } from "../src/config/problem.ts";
import { loadPolicy } from "../src/policy/policy.ts";

// Settings are staged for each server, so there must be one.
const config = configForUpstream("https://mcp.example.com/mcp");
const loaded = config.ok ? await loadPolicy(config.value) : config;
if (!loaded.ok) {
  for (const problem of loaded.failure) process.stderr.write(`${formatProblem(problem)}\n`);
  process.exitCode = 1;
}
