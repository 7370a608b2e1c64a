/** Records that cannot be written, are written late, or end half way: nothing passes that is not on record, and it is over when it is over. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openGateway } from "../support/gateway.ts";
import { metricOf } from "../support/metrics.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}';
const MAIN = join(import.meta.dirname, "..", "..", "src", "main.ts");

const hasPrlimit = spawnSync("prlimit", ["--version"]).status === 0;

let upstream: ScriptedUpstream;
let folder: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  upstream = await openUpstream();
  upstream.answer(json(RESULT));
  folder = mkdtempSync(join(tmpdir(), "sluice-audit-"));
});
afterEach(async () => {
  child?.kill("SIGKILL");
  child = undefined;
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts the gateway from a shell that sets a limit first. */
async function serveLimited(limit: string, config: string): Promise<string> {
  const file = join(folder, "sluice.yaml");
  writeFileSync(file, `listen: 127.0.0.1:0\nlog: {level: silent}\n${config}\n`);
  const started = spawn("sh", ["-c", `${limit}; exec "$0" "$@"`, process.execPath, MAIN, "serve", "--config", file], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  child = started;
  return new Promise((resolve, reject) => {
    let said = "";
    started.stdout.on("data", (text: Buffer) => {
      said += text.toString();
      const found = /(http:\/\/127\.0\.0\.1:\d+)\/one\/mcp\n/.exec(said);
      if (found?.[1] !== undefined) resolve(found[1]);
    });
    started.once("exit", () => reject(new Error(`the gateway did not start: ${said}`)));
  });
}

/** The process and those that it started. */
function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((each) => each !== "");
  return [pid, ...children.flatMap((each) => family(Number(each)))];
}

const whole = (file: string): number => {
  const lines = readFileSync(file, "utf8").split("\n");
  let count = 0;
  for (const line of lines) {
    try {
      count += typeof (JSON.parse(line) as { decision_id: unknown }).decision_id === "string" ? 1 : 0;
    } catch {
      // A line that the full disk cut off.
    }
  }
  return count;
};

test.skipIf(!hasPrlimit)(
  "a disk that fills up denies what it has no room for, and the records go on where there is room again",
  {
    timeout: 60_000,
  },
  async () => {
    const url = await serveLimited("true", `audit: {file: ./audit.jsonl}\nservers: {one: {url: "${upstream.url}"}}`);
    // From now on no file grows beyond 8 KiB: what a full disk or a quota does to it.
    for (const pid of family(child?.pid ?? 0)) execFileSync("prlimit", [`--pid=${pid}`, "--fsize=8192"]);
    const file = join(folder, "audit.jsonl");
    let denied = 0;
    let passed = 0;
    while (denied < 3 && passed < 200) {
      const answer = await send(`${url}/one/mcp`, { body: CALL });
      expect(answer.status).toBe(200);
      if (answer.body.toString() === RESULT) passed += 1;
      else {
        denied += 1;
        expect(JSON.parse(answer.body.toString())).toMatchObject({ id: 1, result: { isError: true } });
        expect(answer.body.toString()).toContain("audit record could not be written");
      }
    }
    expect(denied).toBe(3);
    expect(passed).toBeGreaterThan(5);
    // Each that reached the server is on record as a whole line.
    expect(whole(file)).toBeGreaterThanOrEqual(upstream.received.length);
    expect(await metricOf(url, "sluice_audit_failures_total")).toBeGreaterThanOrEqual(3);
    renameSync(file, `${file}.1`);
    child?.kill("SIGHUP");
    const again = async (): Promise<string> => (await send(`${url}/one/mcp`, { body: CALL })).body.toString();
    await expect.poll(again, { timeout: 20_000 }).toBe(RESULT);
    expect(whole(file)).toBeGreaterThan(0);
  },
);

describe("a pipe", () => {
  const fifo = (): string => {
    const path = join(folder, "audit.fifo");
    execFileSync("mkfifo", [path]);
    return path;
  };

  test("whose reader is slow keeps nobody waiting: what it cannot take is denied, and passes when it can", {
    timeout: 60_000,
  }, async () => {
    const path = fifo();
    const gateway = await openGateway(`audit: {file: ${path}}\nservers: {one: {url: "${upstream.url}"}}`);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      let text = "";
      for (let at = 0; at < 1000 && (text === "" || text === RESULT); at += 1)
        text = (await send(gateway.endpoint("one"), { body: CALL })).body.toString();
      expect(text).toContain("audit record could not be written");
      const before = upstream.received.length;
      for (let at = 0; at < 5; at += 1) await send(gateway.endpoint("one"), { body: CALL });
      expect(upstream.received).toHaveLength(before);
      expect((await fetch(`${gateway.gateway.url}/healthz`)).status).toBe(200);
      const room = Buffer.alloc(1 << 20);
      expect(readSync(reader, room)).toBeGreaterThan(0);
      expect((await send(gateway.endpoint("one"), { body: CALL })).body.toString()).toBe(RESULT);
    } finally {
      closeSync(reader);
      await gateway.close();
    }
  });
});
