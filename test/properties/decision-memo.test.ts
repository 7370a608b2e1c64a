/** A remembered decision is the one that would be made anew; it lives no longer than its policy, in no more bytes than it may. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Decision } from "../../src/policy/decision.ts";
import { inputText } from "../../src/policy/input-text.ts";
import { DecisionMemo, LONGEST_KEY, type MemoCounts } from "../../src/policy/memo.ts";
import { loadPolicy, type Policy, type PolicyDeps } from "../../src/policy/policy.ts";
import { policyConfig, policyFolder } from "../policy/policy-files.ts";
import { judgeWith, openPolicy, sent, type Sent, START, starter, unchanged } from "./judging.ts";

const counts = (): MemoCounts => ({ hit: 0, miss: 0, skipped: 0 });

/** The same policy; `differing` gets what it decides otherwise than without its memory. */
function checked(policy: Policy, differing: unknown[]): Policy {
  return {
    ...policy,
    decide(input, context) {
      const decision = policy.decide(input, context);
      // Bytes are never remembered.
      const anew = policy.decide(Buffer.from(input), context);
      if (!isDeepStrictEqual(decision, anew)) differing.push([decision, anew]);
      return decision;
    },
  };
}

/** Waivers that begin to matter, and stop, while the messages of a sequence come in. */
const waiver = (id: string, seconds: number, more: object = {}) => ({
  id,
  owner: "o",
  reason: "r",
  expires: new Date(START + seconds * 1000).toISOString(),
  ...more,
});
const WAIVERS = [
  waiver("house/held", 5, { target: "held" }),
  waiver("house/after_seen", 12, { server: "own" }),
  waiver("egress/blocked_host", 10),
  waiver("egress/private_host", 15, { principal: "vi" }),
  waiver("secrets/leaving", 18),
];

describe("the decision memo", () => {
  test.each([
    ["without waivers", {}],
    ["with waivers that expire", { waivers: WAIVERS }],
  ])(
    "on and off decide the same for every sequence of messages, %s",
    async (_name, data) => {
      const memoCounts = counts();
      const { config, policy } = await openPolicy({ memoCounts }, { data, timeless: true });
      const begin = starter(config);
      const waived = new Set<string>();
      const judgeAll = async (messages: readonly Sent[]): Promise<void> => {
        const differing: unknown[] = [];
        const judge = judgeWith(config, checked(policy, differing));
        for (const one of messages) {
          const transaction = await begin(one);
          if (transaction === undefined) continue;
          const { decisions } = await judge(transaction);
          for (const decision of decisions) decision.waived?.forEach((id) => waived.add(id));
        }
        expect(differing).toEqual([]);
      };
      // Labels settle in the first round; waivers are in force in the second and have ended in the third; then the clock jumps back.
      const later = unchanged.map((one) => ({ ...one, at: one.at === 0 ? 9_000 : one.at }));
      await judgeAll([...unchanged, ...unchanged, ...later, ...unchanged]);
      // Few messages, from few callers, again and again: else nothing would come twice.
      const repeated = fc
        .tuple(fc.array(sent, { minLength: 1, maxLength: 5 }), fc.array(fc.tuple(fc.nat(), sent), { maxLength: 25, size: "max" }))
        .map(([few, order]) => [
          ...few,
          ...order.map(([which, { at, principal, server }], index): Sent => {
            const one = few[which % few.length] as Sent;
            return { ...one, at, ...(index % 3 === 0 ? { principal } : {}), ...(index % 5 === 0 ? { server } : {}) };
          }),
        ]);
      await fc.assert(fc.asyncProperty(repeated, judgeAll), { numRuns: 60 });
      expect(memoCounts.hit).toBeGreaterThan(100);
      expect(memoCounts.miss).toBeGreaterThan(200);
      if ("waivers" in data) expect([...waived].toSorted()).toEqual(WAIVERS.map(({ id }) => id).toSorted());
    },
    120_000,
  );

  const GRANT = 'package policies.demo\n\nallow contains {"id": "demo/all"} if input.server.name in data.org.open\n';
  const PLAIN = inputText({ phase: "request", server: { name: "demo" } });
  const CONTEXT = { serverName: "demo", phase: "request", now: START, principal: "ann" } as const;

  async function load(files: Record<string, string>, deps: PolicyDeps): Promise<Policy> {
    const parts = policyConfig({ path: policyFolder(files) });
    const loaded = await loadPolicy(parts.config, { ...parts.deps, ...deps });
    if (!loaded.ok) throw new Error(loaded.failure.map(({ message }) => message).join("; "));
    return loaded.value;
  }

  test("is empty after a reload, though rules and input are the same", async () => {
    const memoCounts = counts();
    const open = await load({ "demo.rego": GRANT, "data.json": '{"org":{"open":["demo"]}}' }, { memoCounts });
    for (const round of [1, 2, 3]) {
      expect(open.decide(PLAIN, CONTEXT)).toMatchObject({ effect: "allow" });
      expect(memoCounts).toEqual({ hit: round - 1, miss: 1, skipped: 0 });
    }
    const shut = await load({ "demo.rego": GRANT, "data.json": '{"org":{"open":["other"]}}' }, { memoCounts });
    expect(shut.decide(PLAIN, CONTEXT)).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT" });
    expect(memoCounts).toEqual({ hit: 2, miss: 2, skipped: 0 });
    // Calls under way may still hold the old one.
    expect(open.decide(PLAIN, CONTEXT)).toMatchObject({ effect: "allow" });
  });

  test("never holds an error: the engine is asked again", async () => {
    const memoCounts = counts();
    const clash = 'value := 1 if input.target.name\n\nvalue := 2 if input.target.name == "clash"\n';
    const wrong = 'warn contains {"id": "demo/wrong", "msg": uri} if uri := input.target.uri\n';
    const policy = await load(
      { "demo.rego": `package policies.demo\n\nallow contains {"id": "demo/all"} if value > 0\n\n${clash}\n${wrong}` },
      { memoCounts },
    );
    const of = (target: object): Decision => policy.decide(inputText({ phase: "request", target }), CONTEXT);
    for (let round = 0; round < 3; round++) {
      expect(of({ name: "clash" })).toMatchObject({ effect: "error", reason: "ERR_POLICY_FAULT" });
      expect(of({ name: "echo", uri: 7 })).toMatchObject({ effect: "error", reason: "ERR_DECISION" });
      expect(policy.decide(PLAIN, { ...CONTEXT, serverName: "unknown" })).toMatchObject({ effect: "error" });
    }
    expect(memoCounts).toMatchObject({ hit: 0, miss: 6 });
    for (let round = 0; round < 3; round++) expect(of({ name: "echo" })).toMatchObject({ effect: "allow" });
    expect(memoCounts).toMatchObject({ hit: 2, miss: 7 });
  });

  test("tells servers apart, though the input does not", async () => {
    const { policy } = await openPolicy();
    const unlisted = inputText({ phase: "request", mcp: { params: { name: "held" } } });
    for (let round = 0; round < 2; round++) {
      expect(policy.decide(unlisted, { ...CONTEXT, serverName: "own" })).toMatchObject({ effect: "deny" });
      expect(policy.decide(unlisted, { ...CONTEXT, serverName: "watched" })).toMatchObject({
        effect: "allow",
        wouldBe: { effect: "deny" },
      });
    }
  });

  test("tells phases apart, though the input does not", async () => {
    const policy = await load({ "demo.rego": 'package policies.demo\n\nwarn contains {"id": "demo/w"}\n' }, {});
    const bare = inputText({});
    expect(policy.decide(bare, CONTEXT)).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT" });
    expect(policy.decide(bare, { ...CONTEXT, phase: "response" })).toMatchObject({ effect: "allow" });
    expect(policy.decide(bare, CONTEXT)).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT" });
  });

  test("answers what nobody can change", async () => {
    const redact =
      'redact contains {"id": "demo/r", "kinds": {"email"}, "with": "mask"}\n\nrewrite contains {"id": "demo/w", "op": "replace", "path": ["params", "a"], "value": {"b": [1]}} if input.phase == "request"\n';
    const policy = await load({ "demo.rego": `package policies.demo\n\nallow contains {"id": "demo/all"}\n\n${redact}` }, {});
    const thawed: unknown[] = [];
    const visit = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      if (!Object.isFrozen(value)) thawed.push(value);
      Object.values(value).forEach(visit);
    };
    for (let round = 0; round < 2; round++) visit(policy.decide(PLAIN, CONTEXT));
    expect(thawed).toEqual([]);
  });

  test("is not asked about long inputs, which hold traffic", async () => {
    const memoCounts = counts();
    const policy = await load({ "demo.rego": GRANT, "data.json": '{"org":{"open":["demo"]}}' }, { memoCounts });
    for (let round = 0; round < 2; round++)
      expect(
        policy.decide(inputText({ phase: "request", server: { name: "demo" }, text: "x".repeat(LONGEST_KEY) }), CONTEXT),
      ).toMatchObject({ effect: "allow" });
    expect(memoCounts).toEqual({ hit: 0, miss: 0, skipped: 2 });
  });

  test("takes a limit for every message, also when the decision is remembered", async () => {
    const memoCounts = counts();
    const { config, policy } = await openPolicy({ memoCounts });
    const begin = starter(config);
    const judge = judgeWith(config, policy);
    const rare = {
      ...(unchanged.find(({ message }) => message.includes('"tasks/get"')) as Sent),
      direction: "client_to_server" as const,
      server: "own",
    };
    const effects: string[] = [];
    for (let round = 0; round < 5; round++) {
      const transaction = await begin({ ...rare, message: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"rare"}}' });
      if (transaction !== undefined) effects.push((await judge(transaction)).outcome.effect);
    }
    expect(effects).toEqual(["allow", "allow", "allow", "deny", "deny"]);
  });

  test("holds no more bytes than it may, and only what was put into it", () => {
    const decision = (n: number): Decision => ({
      effect: "allow",
      matched: [],
      would: [],
      grants: [],
      redactions: [],
      rewrites: [],
      labels: [],
      limits: [],
      revision: String(n),
    });
    const step = fc.record({
      key: fc.nat(60),
      length: fc.constantFrom(1, 10, 200, 2_000, LONGEST_KEY + 1),
      answer: fc.constantFrom(0, 10, 100, 1_000, 5_000),
      read: fc.boolean(),
    });
    let kept = 0;
    let hits = 0;
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 60_000 }), fc.array(step, { maxLength: 300, size: "max" }), (bytes, steps) => {
        const memo = new DecisionMemo(bytes);
        const put = new Map<string, Decision>();
        for (const [n, { key: number, length, answer, read }] of steps.entries()) {
          const key = String(number).padStart(length, "k");
          const known = memo.get(key);
          if (known !== undefined) {
            hits += 1;
            expect(known).toBe(put.get(key));
          }
          if (read || known !== undefined) continue;
          const made = decision(n);
          put.set(key, made);
          memo.add(key, made, answer);
          if (memo.get(key) === made) kept += 1;
          if (length > LONGEST_KEY || answer > 4_096) expect(memo.get(key)).toBeUndefined();
          // What an entry takes at the very least: its key, and something for its decision.
          expect(memo.bytes).toBeLessThanOrEqual(bytes);
          expect(memo.size * 100).toBeLessThanOrEqual(memo.bytes);
        }
      }),
    );
    expect(kept).toBeGreaterThan(200);
    expect(hits).toBeGreaterThan(200);
  });
});
