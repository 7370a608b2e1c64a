/**
 * Where a command reads and writes, and what its exit codes mean. Results go to standard output, everything else to standard error, so
 * that output can be piped.
 */
import { isAbsolute, relative } from "node:path";
import type { Readable, Writable } from "node:stream";
import { formatProblem, type Problem } from "../config/problem.ts";

export interface Streams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** For commands that serve: whoever read their output may leave (a closed pipe), and they go on. */
export function outliveReaders({ stdout, stderr }: Streams): void {
  for (const stream of [stdout, stderr]) {
    stream.removeAllListeners("error");
    stream.on("error", () => {});
  }
}

/** Fine; the command found something (a denied message, a wrong policy); wrong usage or configuration. */
export const EXIT = { fine: 0, found: 1, usage: 2 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Prints problems, one a line, and how many there are. */
export function printProblems(problems: readonly Problem[], stream: Writable): void {
  for (const problem of problems) stream.write(`${formatProblem({ ...problem, file: asKnown(problem.file) })}\n`);
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const warnings = problems.length - errors;
  const parts = [count(errors, "error"), count(warnings, "warning")].filter((part) => part !== undefined);
  if (parts.length > 0) stream.write(`${parts.join(", ")}\n`);
}

/** Files below the working folder by the short name that an editor's terminal can open. */
function asKnown(file: string): string {
  const short = isAbsolute(file) ? relative(process.cwd(), file) : file;
  return short === "" || short.startsWith("..") ? file : short;
}

const count = (number: number, what: string): string | undefined =>
  number === 0 ? undefined : `${number} ${what}${number === 1 ? "" : "s"}`;
