/**
 * Compiles the shipped policies, when their sources, the compiler or OPA changed since. Must not know how that is done:
 * scripts/build-policies.ts does it.
 */
import fs from "node:fs";
import path from "node:path";
import { run, SetupError } from "./command.mjs";
import { hashOf, readStamp, writeStamp } from "./stamps.mjs";

const SCRIPT = path.join("scripts", "build-policies.ts");
/** Where the program keeps what it compiled; somebody may have emptied it. */
const CACHE = path.join(".sluice", "cache");

/** Step: needs Node, the dependencies and OPA. */
export async function compilePolicies({ root, tools, progress }) {
  const inputs = hashOf(root, ["policies", path.join("src", "policy"), SCRIPT]);
  const opa = readStamp(tools, "opa");
  const stamp = readStamp(tools, "policies");
  if (stamp?.inputs === inputs && stamp.opa === opa?.state && fs.existsSync(path.join(root, CACHE))) return undefined;
  const node = path.join(tools, "bin", "node");
  const env = { ...process.env, PATH: `${path.join(tools, "bin")}${path.delimiter}${process.env.PATH ?? ""}` };
  const { code, output } = await run(node, ["--disable-warning=ExperimentalWarning", SCRIPT], { cwd: root, env, onLine: progress });
  if (code !== 0) throw new SetupError(`The shipped policies do not compile (exit code ${code}): see above.`, output);
  writeStamp(tools, "policies", { inputs: hashOf(root, ["policies", path.join("src", "policy"), SCRIPT]), opa: opa?.state });
  return "shipped policies compiled";
}

/** Whether this checkout has policies to compile. */
export function hasPolicies(root) {
  return fs.existsSync(path.join(root, SCRIPT));
}
