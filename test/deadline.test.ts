import { expect, test } from "vitest";
import { deadline } from "../src/deadline.ts";

const forever = (): Promise<never> => new Promise(() => {});

test("work that ends in time is as it was", async () => {
  const timely = deadline(60_000);
  expect(await timely(Promise.resolve("value"))).toBe("value");
  const fault = new Error("its own");
  await expect(timely(Promise.reject(fault))).rejects.toBe(fault);
});

test("work that waits for ever is rejected, not before its time, whatever else is going on", async () => {
  const timely = deadline(200);
  const started = performance.now();
  const late = timely(forever()).catch((fault: unknown) => ({ fault, after: performance.now() - started }));
  for (let at = 0; at < 20; at += 1) {
    await timely(Promise.resolve());
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { fault, after } = (await late) as { fault: { failure: object }; after: number };
  expect(fault.failure).toEqual({ code: "ERR_STAGE", detail: "the message was not judged in time" });
  expect(after).toBeGreaterThanOrEqual(199);
});

test("each of many has its own time, also after a rest in which nothing waited", async () => {
  const timely = deadline(60);
  for (let round = 0; round < 2; round += 1) {
    const ends = await Promise.allSettled([timely(forever()), timely(Promise.resolve(1)), timely(forever())]);
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected"]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
});
