/**
 * Set-up: brings what is missing and nothing else. `node scripts/setup.mjs [serve|test]`; `npm start` and `npm test` go through it.
 * Must run under any Node from 18 on with nothing installed, so it imports only Node's own modules and files under scripts/.
 */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { stopCommands } from "./setup/command.mjs";
import { installDependencies } from "./setup/dependencies.mjs";
import { bringGoTool } from "./setup/go-tools.mjs";
import { runSteps, seconds } from "./setup/graph.mjs";
import { bringNode } from "./setup/node.mjs";
import { compilePolicies, hasPolicies } from "./setup/policies.mjs";

/** The top of the checkout, and the git-ignored folder that set-up may write to (besides node_modules). */
export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
export const tools = path.join(root, ".tools");

/** Brings everything for "serve" or "test"; true when all is there. Prints what it does. */
export async function setUp(scope, say = (line) => process.stdout.write(`${line}\n`)) {
  const startedAt = performance.now();
  const release = await takeTurn(say);
  const interrupted = (signal) => {
    stopCommands();
    release();
    process.stderr.write("\nset-up interrupted: run the same command to go on\n");
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  try {
    removeLeftovers();
    const { did, failed } = await runSteps(stepsFor(scope), say);
    if (failed.length > 0) say(`set-up failed (${failed.join(", ")}) after ${seconds(startedAt)}; what worked is kept`);
    else if (did.length > 0) say(`set-up done in ${seconds(startedAt)}`);
    else say(`set-up: nothing to do (${seconds(startedAt)})`);
    return failed.length === 0;
  } finally {
    process.off("SIGINT", interrupted);
    process.off("SIGTERM", interrupted);
    release();
  }
}

function stepsFor(scope) {
  const step = (name, needs, act) => ({ name, needs, act: ({ progress }) => act({ root, tools, scope, progress }) });
  const steps = [
    step("node", [], bringNode),
    step("dependencies", ["node"], installDependencies),
    step("opa", [], (context) => bringGoTool("opa", context)),
  ];
  if (scope === "test") steps.push(step("regal", [], (context) => bringGoTool("regal", context)));
  if (hasPolicies(root)) steps.push(step("policies", ["dependencies", "opa"], compilePolicies));
  return steps;
}

/** Two set-ups in one folder would tear each other's node_modules apart: the second waits. Returns what ends the turn. */
async function takeTurn(say) {
  const file = path.join(tools, "setup.lock");
  fs.mkdirSync(tools, { recursive: true });
  let told = false;
  for (;;) {
    try {
      fs.writeFileSync(file, `${process.pid}\n`, { flag: "wx" });
      return () => fs.rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
    const holder = readHolder(file);
    if (holder === undefined) {
      fs.rmSync(file, { force: true });
      continue;
    }
    if (!told) say(`set-up: waiting for the one that runs already (process ${holder})`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** What an interrupted run left half-written; nobody else is at work, we hold the turn. */
function removeLeftovers() {
  for (const folder of [tools, path.join(tools, "bin")]) {
    if (!fs.existsSync(folder)) continue;
    for (const entry of fs.readdirSync(folder)) {
      if (entry.includes(".partial")) fs.rmSync(path.join(folder, entry), { recursive: true, force: true });
    }
  }
}

/** The process that holds the turn; undefined when it is gone. A file without a number was created just now, or by a crash. */
function readHolder(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  const pid = Number.parseInt(fs.readFileSync(file, "utf8"), 10);
  if (!Number.isInteger(pid)) return Date.now() - stat.mtimeMs < 5000 ? "unknown" : undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return error.code === "EPERM" ? pid : undefined;
  }
}

if (process.argv[1] !== undefined && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const scope = process.argv[2] ?? "test";
  if (scope !== "serve" && scope !== "test") {
    process.stderr.write("usage: node scripts/setup.mjs [serve|test]    example: node scripts/setup.mjs serve\n");
    process.exit(2);
  }
  process.exitCode = (await setUp(scope)) ? 0 : 1;
}
