/** Several processes write lines to one file, also where a disk is full: whatever was said to be written is there, on a line of its own. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LineFile } from "../../src/audit/line-file.js";

const WRITER = join(import.meta.dirname, "line-writer.ts");
let folder: string;
let file: string;
const running = new Set<ChildProcess>();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-lines-"));
  file = join(folder, "audit.jsonl");
});
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
  rmSync(folder, { recursive: true });
});

interface Writer {
  /** What it says is written. */
  readonly written: { name: string; at: number }[];
  begin(): void;
  /** Resolves when it finds the disk full. */
  readonly full: Promise<void>;
  readonly ended: Promise<unknown>;
}

/** Starts a writer that has the file open; `blocks`: the longest file that it may write, in the shell's blocks. */
async function open(name: string, count: number, blocks?: number): Promise<Writer> {
  const command = `${blocks === undefined ? "" : `ulimit -f ${blocks};`} exec "$@"`;
  const child = spawn("sh", ["-c", command, "sh", process.execPath, WRITER, file, name, String(count)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  running.add(child);
  const written: Writer["written"] = [];
  const opened = Promise.withResolvers<void>();
  const full = Promise.withResolvers<void>();
  const lines = createInterface({ input: child.stdout });
  const ended = Promise.all([once(child, "exit"), once(lines, "close")]);
  lines.on("line", (line) => {
    if (line === "open") opened.resolve();
    else if (line === "full") full.resolve();
    else written.push(JSON.parse(line) as { name: string; at: number });
  });
  await opened.promise;
  return { written, full: full.promise, ended, begin: () => child.stdin.write("\n") };
}

/** Lines of the file that are whole, as they were written; and how many are not. */
function read(): { whole: { name: string; at: number }[]; broken: number } {
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  const whole = lines.flatMap((line) => {
    try {
      const { name, at } = JSON.parse(line) as { name: string; at: number };
      return [{ name, at }];
    } catch {
      return [];
    }
  });
  return { whole, broken: lines.length - whole.length };
}

const inOrder = (lines: { name: string; at: number }[]): string[] =>
  lines.map(({ name, at }) => `${name} ${String(at).padStart(4, "0")}`).toSorted();

test("lines of processes that write at the same time are all there, each whole", async () => {
  const writers = await Promise.all(["a", "b", "c"].map((name) => open(name, 200)));
  for (const writer of writers) writer.begin();
  await Promise.all(writers.map(({ ended }) => ended));
  const { whole, broken } = read();
  expect(broken).toBe(0);
  expect(whole).toHaveLength(600);
  expect(inOrder(whole)).toEqual(inOrder(writers.flatMap(({ written }) => written)));
}, 60_000);

test("a line that one process left half written swallows none of another's that had the file open already", async () => {
  const [short, other] = await Promise.all([open("short", 200, 8), open("other", 50)]);
  short.begin();
  await short.full;
  expect(readFileSync(file, "utf8").endsWith("\n")).toBe(false);
  other.begin();
  await other.ended;
  const { whole, broken } = read();
  expect(broken).toBe(1);
  expect(other.written).toHaveLength(50);
  expect(inOrder(whole)).toEqual(inOrder([...short.written, ...other.written]));
}, 60_000);

/** Whether this machine lets the test mount a file system of its own. */
function mounted(where: string): boolean {
  try {
    mkdirSync(where);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", where], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test("on a disk that was full and has room again, everything that was said to be written is there", async ({ skip }) => {
  const disk = join(folder, "disk");
  if (!mounted(disk)) skip();
  try {
    file = join(disk, "audit.jsonl");
    writeFileSync(join(disk, "filler"), "x".repeat(50_000));
    const writers = await Promise.all([open("a", 90), open("b", 90)]);
    for (const writer of writers) writer.begin();
    await Promise.all(writers.map(({ full }) => full));
    rmSync(join(disk, "filler"));
    await Promise.all(writers.map(({ ended }) => ended));
    const said = writers.flatMap(({ written }) => written);
    expect(said).toHaveLength(180);
    expect(inOrder(read().whole)).toEqual(inOrder(said));
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
}, 60_000);

// The size of a file grows while a line is written to it: what took that for a torn line left a blank one, which is no record.
test("a line that another writer is about to complete gets no second end", { retry: 3 }, async () => {
  const lines = new LineFile(file, { shared: true });
  lines.append("first");
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const writer = new Worker(
    `const { appendFileSync } = require("node:fs");
     const { workerData: { path, shared } } = require("node:worker_threads");
     appendFileSync(path, "sec");
     Atomics.store(shared, 0, 1);
     Atomics.notify(shared, 0);
     Atomics.wait(shared, 0, 1, 3);
     appendFileSync(path, "ond\\n");`,
    { eval: true, workerData: { path: file, shared } },
  );
  Atomics.wait(shared, 0, 0, 10_000);
  lines.append("third");
  await once(writer, "exit");
  lines.close();
  expect(readFileSync(file, "utf8")).toBe("first\nsecond\nthird\n");
});
