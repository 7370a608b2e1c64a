import * as fc from "fast-check";
import { expect, test } from "vitest";
import { covers, parseReads, pathsOf, union, WHOLE, type Reads } from "../../../src/policy/reads/reads.ts";

/** Reads in the form that `union` makes: a member includes `each`. */
const reads: fc.Arbitrary<Reads> = fc.letrec<{ any: Reads }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constant(WHOLE),
    fc.constant({}),
    fc
      .record({
        members: fc.dictionary(fc.constantFrom("a", "b", "c", "__proto__"), tie("any"), { maxKeys: 3 }),
        each: fc.option(tie("any")),
        length: fc.boolean(),
      })
      .map(({ members, each, length }): Reads => union({ members }, each === null ? {} : { each, ...(length ? { length: true } : {}) })),
  ),
})).any;

test("a union covers both, and adds nothing to what covered both", () => {
  fc.assert(
    fc.property(reads, reads, reads, (a, b, c) => {
      const both = union(a, b);
      expect(covers(both, a) && covers(both, b)).toBe(true);
      if (covers(c, a) && covers(c, b)) expect(covers(c, both)).toBe(true);
      expect(union(both, a)).toEqual(both);
      expect(union(b, a)).toEqual(both);
    }),
  );
});

test("reads survive being stored as JSON", () => {
  fc.assert(
    fc.property(reads, (a) => {
      expect(parseReads(JSON.parse(JSON.stringify(a)))).toEqual(a);
    }),
  );
});

test.each([
  ["no object", []],
  ["an unknown member", { deep: true }],
  ["a flag that is not true", { whole: false }],
  ["whole beside others", { whole: true, members: {} }],
  ["length without each", { length: true }],
  ["a member that lacks what each element needs", { members: { a: {} }, each: { whole: true } }],
  ["a wrong part", { members: { a: { each: null } } }],
  ["more levels than an analysis makes", Array.from({ length: 20 }).reduce<unknown>((inner) => ({ each: inner }), {})],
])("refuses what is no reads: %s", (_name, value) => {
  expect(parseReads(value)).toBeUndefined();
});

test("names leaves as a policy would", () => {
  const some: Reads = { members: { mcp: { members: { "a-b": { whole: true } }, each: { each: {} } }, phase: WHOLE } };
  expect(pathsOf(some)).toEqual(['input.mcp["a-b"]', "input.mcp[_][_]", "input.phase"]);
  expect(pathsOf({})).toEqual(["input"]);
});
