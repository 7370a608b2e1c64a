import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { spaced } from "../../src/observe/spaced.ts";

const APART_MS = 50;

/** Work that takes a moment and answers how often it was begun. */
function counted() {
  const begun = { times: 0 };
  const work = async (): Promise<number> => {
    const mine = (begun.times += 1);
    await wait(10);
    return mine;
  };
  return { begun, ask: spaced(work, APART_MS) };
}

test("work that everybody asks for at once is done once", async () => {
  const { begun, ask } = counted();
  expect(new Set(await Promise.all(Array.from({ length: 100 }, ask)))).toEqual(new Set([1]));
  expect(begun.times).toBe(1);
});

test("who asks while it is done gets the answer of the next time, which does not begin at once", async () => {
  const { begun, ask } = counted();
  const first = ask();
  const start = performance.now();
  await expect.poll(() => begun.times, { interval: 1 }).toBe(1);
  expect(await Promise.all([ask(), ask()])).toEqual([2, 2]);
  expect(performance.now() - start).toBeGreaterThan(APART_MS - 5);
  expect(await first).toBe(1);
});

test("work that fails fails for whoever asked, and is done again for the next", async () => {
  let fails = true;
  const ask = spaced(() => (fails ? Promise.reject(new Error("no")) : Promise.resolve("yes")), 1);
  await expect(Promise.all([ask(), ask()])).rejects.toThrow("no");
  fails = false;
  expect(await ask()).toBe("yes");
});
