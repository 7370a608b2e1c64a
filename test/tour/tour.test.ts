/** The quick start as a user runs it: two real servers, a real client, every step shows what it says; nothing is left behind. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

function start(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, "tour", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const output = { text: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    output.text += chunk.toString();
  });
  return { child, output };
}

test("shows five decisions, each with its rule and its audit line", { timeout: 60_000 }, async () => {
  const { child, output } = start("--once");
  const [code] = (await once(child, "close")) as [number];
  expect(output.text).not.toContain("✗");
  expect(code).toBe(0);
  const steps = output.text.split(/^\d\. /m).slice(1);
  expect(steps).toHaveLength(5);
  for (const step of steps) {
    expect(step).toMatch(/^ {3}rule {2,}\S/m);
    const line = /^ {3}audit {2,}(\{.*\})$/m.exec(step)?.[1];
    expect(JSON.parse(line ?? "")).toMatchObject({ schema: "sluice.audit/v1", decision_id: expect.any(String) });
  }
  expect(steps[1]).toContain("secrets/leaving");
  expect(steps[2]).toContain("[EMAIL_1]");
  expect(steps[3]).toContain("protocol_and_identity/denied_tool");
  expect(steps[4]).toContain("server_initiated/sampling");
});

test("a tour that is killed takes its servers with it", { timeout: 60_000 }, async () => {
  const { child, output } = start();
  await expect.poll(() => output.text, { timeout: 50_000 }).toContain("Ctrl-C stops.");
  const endpoints = [...output.text.matchAll(/http:\/\/127\.0\.0\.1:\d+\/\w+\/mcp/g)].map(([url]) => url);
  expect(endpoints).toHaveLength(2);
  child.kill("SIGKILL");
  await once(child, "close");
  const { readFile } = await import("node:fs/promises");
  const file = /^Configuration: (.*)$/m.exec(output.text)?.[1] ?? "";
  const servers = [...(await readFile(file, "utf8")).matchAll(/url: (\S+)/g)].map(([, url]) => url ?? "");
  expect(servers).toHaveLength(2);
  const alive = (url: string): Promise<boolean> =>
    fetch(url).then(
      () => true,
      () => false,
    );
  for (const url of servers) await expect.poll(() => alive(url), { timeout: 10_000 }).toBe(false);
});
