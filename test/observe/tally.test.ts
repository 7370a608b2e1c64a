import { AggregatorRegistry, Counter, Histogram, Registry } from "prom-client";
import { describe, expect, test } from "vitest";
import { Spread, Tally } from "../../src/observe/tally.ts";

const LABELS: ["server", "method", "direction", "effect"] = ["server", "method", "direction", "effect"];
const BOUNDS = [0.1, 0.5, 2];
const VALUES = [0.05, 0.1, 0.3, 0.5, 0.7, 2, 2.5];

/** The same counts kept by the library. */
function byLibrary(): Registry {
  const registry = new Registry();
  const counter = new Counter({ name: "calls", help: "Calls.", labelNames: LABELS, registers: [registry] });
  const histogram = new Histogram({ name: "seconds", help: "Time.", labelNames: ["way"], buckets: BOUNDS, registers: [registry] });
  counter.inc({ server: "a", method: "ping", direction: "in", effect: "deny" }, 2);
  counter.inc({ server: "a", method: "ping", direction: "out", effect: "deny" });
  counter.inc({ server: 'b"\\', method: "ping", direction: "in", effect: "allow" });
  for (const value of VALUES) histogram.observe({ way: "in" }, value);
  histogram.observe({ way: "out" }, 0.25);
  return registry;
}

function byTally(): Registry {
  const registry = new Registry();
  const tally = new Tally({ name: "calls", help: "Calls.", labels: LABELS }, registry);
  const spread = new Spread({ name: "seconds", help: "Time.", label: "way", bounds: BOUNDS }, registry);
  tally.add("a", "ping", "in", "deny");
  tally.add("a", "ping", "in", "deny");
  tally.add("a", "ping", "out", "deny");
  tally.add('b"\\', "ping", "in", "allow");
  for (const value of VALUES) spread.observe("in", value);
  spread.observe("out", 0.25);
  return registry;
}

describe("what is counted at the pace of messages", () => {
  test("reads like the library's own metrics", async () => {
    expect(await byTally().metrics()).toBe(await byLibrary().metrics());
  });

  test("adds up over processes like the library's own", async () => {
    const sum = async (registry: () => Registry): Promise<string> =>
      AggregatorRegistry.aggregate([await registry().getMetricsAsJSON(), await registry().getMetricsAsJSON()]).metrics();
    expect(await sum(byTally)).toBe(await sum(byLibrary));
    expect(await sum(byTally)).toContain('calls{server="a",method="ping",direction="in",effect="deny"} 4');
  });
});
