/**
 * Runs one command in this process's place: same terminal, same signals, same exit code.
 * Must not print anything of its own.
 */
import { spawn } from "node:child_process";
import os from "node:os";

/** Resolves with the exit code of the command; one ended by a signal gives 128 + its number, as a shell does. */
export function passThrough(command, args, { cwd, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: "inherit" });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]) {
      process.on(signal, () => {
        // A terminal sends Ctrl-C to the whole group, and npm sends it on once more: the child already has its own.
        if (process.stdin.isTTY && (signal === "SIGINT" || signal === "SIGQUIT")) return;
        child.kill(signal);
      });
    }
    child.on("error", reject);
    child.on("exit", (code, signal) => resolve(code ?? 128 + os.constants.signals[signal]));
  });
}
