/**
 * Runs a command of a set-up step: keeps its output for the error, tells the last line for progress, and knows a failed network when
 * it sees one. Must not print.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

/** An expected failure: `message` is one sentence for the person at the terminal; `output` is what the command said. */
export class SetupError extends Error {
  constructor(message, output = "") {
    super(message);
    this.output = output;
  }
}

const running = new Set();

/** Ends whatever commands still run, with all that they started (npm leaves compilers behind): we were interrupted. */
export function stopCommands() {
  for (const child of running) {
    try {
      process.kill(-child.pid, "SIGTERM");
    } catch {
      // It ended by itself in this moment.
    }
  }
}

/** Runs to the end; `onLine` hears each line of output. Never rejects: `{ code, output }`, code 127 when it cannot be started. */
export function run(command, args, { cwd, env = process.env, onLine = () => {} }) {
  return new Promise((resolve) => {
    let output = "";
    // A process group of its own, for stopCommands().
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    if (child.pid !== undefined) running.add(child);
    const hear = (chunk) => {
      output = (output + chunk).slice(-200_000);
      const line = String(chunk).trim().split("\n").pop()?.trim();
      if (line) onLine(line);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("error", (error) => {
      running.delete(child);
      resolve({ code: 127, output: error.message });
    });
    child.on("close", (code) => {
      running.delete(child);
      resolve({ code: code ?? 1, output });
    });
  });
}

/** The first executable of that name on PATH, outside `.tools`; undefined when there is none. */
export function findOnPath(name, env = process.env) {
  for (const folder of (env.PATH ?? "").split(path.delimiter)) {
    if (folder === "" || folder.includes(`${path.sep}.tools${path.sep}`)) continue;
    const file = path.join(folder, name);
    try {
      fs.accessSync(file, fs.constants.X_OK);
      if (fs.statSync(file).isFile()) return file;
    } catch {
      // Not in this folder: look in the next.
    }
  }
  return undefined;
}

/** A word about the network from what a failed npm or go command printed; undefined when it failed for another reason. */
export function networkFault(output) {
  return /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|no such host|connection refused|i\/o timeout|network is unreachable|TLS handshake timeout|proxyconnect|server misbehaving)\b/.exec(
    output,
  )?.[1];
}
