/** What the process takes on, by the numbers alone: limits, hysteresis, and that everything taken is given back. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Holdings } from "../../src/http/holdings.ts";
import { Load, type LoadLimits } from "../../src/http/load.ts";
import { Visit, weighed } from "../../src/http/visit.ts";
import type { Body } from "../../src/mcp/body.ts";

const LIMITS: LoadLimits = { in_flight: 10, buffered: 1000, lag_ms: 100 };
const open = (limits: Partial<LoadLimits> = {}) =>
  new Load(
    () => ({ ...LIMITS, ...limits }),
    () => 0,
  );

function enter(load: Load): Visit {
  const visit = load.enter();
  if (!visit.ok) throw new Error(visit.failure.detail);
  return visit.value;
}
const refusal = (load: Load): string | undefined => {
  const visit = load.enter();
  if (visit.ok) visit.value.leave();
  return visit.ok ? undefined : visit.failure.detail;
};

describe("calls in flight", () => {
  test("are counted from the complete request on, so that half-sent ones keep nobody out", () => {
    const load = open();
    for (let at = 0; at < 50; at += 1) enter(load);
    expect(load.calls).toBe(0);
    expect(refusal(load)).toBeUndefined();
  });

  test("beyond the limit are refused until there are clearly fewer", () => {
    const load = open();
    const visits = Array.from({ length: 10 }, () => enter(load));
    for (const visit of visits) visit.begin();
    expect(refusal(load)).toBe("limits.in_flight");
    visits[0]?.leave();
    expect(refusal(load)).toBe("limits.in_flight");
    visits[1]?.leave();
    visits[2]?.leave();
    expect(refusal(load)).toBeUndefined();
    const again = [enter(load), enter(load)];
    for (const visit of again) visit.begin();
    expect(load.calls).toBe(9);
    expect(refusal(load)).toBeUndefined();
  });

  test("that became streams are none", () => {
    const load = open();
    for (let at = 0; at < 50; at += 1) {
      const visit = enter(load);
      visit.begin();
      visit.rest();
    }
    expect(refusal(load)).toBeUndefined();
  });

  test("are one at least, whatever the limit", () => {
    const load = open({ in_flight: 1 });
    const visit = enter(load);
    visit.begin();
    expect(refusal(load)).toBe("limits.in_flight");
    visit.leave();
    expect(refusal(load)).toBeUndefined();
  });
});

describe("bytes held", () => {
  test("keep new calls out when they reach the limit; those under way may go twice as far", () => {
    const load = open();
    const visit = enter(load);
    expect(visit.keep(1000)).toBe(true);
    expect(refusal(load)).toBe("limits.buffered");
    expect(visit.hold(1000)).toBe(true);
    expect(visit.hold(1001)).toBe(false);
    expect(visit.keep(1)).toBe(false);
    expect(visit.hold(200)).toBe(true);
    expect(load.bytes).toBe(1200);
    visit.leave();
    expect(load.bytes).toBe(0);
    expect(refusal(load)).toBeUndefined();
  });

  test("of a body that does not fit end it with the code for overload", async () => {
    const load = open();
    const body: Body = {
      each: async (take) => {
        for (let at = 0; at < 10; at += 1) if (!take(Buffer.alloc(600))) return;
      },
    };
    const visit = enter(load);
    let read = 0;
    const reading = weighed(body, visit).each((chunk) => {
      read += chunk.length;
      return true;
    });
    await expect(reading).rejects.toMatchObject({ failure: { code: "ERR_OVERLOADED", detail: "limits.buffered" } });
    expect([read, load.calls]).toEqual([1800, 0]);
  });
});

describe("one caller", () => {
  /** A request of a caller, with so many bytes and complete when it is a call. */
  function claimed(load: Load, flow: string, bytes = 0, call = true): Visit {
    const visit = enter(load);
    expect(visit.claim(flow)).toBeUndefined();
    expect(visit.keep(bytes)).toBe(true);
    if (call) visit.begin();
    return visit;
  }
  const refused = (load: Load, flow: string): string | undefined => {
    const visit = enter(load);
    const detail = visit.claim(flow)?.detail;
    visit.leave();
    return detail;
  };

  test("has three quarters of the calls at most, and the others the rest", () => {
    const load = open({ in_flight: 12 });
    const visits = Array.from({ length: 9 }, () => claimed(load, "ann"));
    expect(refused(load, "ann")).toBe("limits.in_flight, by one caller");
    expect(refused(load, "bob")).toBeUndefined();
    visits[0]?.leave();
    expect(refused(load, "ann")).toBeUndefined();
  });

  test("has three quarters of the bytes at most, half-sent bodies included, and the others the rest", () => {
    const load = open();
    const [first] = [claimed(load, "ann", 400, false), claimed(load, "ann", 300, false)];
    const visit = claimed(load, "ann", 40, false);
    expect(visit.keep(20)).toBe(false);
    expect(visit.keep(10)).toBe(true);
    expect(refused(load, "ann")).toBe("limits.buffered, by one caller");
    expect(refused(load, "bob")).toBeUndefined();
    expect(claimed(load, "bob").keep(200)).toBe(true);
    first?.leave();
    expect(refused(load, "ann")).toBeUndefined();
  });

  test("may send one message that is larger than its share", () => {
    const load = open();
    const visit = claimed(load, "ann", 700, false);
    expect(visit.keep(200)).toBe(true);
    expect(refused(load, "ann")).toBe("limits.buffered, by one caller");
  });

  test("may have three quarters of what may be under way for its answers, and then the others are let in all the same", () => {
    const load = open();
    const visits = Array.from({ length: 3 }, () => claimed(load, "ann"));
    expect(visits.map((visit) => visit.hold(700))).toEqual([true, true, false]);
    expect(load.bytes).toBe(1400);
    expect(refused(load, "ann")).toBe("limits.buffered, by one caller");
    expect(refused(load, "bob")).toBeUndefined();
    expect(claimed(load, "bob").hold(200)).toBe(true);
    claimed(load, "carol", 50);
    expect(refusal(load)).toBe("limits.buffered");
    for (const visit of visits) visit.leave();
    expect(refusal(load)).toBeUndefined();
  });

  test("counts what was there before it was known", () => {
    const load = open({ in_flight: 12 });
    for (let at = 0; at < 9; at += 1) {
      const visit = enter(load);
      visit.begin();
      expect(visit.claim("ann")).toBeUndefined();
    }
    expect(refused(load, "ann")).toBe("limits.in_flight, by one caller");
  });
});

describe("a late event loop", () => {
  test("is overload when it stays late, not after one long message", () => {
    const load = open();
    load.tick(5000);
    load.tick(0);
    load.tick(5000);
    load.tick(5000);
    expect(refusal(load)).toBeUndefined();
    load.tick(101);
    expect(refusal(load)).toBe("limits.lag_ms");
    load.tick(90);
    expect(refusal(load)).toBe("limits.lag_ms");
    load.tick(80);
    expect(refusal(load)).toBeUndefined();
  });
});

test("whatever comes and goes, all is given back and nothing goes below zero", () => {
  const step = fc.record({
    visit: fc.nat(5),
    what: fc.constantFrom("begin", "rest", "keep", "hold", "leave", "claim", "limits"),
    bytes: fc.nat(1500),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let buffered = 1000;
      const load = new Holdings(() => ({ in_flight: 1000, buffered }));
      const visits = Array.from({ length: 6 }, () => new Visit(load));
      for (const { visit: at, what, bytes } of steps) {
        const visit = visits[at] as Visit;
        if (what === "keep" || what === "hold") visit[what](bytes);
        else if (what === "claim") visit.claim(bytes % 2 === 0 ? "ann" : "bob");
        // A reload.
        else if (what === "limits") buffered = 200 + (bytes % 800);
        else visit[what as "begin"]();
        expect(load.calls).toBeGreaterThanOrEqual(0);
        expect(load.bytes).toBeGreaterThanOrEqual(0);
        expect(load.bytes).toBeLessThanOrEqual(2000);
        expect(load.shares).toBeGreaterThanOrEqual(0);
        expect(load.shares).toBeLessThanOrEqual(load.bytes);
      }
      for (const visit of visits) visit.leave();
      expect([load.calls, load.bytes, load.shares]).toEqual([0, 0, 0]);
      // Nobody is charged for what is over.
      for (const flow of ["ann", "bob"]) expect(new Visit(load).claim(flow)).toBeUndefined();
    }),
  );
});
