import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { type Release, Slots } from "../../src/upstream/slots.ts";

const never = new AbortController().signal;

async function held(slots: Slots): Promise<Release> {
  const slot = await slots.acquire(60_000, never);
  if (!slot.ok) throw new Error(slot.failure.code);
  return slot.value;
}

describe("slots", () => {
  test("are given at once while there are any, then in the order of asking", async () => {
    const slots = new Slots(2);
    const [first, second] = [await held(slots), await held(slots)];
    expect(slots.take()).toBeUndefined();
    const order: string[] = [];
    const waiting = ["third", "fourth"].map((name) =>
      held(slots).then((release) => {
        order.push(name);
        return release;
      }),
    );
    first();
    await waiting[0];
    expect(order).toEqual(["third"]);
    second();
    await waiting[1];
    expect(order).toEqual(["third", "fourth"]);
  });

  test("that are given back twice count once", async () => {
    const slots = new Slots(1);
    const release = await held(slots);
    release();
    release();
    expect(slots.take()).toBeDefined();
    expect(slots.take()).toBeUndefined();
  });

  test("are not waited for after the time is over, and are not lost to who has given up", async () => {
    vi.useFakeTimers();
    try {
      const slots = new Slots(1);
      const release = await held(slots);
      const late = slots.acquire(1000, never);
      await vi.advanceTimersByTimeAsync(1000);
      expect(await late).toMatchObject({ ok: false, failure: { code: "ERR_UPSTREAM_TIMEOUT" } });
      release();
      expect(slots.take()).toBeDefined();
    } finally {
      vi.useRealTimers();
    }
  });

  test("are not waited for by a client that has left", async () => {
    const slots = new Slots(1);
    const release = await held(slots);
    const leaving = new AbortController();
    const waiting = slots.acquire(60_000, leaving.signal);
    leaving.abort();
    expect(await waiting).toMatchObject({ ok: false, failure: { code: "ERR_CLIENT_GONE" } });
    release();
    expect(slots.take()).toBeDefined();
  });

  test("are not given to a client that has left before", async () => {
    const slots = new Slots(1);
    expect(await slots.acquire(60_000, AbortSignal.abort())).toMatchObject({ ok: false, failure: { code: "ERR_CLIENT_GONE" } });
    expect(slots.take()).toBeDefined();
  });

  test("never are more in use than there are, and none is lost", async () => {
    const step = fc.constantFrom("acquire", "take", "release", "release again", "leave");
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 40 }), async (count, steps) => {
        const slots = new Slots(count);
        const using: Release[] = [];
        const over: Release[] = [];
        const waiting: AbortController[] = [];
        const acquire = async (): Promise<void> => {
          const leaving = new AbortController();
          waiting.push(leaving);
          const slot = await slots.acquire(60_000, leaving.signal);
          waiting.splice(waiting.indexOf(leaving), 1);
          if (slot.ok) using.push(slot.value);
        };
        const asked: Promise<void>[] = [];
        for (const each of steps) {
          if (each === "acquire") asked.push(acquire());
          else if (each === "take") {
            const slot = slots.take();
            if (slot !== undefined) using.push(slot);
          } else if (each === "release") {
            const release = using.shift();
            if (release !== undefined) over.push(release);
            release?.();
          } else if (each === "release again") over[0]?.();
          else waiting[0]?.abort();
          await new Promise(setImmediate);
          expect(using.length).toBeLessThanOrEqual(count);
          if (waiting.length > 0) expect(using.length).toBe(count);
        }
        while (using.length > 0) {
          using.shift()?.();
          await new Promise(setImmediate);
        }
        await Promise.all(asked);
        const free = Array.from({ length: count + 1 }, () => slots.take());
        expect(free.filter((slot) => slot !== undefined)).toHaveLength(count);
      }),
      { numRuns: 50 },
    );
  });
});
