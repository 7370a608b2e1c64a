/**
 * Reads OPA's plan of the built policy: rules that nothing reads and data that does not exist, which pass every check of OPA's and then
 * quietly do nothing; and what it reads of the input. Must not guess: what it cannot follow exactly it leaves alone.
 */
import type { Problem } from "../../config/problem.ts";
import { costlyReads } from "./costly-check.ts";
import { readPlan } from "./plan.ts";
import { missingData } from "./plan-data.ts";
import { analyseReads } from "../reads/analyse.ts";
import { WHOLE, type Reads } from "../reads/reads.ts";
import { ruleName } from "./rego-ast.ts";
import type { Slip } from "./rule-check.ts";
import { isTestFile, placer, type CheckedSources } from "./source-check.ts";
import type { Sources } from "../sources/stage.ts";

/** Checks the plan bundle in `file`, and answers what it reads of the input. */
export async function checkPlan(
  file: string,
  sources: Sources,
  checked: CheckedSources,
): Promise<{ readonly problems: Problem[]; readonly reads: Reads }> {
  const plan = await readPlan(file);
  if (!plan.ok) return { problems: [{ file: "policy", severity: "error", check: "policy/plan", message: plan.failure }], reads: WHOLE };
  const planned = new Set(
    plan.value.functions.flatMap((func) => func.path.slice(1).map((_, end) => func.path.slice(1, end + 2).join("."))),
  );
  const dead = new Map<string, Slip>();
  for (const module of checked.modules) {
    if (isTestFile(module.file) || !["policies", "lib"].includes(module.package[0] ?? "")) continue;
    for (const rule of module.rules) {
      const path = [...module.package, ruleName(rule)].join(".");
      if (planned.has(path) || dead.has(path)) continue;
      dead.set(path, {
        file: module.file,
        location: rule.head.location ?? rule.location,
        check: "policy/dead-rule",
        message: `Nothing reads \`${ruleName(rule)}\`, so it has no effect.`,
        hint: "Use it in a rule that contributes an effect, check its spelling, or remove it.",
        ...(module.package[0] === "lib" ? { severity: "warning" as const } : {}),
      });
    }
  }
  const data = { ...sources.shippedData, ...sources.data.tree, firewall: { revision: sources.revision } };
  const place = placer(sources);
  const analysis = analyseReads(plan.value);
  const slips = [...dead.values(), ...missingData(plan.value, data), ...costlyReads(plan.value, analysis)];
  return { problems: slips.map((slip) => place.slip(slip)), reads: analysis.reads };
}
