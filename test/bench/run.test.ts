/** The benchmark as its user runs it: every row is complete, its counts add up, and nothing stays behind. Nothing here asserts a speed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { RowResult } from "../../scripts/bench/compare.ts";
import { canMeasure } from "../../scripts/bench/process-tree.ts";
import type { Figures } from "../../scripts/bench/report.ts";

const BENCH = join(import.meta.dirname, "..", "..", "scripts", "bench.ts");
const folder = mkdtempSync(join(tmpdir(), "sluice-bench-test-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** `mark`: stands in the environment of all that it starts. */
function start(mark: string, args: readonly string[]) {
  const env = { ...process.env, SLUICE_BENCH_TEST: `${mark}-${process.pid}` };
  const child = spawn(process.execPath, [BENCH, ...args], { stdio: ["ignore", "pipe", "pipe"], env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return { child, said: () => output, ended: once(child, "exit") };
}

/** Processes that the benchmark started under this mark. */
function living(mark: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`SLUICE_BENCH_TEST=${mark}-${process.pid}\0`);
    } catch {
      // Not a process, not ours, or gone.
      return false;
    }
  });
}

test.runIf(canMeasure())("a quick run leaves complete rows whose counts add up", { timeout: 180_000 }, async () => {
  const json = join(folder, "bench.json");
  const svg = join(folder, "bench.svg");
  const scenarios = ["1kb", "64kb", "sse"].flatMap((name) => ["--scenario", name]);
  const { said, ended } = start("quick", ["--quick", ...scenarios, "--json", json, "--svg", svg]);
  const [code] = await ended;
  expect(said()).not.toContain("WRONG");
  expect(code).toBe(0);

  const { rows, raw } = JSON.parse(readFileSync(json, "utf8")) as { rows: Figures[]; raw: RowResult[] };
  expect(rows.map(({ name }) => name)).toEqual([
    "1 KB + 1 KB, warm",
    "1 KB + 1 KB, cold",
    "64 KB, clean",
    "64 KB, personal data redacted",
    "SSE, 100 events",
  ]);
  for (const { throughput, copyCpuUs, peakMiB } of rows) {
    expect(throughput.median).toBeGreaterThan(0);
    expect(copyCpuUs).toBeGreaterThan(0);
    expect(peakMiB).toBeGreaterThan(0);
  }
  for (const { calls, shed, messages, auditRecords, row } of raw) {
    expect(calls + shed).toBeGreaterThan(0);
    expect(messages).toBe(calls * (1 + row.answer.events) + shed);
    expect(auditRecords).toBe(messages);
  }
  const picture = readFileSync(svg, "utf8");
  for (const { name } of rows) expect(picture).toContain(`>${name}</text>`);
  expect(living("quick")).toEqual([]);
});

test.runIf(canMeasure()).each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGKILL", null],
] as const)("no process is left behind after %s in the middle of a round", { timeout: 120_000 }, async (signal, expected) => {
  const { child, ended } = start(signal, ["--scenario", "1kb", "--seconds", "600"]);
  // Itself, upstream, generator, byte copy, keeper, Sluice and its worker: then the keeper knows of all of them.
  while (living(signal).length < 7 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 50));
  child.kill(signal);
  expect((await ended)[0]).toBe(expected);
  await expect.poll(() => living(signal), { timeout: 30_000 }).toEqual([]);
});

test("what is wrong with the command line is said with exit code 2", async () => {
  const { said, ended } = start("usage", ["--scenario", "2kb"]);
  expect((await ended)[0]).toBe(2);
  expect(said()).toContain("There is no scenario 2kb; there are 1kb, 64kb, ");
});
