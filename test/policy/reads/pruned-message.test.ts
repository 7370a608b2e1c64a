/** Whole and pruned messages get the same decision from all shipped packs. */
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { stagePolicy } from "../../../src/policy/policy.ts";
import { pathsOf, WHOLE, type Reads } from "../../../src/policy/reads/reads.ts";
import { packNames, ruleIds } from "../../packs/rules.ts";
import { policyConfig, temporaryFolder } from "../policy-files.ts";
import { compile } from "./compiled.ts";
import { messages, SERVER_SETTINGS } from "./messages.ts";
import { lessThan, prune } from "./prune.ts";

const ENTRY = "firewall/main/decision";
const EFFECTS = ["allow", "deny", "redact", "rewrite", "hold", "label", "limit", "warn"];
const SAMPLE = fc.sample(messages, { seed: 18, numRuns: 8_000 });

/** Thousands of evaluations, also on a machine that has other things to do. */
const BUSY_MS = 180_000;

interface Packs {
  readonly reads: Reads;
  readonly decide: (input: unknown) => string;
}
let once: Promise<Packs> | undefined;
const packs = (): Promise<Packs> => (once ??= build());

async function build(): Promise<Packs> {
  const { config, deps } = policyConfig({ packs: packNames });
  const folder = join(temporaryFolder(), "stage");
  expect(await stagePolicy(config, folder, deps)).toEqual([]);
  const { reads, evaluate } = await compile(folder, ["A"], [ENTRY], {
    server_settings: SERVER_SETTINGS,
    firewall: { revision: "r" },
  });
  return { reads: reads.get(ENTRY) ?? WHOLE, decide: (input) => evaluate(ENTRY, input) };
}

test(
  "every shipped rule matches some messages and not others",
  async () => {
    const { decide } = await packs();
    const rules = packNames.flatMap((pack) => ruleIds(pack, EFFECTS));
    const matched = new Map(rules.map((rule) => [rule, 0]));
    for (const input of SAMPLE) {
      const text = decide(input);
      for (const rule of rules) if (text.includes(`"id":"${rule}"`)) matched.set(rule, (matched.get(rule) ?? 0) + 1);
    }
    expect([...matched].filter(([, times]) => times === 0 || times === SAMPLE.length)).toEqual([]);
  },
  BUSY_MS,
);

test(
  "a pruned message gets the same decision",
  async () => {
    const { reads, decide } = await packs();
    const same = (input: unknown): void => {
      const whole = decide(input);
      for (const strange of [false, true]) expect(decide(prune(reads, input, strange))).toBe(whole);
    };
    for (const input of SAMPLE) same(input);
    fc.assert(fc.property(messages, same), { numRuns: 200 });
  },
  BUSY_MS,
);

test(
  "some message gets another decision when anything of what is read is left out",
  async () => {
    const { reads, decide } = await packs();
    const decisions = SAMPLE.map(decide);
    const unnoticed = [...lessThan(reads)].filter(({ less }) => SAMPLE.every((input, at) => decide(prune(less, input)) === decisions[at]));
    expect(unnoticed.map(({ what }) => what)).toEqual([]);
  },
  BUSY_MS,
);

test("the shipped packs read no text of a message", async () => {
  const { reads } = await packs();
  expect(pathsOf(reads)).toMatchInlineSnapshot(`
    [
      "input.direction",
      "input.findings[_].category",
      "input.findings[_].kind",
      "input.findings[_].n",
      "input.findings[_].path",
      "input.findings[_].score",
      "input.findings_capped",
      "input.mcp.error.code",
      "input.mcp.error.data.elicitations[_]",
      "input.mcp.method",
      "input.mcp.omitted[_]",
      "input.mcp.params.error.code",
      "input.mcp.params.error.data.elicitations[_]",
      "input.mcp.params.inputRequests[_].method",
      "input.mcp.params.inputRequests[_].params.mode",
      "input.mcp.params.inputRequests[_].params.url",
      "input.mcp.params.inputResponses[_]",
      "input.mcp.params.mode",
      "input.mcp.params.notifications.resourceSubscriptions[_]",
      "input.mcp.params.ref.name",
      "input.mcp.params.ref.type",
      "input.mcp.params.ref.uri",
      "input.mcp.params.result.inputRequests[_].method",
      "input.mcp.params.result.inputRequests[_].params.mode",
      "input.mcp.params.result.inputRequests[_].params.url",
      "input.mcp.params.uri",
      "input.mcp.params.url",
      "input.mcp.request.method",
      "input.mcp.request.params.mode",
      "input.mcp.request.params.url",
      "input.mcp.result.content[_].resource.uri",
      "input.mcp.result.contents[_].uri",
      "input.mcp.result.error.code",
      "input.mcp.result.error.data.elicitations[_]",
      "input.mcp.result.inputRequests[_].method",
      "input.mcp.result.inputRequests[_].params.mode",
      "input.mcp.result.inputRequests[_].params.url",
      "input.mcp.result.messages[_].content.resource.uri",
      "input.mcp.result.result.inputRequests[_].method",
      "input.mcp.result.result.inputRequests[_].params.mode",
      "input.mcp.result.result.inputRequests[_].params.url",
      "input.nonce",
      "input.phase",
      "input.principal.groups[_]",
      "input.principal.id",
      "input.principal.scopes",
      "input.server.name",
      "input.server.trust",
      "input.target.kind",
      "input.target.name",
      "input.target.uri",
      "input.urls[_].host",
      "input.urls[_].path",
      "input.urls[_].scheme",
      "input.urls_capped",
    ]
  `);
});
