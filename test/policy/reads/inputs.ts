/** Inputs for the small policies: made of few keys and few values, so that they meet what the policies ask for. */
import * as fc from "fast-check";

const KEYS = ["a", "b", "c", "k", "x", "n", "list"] as const;

const text = fc.constantFrom("x", "y", "", "xy", "a", "b", "list", "z", "1");
const number = fc.constantFrom(0, 1, 2, 3, -1, 1.5);
const scalar = fc.oneof({ weight: 3, arbitrary: text }, { weight: 3, arbitrary: number }, fc.boolean(), fc.constant(null));

const any = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 5, arbitrary: scalar },
    { weight: 2, arbitrary: fc.array(tie("tree"), { maxLength: 3 }) },
    { weight: 4, arbitrary: fc.dictionary(fc.constantFrom(...KEYS), tie("tree"), { maxKeys: 3, noNullPrototype: true }) },
  ),
})).tree;

const few = fc.constantFrom<unknown>(1, 1, 1, "x", "x", 2, "y", false, true, 0);
const entry = fc.record(
  {
    a: fc.oneof({ weight: 3, arbitrary: few }, { weight: 2, arbitrary: fc.array(few, { maxLength: 3 }) }, any),
    b: fc.oneof({ weight: 3, arbitrary: few }, { weight: 2, arbitrary: fc.array(few, { maxLength: 3 }) }, any),
    c: fc.oneof({ weight: 3, arbitrary: few }, any),
    n: fc.oneof(number, any),
    list: fc.oneof(fc.array(number, { maxLength: 3 }), fc.array(few, { maxLength: 3 }), any),
  },
  { requiredKeys: [] },
);
const part = fc.oneof({ weight: 4, arbitrary: entry }, { weight: 2, arbitrary: few }, { weight: 3, arbitrary: any }, fc.constant({ a: 1 }));

const deep = fc
  .tuple(fc.integer({ min: 7, max: 13 }), fc.constantFrom<unknown>("x", "y", false, { b: 1 }))
  .map(([levels, end]) => Array.from({ length: levels }).reduce((inner: unknown) => ({ a: inner }), end));

const whole = fc.record(
  {
    text: fc.oneof({ weight: 6, arbitrary: text }, any),
    n: fc.oneof({ weight: 6, arbitrary: number }, any),
    flag: fc.oneof({ weight: 4, arbitrary: fc.boolean() }, any),
    list: fc.oneof(
      { weight: 4, arbitrary: fc.array(part, { maxLength: 3 }) },
      { weight: 2, arbitrary: fc.array(entry, { maxLength: 2 }) },
      { weight: 2, arbitrary: fc.array(few, { maxLength: 3 }) },
      any,
    ),
    obj: fc.oneof(
      { weight: 4, arbitrary: fc.dictionary(fc.constantFrom(...KEYS), part, { maxKeys: 3, noNullPrototype: true }) },
      { weight: 2, arbitrary: entry },
      any,
    ),
    a: part,
    b: part,
    c: part,
    k: part,
    deep,
  },
  { requiredKeys: [] },
);

export const inputs: fc.Arbitrary<unknown> = fc.oneof({ weight: 99, arbitrary: whole }, fc.constant({}));
