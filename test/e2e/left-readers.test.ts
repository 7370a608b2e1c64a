/** Whoever reads what the gateway says may leave: a closed pipe must not stop it, or its reloads, or its good end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, afterEach, expect, test } from "vitest";
import { packageRoot } from "../../src/policy/sources/shipped.ts";
import { startSluice } from "../cli/sluice-process.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-readers-"));
const config = join(folder, "sluice.yaml");
let child: ChildProcess | undefined;

afterEach(() => {
  child?.kill("SIGKILL");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (servers: string): void => {
  writeFileSync(config, `listen: 127.0.0.1:0\nlog: {level: trace}\nservers: {${servers}}\n`);
};
const ONE = "one: {url: http://127.0.0.1:9/mcp}";
const TWO = "two: {url: http://127.0.0.1:9/mcp}";

const PING = { method: "POST", headers: { "content-type": "application/json" }, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' };

/** Waits until it serves; answers how to ask it. */
async function asking(stdout: Readable): Promise<(path: string, init?: RequestInit) => Promise<number>> {
  let said = "";
  stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await expect.poll(() => said, { timeout: 15_000 }).toMatch(/http:\/\/127\.0\.0\.1:\d+\/one\/mcp/);
  const base = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0] ?? "";
  return async (path, init) => (await fetch(base + path, init)).status;
}

test("serve goes on when nobody reads its output or its log any more", async () => {
  write(ONE);
  const serving = startSluice(["serve", "--config", "sluice.yaml"], { cwd: folder });
  child = serving;
  const status = await asking(serving.stdout as Readable);

  const closed = [once(serving.stdout, "close"), once(serving.stderr, "close")];
  serving.stdout.destroy();
  serving.stderr.destroy();
  await Promise.all(closed);

  // Says on stderr why it does not reload, and logs a server that is not there.
  write(`${ONE}, two: {url: nonsense}`);
  serving.kill("SIGHUP");
  for (let at = 0; at < 20; at += 1) expect(await status("/one/mcp", PING)).toBe(502);
  // Says on stdout that it has reloaded.
  write(`${ONE}, ${TWO}`);
  serving.kill("SIGHUP");
  await expect.poll(() => status("/two/mcp", PING), { timeout: 15_000 }).toBe(502);
  expect(await status("/healthz")).toBe(200);

  const ended = once(serving, "exit");
  serving.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});

test.runIf(existsSync("/dev/full"))("serve goes on when its log cannot be written", async () => {
  write(ONE);
  const full = openSync("/dev/full", "w");
  const main = join(packageRoot(), "src", "main.ts");
  const serving = spawn(process.execPath, [main, "serve", "--config", "sluice.yaml"], { cwd: folder, stdio: ["ignore", "pipe", full] });
  closeSync(full);
  child = serving;
  const status = await asking(serving.stdout as Readable);
  for (let at = 0; at < 5; at += 1) expect(await status("/one/mcp", PING)).toBe(502);
  const ended = once(serving, "exit");
  serving.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
});
