import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Turn } from "../src/turn.ts";

let now = 0;
beforeEach(() => {
  now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Whether others got a turn while this one ended. */
async function gaveWay(turn: Turn): Promise<boolean> {
  let others = false;
  setImmediate(() => {
    others = true;
  });
  await turn.end();
  const gave = others;
  await new Promise(setImmediate);
  return gave;
}

test("short work goes on at once; long work gives the loop back, and then goes on for as long again", async () => {
  const turn = new Turn();
  now = 9;
  expect(await gaveWay(turn)).toBe(false);
  now = 10;
  expect(await gaveWay(turn)).toBe(true);
  now = 19;
  expect(await gaveWay(turn)).toBe(false);
  now = 20;
  expect(await gaveWay(turn)).toBe(true);
});
