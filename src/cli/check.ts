/**
 * `sluice check`: everything that is wrong with the configuration and the policies, in one run.
 * Must not start anything, and must check the policies also when the configuration has problems of its own.
 */
import { existsSync } from "node:fs";
import { draftConfig } from "../config/load.ts";
import { hasErrors } from "../config/problem.ts";
import { checkPolicy } from "../policy/policy.ts";
import { EXIT, type ExitCode, printProblems, type Streams } from "./streams.ts";

export interface CheckOptions {
  readonly config: string;
}

export async function check({ config: file }: CheckOptions, { stdout }: Streams): Promise<ExitCode> {
  const { config, locate, problems } = draftConfig(file);
  // A policy path that leads nowhere is reported already, with its place in the configuration.
  const path = config?.policy.path;
  const readable = (path === undefined || existsSync(path)) && !problems.some((problem) => problem.check === "config/policy-path");
  const policyProblems = config !== undefined && readable ? await checkPolicy(config, { locate }) : [];
  printProblems([...problems, ...policyProblems], stdout);
  if (hasErrors(problems)) return EXIT.usage;
  if (hasErrors(policyProblems)) return EXIT.found;
  const none = problems.length + policyProblems.length === 0;
  stdout.write(`${file}: ${none ? "nothing wrong" : "no errors"}\n`);
  return EXIT.fine;
}
