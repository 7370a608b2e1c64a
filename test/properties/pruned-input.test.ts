/** What a policy does not read may be left out of its input: no message is judged otherwise, in any part of what becomes of it. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Policy } from "../../src/policy/policy.ts";
import { WHOLE } from "../../src/policy/reads/reads.ts";
import { packNames, ruleIds } from "../packs/rules.ts";
import { HOUSE_RULES, judgeWith, openPolicy, sent, type Sent, starter, unchanged } from "./judging.ts";

/** The policy without a memory, so that each input is evaluated; `inputs` gets the size of each. */
function forgetful(policy: Policy, inputs: number[]): Policy {
  return {
    ...policy,
    decide(input, context) {
      inputs.push(input.length);
      return policy.decide(Buffer.from(input), context);
    },
  };
}

test("whole and pruned input decide the same for every message", async () => {
  const { config, policy } = await openPolicy();
  expect(policy.reads).not.toEqual(WHOLE);
  const begin = starter(config);
  const sizes = { pruned: [] as number[], whole: [] as number[] };
  const pruned = judgeWith(config, forgetful(policy, sizes.pruned));
  const whole = judgeWith(config, forgetful({ ...policy, reads: WHOLE }, sizes.whole));
  const fired = new Set<string>();
  let judged = 0;
  const compare = async (one: Sent): Promise<void> => {
    const transaction = await begin(one);
    if (transaction === undefined) return;
    const answer = await pruned(transaction);
    expect(answer).toEqual(await whole(transaction));
    judged += 1;
    for (const { matched, would, grants } of answer.decisions) for (const { id } of [...matched, ...would, ...grants]) fired.add(id);
  };
  for (const one of unchanged) await compare(one);
  await fc.assert(fc.asyncProperty(sent, compare), { numRuns: 1_500 });

  const all = packNames.flatMap((pack) => ruleIds(pack, ["allow", "deny", "redact", "rewrite", "hold", "label", "limit", "warn"]));
  // A pack without settings is refused when it is loaded: these rules are there for bundles that were made elsewhere.
  const never = [...all, ...HOUSE_RULES].filter((id) => !fired.has(id) && !id.endsWith("/no_settings"));
  expect(never).toEqual([]);
  expect(judged).toBeGreaterThan(1_000);
  const sum = (list: readonly number[]): number => list.reduce((total, size) => total + size, 0);
  expect(sizes.pruned).toHaveLength(sizes.whole.length);
  expect(sum(sizes.pruned)).toBeLessThan(sum(sizes.whole));
}, 120_000);
