/** Whole and pruned input give the same answer, whatever a policy does with it; and what is kept is needed. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { policyFolder } from "../policy-files.ts";
import { compile, type Compiled } from "./compiled.ts";
import { inputs } from "./inputs.ts";
import { MORE_THAN_NEEDED, POLICIES, SHARED } from "./policies.ts";
import { lessThan, prune } from "./prune.ts";

const NAMES = Object.keys(POLICIES);
/** The same inputs in every run: what they reach is asserted. */
const SAMPLE = fc.sample(inputs, { seed: 4, numRuns: 2_500 });

/** Thousands of evaluations, also on a machine that has other things to do. */
const BUSY_MS = 180_000;

let once: Promise<Compiled> | undefined;
/** Compiled in the first test that asks. */
const compiled = (): Promise<Compiled> =>
  (once ??= compile(
    policyFolder({
      ...Object.fromEntries(NAMES.map((name) => [`A/${name}.rego`, `package cases.${name}\n${POLICIES[name]}`])),
      ...Object.fromEntries(Object.entries(SHARED).map(([name, text]) => [`A/shared/${name}.rego`, `package shared.${name}\n${text}`])),
    }),
    ["A"],
    NAMES.map((name) => `cases/${name}/out`),
  ));

async function policy(name: string): Promise<{ reads: ReturnType<Compiled["reads"]["get"]> & object; answer: (input: unknown) => string }> {
  const { reads, evaluate } = await compiled();
  const found = reads.get(`cases/${name}/out`);
  if (found === undefined) throw new Error(`${name} was not planned`);
  return { reads: found, answer: (input) => evaluate(`cases/${name}/out`, input) };
}

describe.each(NAMES)("%s", (name) => {
  test(
    "every rule contributes to some answers and not to others",
    async () => {
      const { answer } = await policy(name);
      const rules = [...(POLICIES[name] ?? "").matchAll(/^out contains \[?"([^"]*)"/gm)].map(([, rule]) => rule ?? "");
      const contributed = new Map(rules.map((rule) => [rule, new Set<string>()]));
      for (const text of SAMPLE.map(answer).filter((one) => one !== "threw")) {
        const [{ result }] = JSON.parse(text) as [{ result: (string | [string, ...unknown[]])[] }];
        for (const [rule, seen] of contributed)
          seen.add(JSON.stringify(result.filter((element) => (typeof element === "string" ? element : element[0]) === rule)));
      }
      // Nothing and one thing, or two things where a rule always has a value.
      expect([...contributed].filter(([, seen]) => seen.size < 2).map(([rule]) => rule)).toEqual([]);
    },
    BUSY_MS,
  );

  test(
    "answers the same to a pruned input",
    async () => {
      const { reads, answer } = await policy(name);
      const same = (input: unknown): void => {
        const whole = answer(input);
        for (const strange of [false, true]) expect(answer(prune(reads, input, strange))).toBe(whole);
      };
      for (const input of SAMPLE) same(input);
      fc.assert(fc.property(inputs, same), { numRuns: 200 });
    },
    BUSY_MS,
  );

  test(
    "answers something else when anything of what it reads is left out",
    async () => {
      const { reads, answer } = await policy(name);
      const unnoticed = [...lessThan(reads)].filter(({ less }) => SAMPLE.every((input) => answer(prune(less, input)) === answer(input)));
      expect(unnoticed.map(({ what }) => what)).toEqual(MORE_THAN_NEEDED[name] ?? []);
    },
    BUSY_MS,
  );
});
