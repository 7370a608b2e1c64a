/**
 * The OPA command line: where it is, whether it is new enough, and how it is run (no shell, an empty environment, a time limit).
 * Must not know what it is run for, and must never download anything.
 */
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fail, ok, type Result } from "../../errors.ts";

/** Below this, OPA accepts bundles whose signatures were stripped (GHSA-g2pf-6v5v-qcc8). */
const OLDEST = [1, 21, 3] as const;
const OUTPUT_LIMIT = 64 * 1024 * 1024;

export interface Opa {
  readonly path: string;
  readonly version: string;
}

export interface OpaRun {
  /** Exit code; undefined when it was stopped or did not start. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const HOW_TO_GET =
  "Install OPA 1.21.3 or newer (https://www.openpolicyagent.org/docs#running-opa) so that `opa` is on PATH, or install Go and run `npm run setup`.";

/** Runs `opa` with these arguments in `cwd`. Never throws. `timeoutMs` bounds the run. */
export function runOpa(path: string, args: readonly string[], cwd: string, timeoutMs = 60_000): Promise<OpaRun> {
  return new Promise((resolve) => {
    const options = { cwd, env: {}, timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: OUTPUT_LIMIT, encoding: "utf8" } as const;
    execFile(path, [...args], options, (error, stdout, stderr) => {
      if (error === null) return resolve({ code: 0, stdout, stderr });
      if (typeof error.code === "number") return resolve({ code: error.code, stdout, stderr });
      const why =
        error.killed === true
          ? `opa did not finish within ${timeoutMs} ms or printed too much`
          : `opa could not be started (${error.code ?? "fault"})`;
      resolve({ code: undefined, stdout, stderr: why });
    });
  });
}

/** Finds a usable OPA: `$SLUICE_OPA`, else `opa` on PATH, else `<root>/.tools/bin/opa`. The failure is a sentence for the operator. */
export async function findOpa(root: string, env: NodeJS.ProcessEnv = process.env): Promise<Result<Opa, string>> {
  const named = env["SLUICE_OPA"];
  if (named !== undefined && named !== "") {
    const version = await versionOf(named);
    if (version !== undefined && isNewEnough(version)) return ok({ path: named, version });
    return fail(
      `SLUICE_OPA names ${named}, which is ${version === undefined ? "not a working opa" : `OPA ${version}, older than 1.21.3`}. ${HOW_TO_GET}`,
    );
  }
  const seen: string[] = [];
  const folders = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const candidate of [...folders.map((folder) => join(folder, "opa")), join(root, ".tools", "bin", "opa")]) {
    if (!isExecutable(candidate)) continue;
    const version = await versionOf(candidate);
    if (version !== undefined && isNewEnough(version)) return ok({ path: candidate, version });
    seen.push(`${candidate} is ${version === undefined ? "not a working opa" : `OPA ${version}`}`);
  }
  const why = seen.length === 0 ? "OPA is not on PATH" : `No OPA of version 1.21.3 or newer was found (${seen.join("; ")})`;
  return fail(`${why}. ${HOW_TO_GET}`);
}

async function versionOf(path: string): Promise<string | undefined> {
  const run = await runOpa(path, ["version"], "/", 10_000);
  return run.code === 0 ? /^Version: (\S+)/m.exec(run.stdout)?.[1] : undefined;
}

function isNewEnough(version: string): boolean {
  const parts = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  if (parts === undefined) return false;
  for (const [index, least] of OLDEST.entries()) {
    const part = parts[index] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
