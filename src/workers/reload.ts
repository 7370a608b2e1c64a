/**
 * A reload in two phases: every worker prepares the next configuration and policy, and only when all of them can, all of them take it. Must
 * not touch what serves before it is decided.
 */
import type { Problem } from "../config/problem.ts";
import { startProblem } from "../http/listen.ts";
import type { Member } from "./member.ts";
import type { Generation } from "./messages.ts";

/** How long a worker may take to prepare, and to swap. */
const PREPARE_MS = 30_000;
const COMMIT_MS = 5_000;

/** Answers why one of them cannot take it, and then none has prepared anything; undefined when all can. `reload`: its number. */
export async function prepareAll(
  members: readonly Member[],
  reload: number,
  generation: Generation,
): Promise<readonly Problem[] | undefined> {
  const answers = await Promise.all(
    members.map(async (member) => {
      member.tell({ kind: "prepare", reload, generation });
      const answer = await member.next(PREPARE_MS, (said) => said.kind === "prepared" && said.reload === reload);
      if (answer === undefined)
        return [startProblem(generation.config, "workers/reload", "A worker did not say in time that it can take this configuration.")];
      return answer.kind === "prepared" ? answer.problems : undefined;
    }),
  );
  const problems = answers.find((answer) => answer !== undefined);
  if (problems !== undefined) for (const member of members) member.tell({ kind: "forget", reload });
  return problems;
}

/** All take what they have prepared. One that does not follow is ended: its replacement starts with it. */
export async function commitAll(members: readonly Member[], reload: number): Promise<void> {
  await Promise.all(
    members.map(async (member) => {
      member.tell({ kind: "commit", reload });
      const done = await member.next(COMMIT_MS, (said) => said.kind === "committed" && said.reload === reload);
      if (done === undefined) member.end("unresponsive");
    }),
  );
}
