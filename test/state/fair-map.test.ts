import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FairMap } from "../../src/state/fair-map.ts";

const BOUNDS = { entries: 4, weight: 10, entriesPerHolder: 3, ttlMs: 100 };

describe("a fair map", () => {
  it("takes the room for a new entry from whoever has most", () => {
    const map = new FairMap<number>(BOUNDS, () => 0);
    map.set("a1", "a", 1);
    for (const key of ["b1", "b2", "b3"]) map.set(key, "b", 2);
    map.set("c1", "c", 3);
    expect(["a1", "b1", "b2", "b3", "c1"].map((key) => map.get(key))).toEqual([1, undefined, 2, 2, 3]);
  });

  it("takes weight from whoever has most of it", () => {
    const map = new FairMap<number>(BOUNDS, () => 0);
    map.set("a1", "a", 1, 1);
    map.set("b1", "b", 2, 5);
    map.set("b2", "b", 2, 5);
    expect(["a1", "b1", "b2"].map((key) => map.get(key))).toEqual([1, undefined, 2]);
  });

  it("forgets what is too old", () => {
    let now = 0;
    const map = new FairMap<number>(BOUNDS, () => now);
    map.set("a1", "a", 1);
    now = 100;
    expect(map.get("a1")).toBeUndefined();
  });

  it("never forgets a holder with few entries for one with many, and keeps its bounds", () => {
    const step = fc.record({ key: fc.nat(30), weight: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const map = new FairMap<number>({ ...BOUNDS, entriesPerHolder: 100 }, () => 0);
        map.set("quiet", "quiet", 1, 1);
        for (const { key, weight } of steps) map.set(`busy-${key}`, "busy", key, weight);
        expect(map.get("quiet")).toBe(1);
        const kept = Array.from({ length: 31 }, (_, key) => map.get(`busy-${key}`)).filter((value) => value !== undefined);
        expect(kept.length).toBeLessThan(BOUNDS.entries);
      }),
    );
  });
});
