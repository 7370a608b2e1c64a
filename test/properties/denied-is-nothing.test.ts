/** Invariant 2, where bytes are made: a message that may not pass becomes no bytes, whatever else the decision says. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { enforce, enforceItem } from "../../src/enforce/enforce.ts";
import type { Decision, Redaction, Rewrite } from "../../src/policy/decision.ts";
import { call, decide, read, workOn } from "../enforce/support.ts";

const redaction: fc.Arbitrary<Redaction> = fc.record(
  {
    rule: fc.constant("test/rule"),
    with: fc.constantFrom("mask", "replace", "drop", "partial", "hash"),
    findings: fc.array(fc.nat(2), { maxLength: 2 }),
    kinds: fc.constant(["email"]),
    path: fc.constantFrom("$..a", "/params/arguments/a", "nonsense"),
  },
  { requiredKeys: ["rule", "with"] },
);
const rewrite: fc.Arbitrary<Rewrite> = fc.record(
  {
    rule: fc.constant("test/rule"),
    op: fc.constantFrom("replace", "remove", "add"),
    path: fc.constantFrom("$..a", "/id", "/params/arguments/b"),
    value: fc.jsonValue(),
  },
  { requiredKeys: ["rule", "op", "path"] },
);
const passing = new Set<unknown>(["allow", "redact", "rewrite"]);
const stopping = fc
  .oneof(fc.constantFrom("deny", "hold", "error"), fc.string(), fc.constant(undefined), fc.constant(null), fc.integer())
  .filter((effect) => !passing.has(effect));

const MESSAGE = call('{"a":"ann@example.com","b":1}');

it("denied is nothing: only allow, redact and rewrite become bytes", async () => {
  await fc.assert(
    fc.asyncProperty(
      stopping,
      fc.array(redaction, { maxLength: 3 }),
      fc.array(rewrite, { maxLength: 3 }),
      async (effect, redactions, rewrites) => {
        const decision = { ...decide({}), redactions, rewrites, effect } as unknown as Decision;
        const outcome = await enforce(workOn(read(MESSAGE), decision));
        expect(outcome.ok).toBe(false);
        expect(Object.keys(outcome)).not.toContain("value");
        if (effect !== "hold") expect(await enforceItem(workOn(read(MESSAGE), decision))).toMatchObject({ ok: false });
      },
    ),
  );
});

it("a failure quotes nothing of the message", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(redaction, { maxLength: 3 }), fc.array(rewrite, { maxLength: 3 }), async (redactions, rewrites) => {
      const outcome = await enforce(workOn(read(MESSAGE), decide({ effect: "redact", redactions, rewrites })));
      if (!outcome.ok) expect(JSON.stringify(outcome.failure)).not.toMatch(/ann|example/);
    }),
  );
});
