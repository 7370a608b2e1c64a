import fc from "fast-check";
import { expect, test } from "vitest";
import { didYouMean, editDistance, nearest } from "../../src/config/suggest.ts";

const KEYS = ["listen", "servers", "policy", "audit", "limits", "authn", "time_zone", "allowed_hosts"];

test.each([
  ["severs", "servers"],
  ["polciy", "policy"],
  ["timezone", "time_zone"],
  ["time-zone", "time_zone"],
  ["Listen", "listen"],
  ["auditt", "audit"],
])("takes %s for %s", (word, meant) => {
  expect(nearest(word, KEYS)).toBe(meant);
});

test("takes nothing for a word that is near to none", () => {
  expect(nearest("database", KEYS)).toBeUndefined();
  expect(didYouMean("database", ["a", "b"])).toBe("Known: a, b.");
  expect(didYouMean("database", [])).toBeUndefined();
});

test("edit distance is zero for the same word only, symmetric, and one for one slip", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.nat(), (a, b, at) => {
      const limit = 100;
      expect(editDistance(a, a, limit)).toBe(0);
      expect(editDistance(a, b, limit) === 0).toBe(a === b);
      expect(editDistance(a, b, limit)).toBe(editDistance(b, a, limit));
      const index = at % (a.length + 1);
      expect(editDistance(a, `${a.slice(0, index)}\u2603${a.slice(index)}`, limit)).toBe(1);
    }),
  );
});
