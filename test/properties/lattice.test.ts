import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decide, type DecideFacts } from "../../src/policy/decide.ts";
import type { Decision, Effect } from "../../src/policy/decision.ts";
import { atLeast, join, joinAll } from "../../src/policy/lattice.ts";
import { checkPath } from "../../src/mcp/json/path.ts";

const effects = fc.constantFrom<Effect>("allow", "rewrite", "redact", "hold", "deny", "error");

const facts: DecideFacts = {
  serverName: "demo",
  phase: "request",
  revision: "r",
  nonce: "n",
  packsOff: new Set(),
  observe: false,
  modes: new Map(),
  waivers: [],
  titles: {},
  now: 0,
  target: undefined,
  principal: "p",
  checkPath,
};

const rule = fc.constantFrom("one", "two", "three");
const elements = fc.oneof(
  rule.map((name) => ({ policy: "demo", effect: "deny", element: { id: `demo/${name}` } })),
  rule.map((name) => ({ policy: "demo", effect: "hold", element: { id: `demo/${name}`, msg: "ask" } })),
  rule.map((name) => ({ policy: "demo", effect: "redact", element: { id: `demo/${name}`, kinds: ["email"], with: "mask" } })),
  fc
    .tuple(rule, fc.constantFrom("/params/arguments/a", "/params/arguments/a/b", "/params/arguments/c"), fc.constantFrom(1, 2))
    .map(([name, path, value]) => ({
      policy: "demo",
      effect: "rewrite",
      element: { id: `demo/${name}`, op: "replace", path, value },
    })),
  rule.map((name) => ({ policy: "demo", effect: "label", element: { id: `demo/${name}`, add: "seen" } })),
  rule.map((name) => ({ policy: "demo", effect: "warn", element: { id: `demo/${name}` } })),
  fc.constant({ policy: "demo", effect: "blok", element: { id: "demo/one" } }),
);
const sets = fc.array(elements, { maxLength: 6 });
const grants = fc.constantFrom([], [{ policy: "demo", element: { id: "demo/all" } }]);

function decideOn(matched: readonly unknown[], granted: readonly unknown[]): Decision {
  return decide({ contract: "v1", nonce: "n", revision: "r", matched, malformed: [], grants: granted }, facts);
}

describe("the lattice of effects", () => {
  it("is commutative, associative and idempotent", () => {
    fc.assert(
      fc.property(effects, effects, effects, (a, b, c) => {
        expect(join(a, b)).toBe(join(b, a));
        expect(join(a, join(b, c))).toBe(join(join(a, b), c));
        expect(join(a, a)).toBe(a);
      }),
    );
  });

  it("is monotone: more effects never weaken the result", () => {
    fc.assert(
      fc.property(fc.array(effects), effects, (some, more) => {
        expect(atLeast(joinAll([...some, more]), joinAll(some))).toBe(true);
        expect(atLeast(joinAll([...some, more]), more)).toBe(true);
      }),
    );
  });

  it("orders error > deny > hold > redact > rewrite > allow", () => {
    const order: Effect[] = ["allow", "rewrite", "redact", "hold", "deny", "error"];
    for (const [at, weak] of order.entries()) for (const strong of order.slice(at)) expect(join(weak, strong)).toBe(strong);
  });
});

describe("a decision", () => {
  it("does not depend on the order of the elements", () => {
    fc.assert(
      fc.property(
        sets.chain((set) => fc.tuple(fc.constant(set), fc.shuffledSubarray(set, { minLength: set.length }))),
        grants,
        ([set, shuffled], granted) => {
          const [one, other] = [decideOn(set, granted), decideOn(shuffled, granted)];
          expect([other.effect, other.reason]).toEqual([one.effect, one.reason]);
          const sorted = (decision: Decision): string[] =>
            decision.rewrites.map((rewrite) => JSON.stringify([rewrite.path, rewrite.value])).toSorted();
          expect(sorted(other)).toEqual(sorted(one));
        },
      ),
    );
  });

  it("does not change when elements are repeated", () => {
    fc.assert(
      fc.property(sets, grants, (set, granted) => {
        const [one, twice] = [decideOn(set, granted), decideOn([...set, ...set], granted)];
        expect([twice.effect, twice.reason, twice.rewrites.length, twice.labels]).toEqual([
          one.effect,
          one.reason,
          one.rewrites.length,
          one.labels,
        ]);
      }),
    );
  });

  it("is never weakened by a further element", () => {
    fc.assert(
      fc.property(sets, elements, grants, (set, more, granted) => {
        expect(atLeast(decideOn([...set, more], granted).effect, decideOn(set, granted).effect)).toBe(true);
      }),
    );
  });

  it("is never strengthened by a further grant", () => {
    fc.assert(
      fc.property(sets, (set) => {
        expect(atLeast(decideOn(set, []).effect, decideOn(set, [{ policy: "demo", element: { id: "demo/all" } }]).effect)).toBe(true);
      }),
    );
  });
});
