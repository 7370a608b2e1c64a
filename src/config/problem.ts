/**
 * One thing that is wrong in the operator's files: what, where, and what to do. Everything that reads their files collects these and
 * reports all of them at once. Must not quote secrets or payload.
 */

export interface Problem {
  /** Path of the operator's own file as they know it (never of a staged copy). */
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  readonly column?: number;
  readonly severity: "error" | "warning";
  /** Stable name of the check, e.g. `config/unknown-key`, `policy/dead-rule`. */
  readonly check: string;
  readonly message: string;
  /** What to do about it, as a sentence. */
  readonly hint?: string;
}

export const hasErrors = (problems: readonly Problem[]): boolean => problems.some(({ severity }) => severity === "error");

/** `file:line:column: error: message. Hint. [check]` */
export function formatProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.line === undefined ? undefined : problem.column]
    .filter((part) => part !== undefined)
    .join(":");
  const sentence = problem.hint === undefined || /[.?!]$/u.test(problem.message) ? problem.message : `${problem.message}.`;
  const hint = problem.hint === undefined ? "" : ` ${problem.hint}`;
  return `${place}: ${problem.severity}: ${sentence}${hint} [${problem.check}]`;
}
