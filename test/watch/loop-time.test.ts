/** What one caller may have of the loop's time, in long stretches and while others call. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Departure } from "../../src/departure.ts";
import { LATE_MS, LONG_MS, LoopTime } from "../../src/watch/loop-time.ts";

function open() {
  const clock = { now: 0, late: 0 };
  const time = new LoopTime(
    () => clock.now,
    () => clock.late,
  );
  return {
    time,
    clock,
    /** A message of a caller that takes so long, unless it has to wait. */
    message(flow: string, ms: number): boolean {
      if (time.wait(flow) !== undefined) return false;
      clock.now += ms;
      time.took(ms, flow);
      return true;
    },
  };
}

describe("the time of the loop", () => {
  test("is refused to whoever had three seconds of it in long stretches, while somebody else calls", () => {
    const { message, time, clock } = open();
    message("bob", 1);
    const served = Array.from({ length: 10 }, () => message("alice", 500));
    expect(served.filter((each) => each)).toHaveLength(8);
    expect(served.indexOf(false)).toBe(8);
    expect(time.wait("bob")).toBeUndefined();
    const ms = time.wait("alice") ?? 0;
    expect(ms).toBeGreaterThan(8_000);
    clock.now += ms - 1;
    time.wait("bob");
    expect(time.wait("alice")).toBeDefined();
    clock.now += 1;
    expect(time.wait("alice")).toBeUndefined();
  });

  test("is a lone caller's as long as it is alone", () => {
    const { message, clock } = open();
    for (let at = 0; at < 20; at += 1) expect(message("alice", 1_000)).toBe(true);
    expect(message("bob", 1)).toBe(true);
    for (let at = 0; at < 4; at += 1) expect(message("alice", 1_000)).toBe(true);
    expect(message("alice", 1_000)).toBe(false);
    // Bob has left.
    clock.now += 6_000;
    expect(message("alice", 1_000)).toBe(true);
  });

  test("is counted where it is had in short pieces only while the loop is late with all of them", () => {
    const { message, clock } = open();
    message("bob", 1);
    clock.late = LATE_MS - 1;
    for (let at = 0; at < 1_000; at += 1) expect(message("alice", LONG_MS - 1)).toBe(true);
    clock.late = LATE_MS;
    message("bob", 1);
    const served = Array.from({ length: 100 }, () => message("alice", LONG_MS - 1)).filter((each) => each);
    expect(served.length).toBeLessThan(50);
  });

  test("belongs to a quarter at most to one caller, whatever it does", () => {
    const deeds = fc.array(
      fc.record({ flow: fc.constantFrom("alice", "bob"), ms: fc.integer({ min: 1, max: 1_400 }), rest: fc.nat(3_000) }),
      {
        minLength: 1,
        maxLength: 300,
      },
    );
    fc.assert(
      fc.property(deeds, (list) => {
        const { message, clock } = open();
        const had = { alice: 0, bob: 0, carol: 0 };
        for (const { flow, ms, rest } of list) {
          clock.now += rest;
          message("carol", 1);
          if (message(flow, ms) && ms >= LONG_MS) had[flow] += ms;
          // What it may run up, one message more, and a quarter of all time so far.
          expect(had[flow]).toBeLessThanOrEqual(3_000 + 1_400 + clock.now / 4);
        }
      }),
    );
  });

  test("is waited for by what cannot be refused, until nobody is there to wait", async () => {
    const { message, time, clock } = open();
    const gone = new Departure();
    const due = () => time.due("alice", "one", gone);
    expect(due()).toBeUndefined();
    message("bob", 1);
    for (let at = 0; at < 5; at += 1) {
      message("alice", 1);
      time.took(1_000, "alice", "one");
    }
    const done: string[] = [];
    const waiting = [
      Promise.resolve(due()).then(() => done.push("left")),
      Promise.resolve(time.due("alice", "one", new Departure())).then(() => done.push("later")),
    ];
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(done).toEqual([]);
    gone.leave();
    await waiting[0];
    expect(done).toEqual(["left"]);
    clock.now += 12_000;
    await waiting[1];
  });

  test("that a server's messages take is not the caller's: it may go on to call", () => {
    const { message, time } = open();
    message("bob", 1);
    for (let at = 0; at < 5; at += 1) {
      message("alice", 1);
      time.took(1_000, "alice", "one");
    }
    expect(time.wait("alice", "one")).toBeDefined();
    expect(time.wait("alice")).toBeUndefined();
    expect(time.wait("alice", "two")).toBeUndefined();
  });

  test("is not somebody else's because the same caller has several accounts", () => {
    const { message, time } = open();
    for (let at = 0; at < 10; at += 1) {
      expect(message("alice", 1_000)).toBe(true);
      expect(time.wait("alice", "one")).toBeUndefined();
    }
  });
});
