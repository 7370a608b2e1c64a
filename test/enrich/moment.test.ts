import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMoment } from "../../src/enrich/moment.ts";

const at = (text: string): number => Date.parse(text);
const MINUTE_MS = 60_000;

describe("the moment of a message", () => {
  test.each([
    ["UTC", "2026-11-23T00:00:00.000Z", { weekday: 1, hour: 0 }],
    ["UTC", "2026-11-29T23:59:59.999Z", { weekday: 7, hour: 23 }],
    ["America/New_York", "2026-11-23T04:59:59.000Z", { weekday: 7, hour: 23 }],
    ["America/New_York", "2026-11-23T05:00:00.000Z", { weekday: 1, hour: 0 }],
    // A zone whose offset is no whole hour.
    ["Asia/Kathmandu", "2026-11-23T18:14:59.000Z", { weekday: 1, hour: 23 }],
    ["Asia/Kathmandu", "2026-11-23T18:15:00.000Z", { weekday: 2, hour: 0 }],
    // The clocks go forward: 01:59 is followed by 03:00.
    ["Europe/Berlin", "2026-03-29T00:59:59.000Z", { weekday: 7, hour: 1 }],
    ["Europe/Berlin", "2026-03-29T01:00:00.000Z", { weekday: 7, hour: 3 }],
  ])("in %s at %s", (zone, text, expected) => {
    expect(createMoment(zone)(at(text))).toEqual({ unix_ms: at(text), rfc3339: text, ...expected });
  });

  test("does not depend on which moments were asked for before", () => {
    const base = at("2026-11-23T22:30:00Z");
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -200 * MINUTE_MS, max: 200 * MINUTE_MS }), { maxLength: 12 }), (offsets) => {
        const one = createMoment("Asia/Kathmandu");
        for (const offset of offsets) expect(one(base + offset)).toEqual(createMoment("Asia/Kathmandu")(base + offset));
      }),
      { numRuns: 20 },
    );
  });
});
