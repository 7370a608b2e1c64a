/** A real `sluice serve` with a supervisor and workers, in front of a scripted upstream, and clients to load it with. */
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { AuditRecord } from "../../src/audit/record.ts";
import { startSluice } from "../cli/sluice-process.ts";

export interface Stage {
  readonly url: string;
  readonly folder: string;
  readonly supervisor: number;
  /** Process ids of the workers there are now. */
  workers(): number[];
  /** The audit file, line by line. Throws when a line is no record. */
  records(): AuditRecord[];
  said(name: "stdout" | "stderr"): string;
  says(name: "stdout" | "stderr", pattern: RegExp): Promise<RegExpExecArray>;
  /** Replaces the configuration file. */
  configure(more: string): void;
  signal(signal: NodeJS.Signals): void;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  metrics(): Promise<string>;
  close(): Promise<void>;
}

/** `more`: YAML besides listen and the only server, `one`. `files`: more files for the folder, by relative path. */
export async function serve(upstream: string, workers: number, more = "", files: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-workers-")));
  const config = join(folder, "sluice.yaml");
  const configure = (lines: string): void => {
    const common = ["listen: 127.0.0.1:0", "audit: {file: ./audit.jsonl}", `servers: {one: {url: "${upstream}"}}`];
    writeFileSync(config, `${[...common, lines].join("\n")}\n`);
  };
  configure(more);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const child = startSluice(["serve", "--config", config, "--workers", String(workers)], { cwd: folder });
  const said = { stdout: "", stderr: "" };
  const looks = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => {
      said[name] += text;
      for (const look of looks) look();
    });
  const ended = once(child, "exit").then(([code, signal]: (number | NodeJS.Signals | null)[]) => code ?? signal ?? null);
  const says = (name: "stdout" | "stderr", pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(said[name]);
        if (found === null) return;
        looks.delete(look);
        resolve(found);
      };
      looks.add(look);
      void ended.then(() => {
        reject(new Error(`it ended and said ${JSON.stringify(said)}`));
      });
      look();
    });
  const [, base] = await says("stdout", /(http:\/\/127\.0\.0\.1:\d+)\/one\/mcp/);
  const pid = child.pid as number;
  return {
    url: base as string,
    folder,
    supervisor: pid,
    workers: () => childrenOf(pid),
    records: () => readRecords(join(folder, "audit.jsonl")),
    said: (name) => said[name],
    says,
    configure,
    signal: (signal) => void child.kill(signal),
    ended,
    metrics: async () => (await fetch(`${base}/metrics`)).text(),
    async close() {
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function readRecords(file: string): AuditRecord[] {
  const text = readFileSync(file, "utf8");
  if (text !== "" && !text.endsWith("\n")) throw new Error("the last line is cut off");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as AuditRecord);
}

/** Processes whose parent is `pid` and that are not dead yet. */
export function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => {
      const stat = statOf(child);
      return stat?.parent === pid && stat.state !== "Z";
    });
}

/** Whether a process exists and is not dead. */
export function lives(pid: number): boolean {
  const stat = statOf(pid);
  return stat !== undefined && stat.state !== "Z";
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    // The name of the command comes in brackets and may hold anything.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return { state: state ?? "", parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** Waits until something holds; a bound, not a measure. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, ms = 30_000): Promise<void> {
  for (const deadline = Date.now() + ms; Date.now() < deadline; ) {
    if (await holds()) return;
    await wait(20);
  }
  throw new Error(`it did not come about: ${what}`);
}

export interface Answered {
  readonly id: number;
  readonly status: number;
  readonly body: string;
}

interface CallOptions {
  readonly agent?: Agent;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `tools/call` of `echo`, on a connection of its own unless an agent is given. Rejects when the connection breaks. */
export async function call(url: string, id: number, options: CallOptions = {}): Promise<Answered> {
  const params = { name: "echo", arguments: { message: `m${id}` } };
  return { id, ...(await post(url, { jsonrpc: "2.0", id, method: "tools/call", params }, options.headers, options.agent)) };
}

/** POSTs a message to the only server. */
export function post(
  url: string,
  message: object,
  headers: Readonly<Record<string, string>> = {},
  agent = new Agent({ keepAlive: false }),
): Promise<{ status: number; body: string }> {
  const common = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/one/mcp`, { method: "POST", agent, headers: { ...common, ...headers } }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    sent.on("error", reject);
    sent.end(JSON.stringify(message));
  });
}

/** Whether the answer is the echo of its own call. */
export function isEcho({ id, status, body }: Answered): boolean {
  return status === 200 && body.includes(`"id":${id}`) && body.includes(`m${id}`);
}
