import { expect, test } from "vitest";
import { Metrics } from "../../src/observe/metrics.ts";
import { Totals } from "../../src/workers/totals.ts";
import { sumOf } from "../support/metrics.ts";

/** What a worker says that judged so many calls. */
async function counted(calls: number): Promise<readonly object[]> {
  const metrics = new Metrics({ process: true });
  for (let at = 0; at < calls; at += 1) metrics.message("one", "tools/call", "client_to_server", "allow", 0.001);
  metrics.policyActive("r1");
  // As it arrives from another process.
  return structuredClone(await metrics.json());
}

test("counts and spreads of all workers are added up, the policy is one", async () => {
  const text = await new Totals().text([await counted(2), await counted(3)]);
  expect(sumOf(text, "sluice_messages_total", { method: "tools/call" })).toBe(5);
  expect(sumOf(text, "sluice_screen_seconds_count")).toBe(5);
  expect(sumOf(text, "sluice_screen_seconds_bucket", { le: "+Inf" })).toBe(5);
  expect(text).toContain('sluice_policy_info{revision="r1"} 1\n');
});

test("what ended workers counted stays, their gauges do not", async () => {
  const totals = new Totals();
  totals.ended("killed", await counted(2));
  totals.ended("stalled", await counted(3));
  totals.serving(1);
  const text = await totals.text([await counted(1)]);
  expect(sumOf(text, "sluice_messages_total")).toBe(6);
  expect(sumOf(text, "sluice_screen_seconds_count")).toBe(6);
  expect(sumOf(text, "sluice_worker_deaths_total")).toBe(2);
  expect(sumOf(text, "sluice_worker_deaths_total", { reason: "stalled" })).toBe(1);
  expect(sumOf(text, "sluice_workers")).toBe(1);
  const [alone] = [sumOf(await new Totals().text([await counted(1)]), "process_resident_memory_bytes")];
  expect(sumOf(text, "process_resident_memory_bytes")).toBeLessThan(2 * (alone ?? 0));
});

test("reloads count once, however many workers there are", async () => {
  const totals = new Totals();
  totals.reload("ok");
  totals.reload("failed");
  totals.reload("ok");
  const text = await totals.text([await counted(1), await counted(1)]);
  expect(sumOf(text, "sluice_policy_reloads_total", { outcome: "ok" })).toBe(2);
  expect(sumOf(text, "sluice_policy_reloads_total", { outcome: "failed" })).toBe(1);
});
