/**
 * Reads the operator's policy folder: every Rego and data file in it, symbolic links followed, and nothing else tolerated.
 * Must not interpret the files.
 */
import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import type { Problem } from "../../config/problem.ts";

const MAX_FILES = 10_000;
const MAX_BYTES = 256 * 1024 * 1024;
const MAX_DEPTH = 32;

export interface OperatorFile {
  /** Path relative to the folder, with `/`. */
  readonly name: string;
  /** Path as the operator knows it. */
  readonly origin: string;
  readonly bytes: Buffer;
}

export interface OperatorFolder {
  readonly rego: readonly OperatorFile[];
  readonly data: readonly OperatorFile[];
  readonly problems: readonly Problem[];
}

/**
 * Reads the folder at `root`. Entries that start with a dot and `node_modules` are left out (OPA would compile and grant them);
 * symbolic links are followed, because OPA skips them and a mounted ConfigMap consists of them; any other file is a problem,
 * since a misspelt `deny.reog` would otherwise be a rule that silently does not exist.
 */
export function readOperatorFolder(root: string): OperatorFolder {
  const files: OperatorFile[] = [];
  const problems: Problem[] = [];
  let bytes = 0;
  const walk = (folder: string, prefix: string, parents: readonly string[]): void => {
    const real = realpathSync(folder);
    if (parents.includes(real) || parents.length >= MAX_DEPTH) {
      problems.push(problemAt(folder, "policy/folder", "This folder contains itself through a symbolic link, or is nested too deeply."));
      return;
    }
    for (const name of readdirSync(folder).toSorted()) {
      if (name.startsWith(".") || name === "node_modules") continue;
      const origin = join(folder, name);
      const stat = statSync(origin, { throwIfNoEntry: false });
      if (stat === undefined) problems.push(problemAt(origin, "policy/folder", "This symbolic link leads nowhere."));
      else if (stat.isDirectory()) walk(origin, posix.join(prefix, name), [...parents, real]);
      else if (!stat.isFile() || !isPolicyFile(name)) problems.push(unexpectedFile(origin));
      else if (bytes + stat.size > MAX_BYTES || files.length >= MAX_FILES) {
        problems.push(problemAt(origin, "policy/folder", "The policy folder is too large."));
        return;
      } else {
        bytes += stat.size;
        files.push({ name: posix.join(prefix, name), origin, bytes: readFileSync(origin) });
      }
    }
  };
  try {
    walk(root, "", []);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "fault";
    problems.push(problemAt(root, "policy/folder", `The policy folder cannot be read (${code}).`));
    return { rego: [], data: [], problems };
  }
  const rego = files.filter((file) => file.name.endsWith(".rego"));
  if (rego.length === 0 && problems.length === 0) {
    problems.push(
      problemAt(root, "policy/empty", "The policy folder holds no Rego.", "Put at least one .rego file into it, or leave out policy.path."),
    );
  }
  return { rego, data: files.filter((file) => !file.name.endsWith(".rego")), problems };
}

function isPolicyFile(name: string): boolean {
  return name.endsWith(".rego") || name === "data.json" || name === "data.yaml" || name === "data.yml";
}

function unexpectedFile(origin: string): Problem {
  const hint = "Only *.rego files and data files named data.json, data.yaml or data.yml belong here; move this file elsewhere.";
  return problemAt(origin, "policy/unexpected-file", "This file would be ignored.", hint);
}

function problemAt(file: string, check: string, message: string, hint?: string): Problem {
  return { file, severity: "error", check, message, ...(hint === undefined ? {} : { hint }) };
}
