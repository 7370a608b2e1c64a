import { expect, test } from "vitest";
import { Restarts } from "../../src/workers/restarts.ts";

test("single deaths are replaced at once", () => {
  const restarts = new Restarts(5);
  for (let at = 0; at < 100; at += 1) expect(restarts.died(at * 3_000)).toBe(0);
});

test("deaths in a row make the next worker wait, longer each time but never for long", () => {
  const restarts = new Restarts(5);
  const waits = Array.from({ length: 12 }, (_, at) => restarts.died(at * 10));
  expect(waits).toEqual([0, 0, 0, 0, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000, 5_000]);
});

test("after a quiet time it begins anew", () => {
  const restarts = new Restarts(2);
  expect([restarts.died(0), restarts.died(1), restarts.died(2)]).toEqual([0, 1_000, 2_000]);
  expect([restarts.died(20_000), restarts.died(20_001)]).toEqual([0, 1_000]);
});
