/** `npm run chaos`, short and with a fixed seed: it plays every kind of fault, every law holds, and nothing is left running. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const CHAOS = join(import.meta.dirname, "..", "..", "scripts", "chaos.ts");

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "chaos-test-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function run(args: readonly string[]): Promise<{ code: number | null; said: string }> {
  // What a run keeps to be looked at goes away with the test.
  const child = spawn(process.execPath, [CHAOS, ...args], { env: { ...process.env, TMPDIR: folder }, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, said };
}

test("a short run accounts for every message", { timeout: 300_000 }, async () => {
  const json = join(folder, "account.json");
  const { code, said } = await run(["--seconds", "10", "--seed", "11", "--clients", "8", "--quiet", "--json", json]);
  expect(said).toContain("seed 11");
  expect(said).not.toContain("BROKEN");
  expect(code).toBe(0);
  const account = JSON.parse(readFileSync(json, "utf8")) as {
    endings: Record<string, number>;
    faults: { fault: string; times: number }[];
    laws: { law: string; broken: string[] }[];
  };
  expect(account.endings["answered"]).toBeGreaterThan(20);
  expect(account.endings["open"]).toBe(0);
  const played = account.faults.map(({ fault }) => fault);
  for (const fault of ["kill -9 of a worker", "worker stopped for a moment", "stalling message", "flood", "server down", "reload, good"])
    expect(played).toContain(fault);
  expect(account.laws.length).toBeGreaterThan(12);
});

test("wrong options are explained", async () => {
  const { code, said } = await run(["--seconds", "never"]);
  expect(code).toBe(2);
  expect(said).toContain("--seconds wants a whole number");
});
