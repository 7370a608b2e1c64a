import { expect, test } from "vitest";
import { Quarantine } from "../../src/watch/quarantine.ts";

test("a caller is refused for as long as it was said, and no other", () => {
  let now = 1000;
  const quarantine = new Quarantine(() => now);
  quarantine.set([{ principal: "ann", ms: 2500 }]);
  expect([quarantine.left("ann"), quarantine.left("bob")]).toEqual([3, undefined]);
  now += 2499;
  expect(quarantine.left("ann")).toBe(1);
  now += 1;
  expect(quarantine.left("ann")).toBeUndefined();
});

test("more callers do not let the earlier ones go; 0 does", () => {
  const quarantine = new Quarantine(() => 0);
  quarantine.set([{ principal: "ann", ms: 1000 }]);
  quarantine.set([{ principal: "bob", ms: 1000 }]);
  quarantine.set([{ principal: "ann", ms: 0 }]);
  expect([quarantine.left("ann"), quarantine.left("bob")]).toEqual([undefined, 1]);
});

test("it is bounded: of too many those stay that are refused longest", () => {
  const quarantine = new Quarantine(() => 0);
  quarantine.set(Array.from({ length: 5000 }, (_, at) => ({ principal: `p${at}`, ms: 1000 + at })));
  expect([quarantine.left("p0"), quarantine.left("p3000"), quarantine.left("p4999")]).toEqual([undefined, undefined, 6]);
});
