/**
 * The npm dependencies, exactly as package-lock.json says. Installed once per lock file: `npm ci` starts from nothing and would compile
 * re2 for minutes, so what is already complete is kept, and the tools for tests are added beside it. Must not change the lock file.
 */
import fs from "node:fs";
import path from "node:path";
import { findOnPath, networkFault, run, SetupError } from "./command.mjs";
import { npmCommand } from "./node.mjs";
import { dropStamp, hashOf, readStamp, writeStamp } from "./stamps.mjs";

// Install scripts in the foreground: compiling re2 takes minutes, and its output is the only sign of progress.
const FLAGS = [
  "--foreground-scripts",
  "--no-audit",
  "--no-fund",
  "--prefer-offline",
  "--fetch-retry-mintimeout=2000",
  "--fetch-retry-maxtimeout=10000",
];

/** Step: `scope` is "serve" (what runs) or "test" (what runs, and what tests it). */
export async function installDependencies({ root, tools, scope, progress }) {
  const node = fs.realpathSync(path.join(tools, "bin", "node"));
  const lock = hashOf(root, ["package-lock.json"]);
  const stamp = readStamp(tools, "dependencies");
  const marker = path.join(root, "node_modules", ".package-lock.json");
  const known = stamp?.lock === lock && stamp.node === node && !stamp.running && fs.existsSync(marker);
  if (known && (stamp.scope === "test" || stamp.scope === scope)) return undefined;

  const here = stamp?.running ? "nothing" : installedScope(root);
  const env = environment(tools, node);
  let done;
  if (here === "test" || here === scope) {
    done = "already installed";
  } else {
    // From here on an interruption leaves a half-written folder: the marker makes the next run start from nothing.
    writeStamp(tools, "dependencies", { running: true });
    if (here === "serve") {
      await npm(["install", "--no-save", "--include=dev", ...FLAGS], { root, node, env, progress });
      done = "test tools added";
    } else {
      await npm(["ci", scope === "serve" ? "--omit=dev" : "--include=dev", ...FLAGS], { root, node, env, progress });
      done = scope === "serve" ? "installed (without test tools)" : "installed";
    }
    if (hashOf(root, ["package-lock.json"]) !== lock)
      throw new SetupError("npm changed package-lock.json: restore it with git and try again.");
  }
  if (!(await re2Loads(root, node))) {
    // Compiled for another Node, or its install script did not run.
    await npm(["rebuild", "re2", ...FLAGS], { root, node, env, progress });
    if (!(await re2Loads(root, node))) {
      dropStamp(tools, "dependencies");
      throw new SetupError(
        "re2's native part is not built: if npm is set to ignore-scripts, run `npm rebuild re2 --ignore-scripts=false`, else see the output above.",
      );
    }
    done = `${done}, re2 built`;
  }
  writeStamp(tools, "dependencies", { lock, node, scope: here === "test" ? "test" : scope });
  return done;
}

/**
 * What of the lock file is completely in node_modules: npm writes the hidden lock file last, so an interrupted `npm ci` has none.
 * "nothing" also when any version or hash differs.
 */
function installedScope(root) {
  const marker = path.join(root, "node_modules", ".package-lock.json");
  let installed;
  try {
    installed = JSON.parse(fs.readFileSync(marker, "utf8")).packages ?? {};
  } catch {
    return "nothing";
  }
  const wanted = JSON.parse(fs.readFileSync(path.join(root, "package-lock.json"), "utf8")).packages;
  let complete = true;
  for (const [name, entry] of Object.entries(wanted)) {
    if (name === "") continue;
    const found = installed[name];
    const same = found !== undefined && found.version === entry.version && found.integrity === entry.integrity;
    if (same && fs.existsSync(path.join(root, name, "package.json"))) continue;
    // An optional package may belong to another platform.
    if (found === undefined && entry.optional) continue;
    if (found !== undefined || !(entry.dev || entry.devOptional)) return "nothing";
    complete = false;
  }
  return complete ? "test" : "serve";
}

async function npm(args, { root, node, env, progress }) {
  const command = npmCommand(node);
  progress(`npm ${args[0]}`);
  const { code, output } = await run(command[0], [...command.slice(1), ...args], { cwd: root, env, onLine: progress });
  if (code === 0) return;
  const fault = networkFault(output);
  const missing = ["python3", "make", "g++"].filter((name) => findOnPath(name, env) === undefined);
  if (/re2|node-gyp/.test(output) && missing.length > 0) {
    throw new SetupError(
      `re2 has no ready binary for this machine and compiling it needs ${list(missing)}: install ${missing.length === 1 ? "it" : "them"} (Debian, Ubuntu: apt-get install python3 make g++; macOS: xcode-select --install) and try again.`,
      output,
    );
  }
  if (fault !== undefined) {
    throw new SetupError(
      `The network failed while npm fetched the dependencies (${fault}): check the connection or npm's proxy settings and try again.`,
      output,
    );
  }
  throw new SetupError(`npm ${args[0]} failed (exit code ${code}): its last lines are above.`, output);
}

/** PATH with our Node first, and headers of that very Node: a user's npmrc may name another one's, and re2 would then crash at load. */
function environment(tools, node) {
  const env = { ...process.env, PATH: `${path.join(tools, "bin")}${path.delimiter}${process.env.PATH ?? ""}` };
  const home = path.dirname(path.dirname(node));
  const headers = fs.existsSync(path.join(home, "include", "node", "node_version.h"));
  for (const name of Object.keys(env)) if (/^npm_config_nodedir$/i.test(name)) delete env[name];
  // Empty: node-gyp downloads the headers of the running Node.
  env.npm_config_nodedir = headers ? home : "";
  return env;
}

async function re2Loads(root, node) {
  const { code } = await run(node, ["-e", "new (require('re2'))('a').test('a') || process.exit(1)"], { cwd: root });
  return code === 0;
}

function list(names) {
  return names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}
