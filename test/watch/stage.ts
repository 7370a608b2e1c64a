/** A gateway process that can be made to stand still, its server, and what is left of it: records, lines for a supervisor, the end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { AuditRecord } from "../../src/audit/record.ts";
import { openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

/** A rule that looks at every triple of an array that comes from traffic: seconds for 500 elements. */
export const SLOW_RULE = `package policies.slow

# METADATA
# title: Three elements of one list that cannot be
deny contains {"id": "slow/triple"} if {
	some one in input.mcp.params.arguments.list
	some other in input.mcp.params.arguments.list
	some third in input.mcp.params.arguments.list
	third == "none"
	one == other
}
`;

export const call = (args: string, id = 1): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":${args}}}`;
/** A call that the policy takes seconds to judge. */
export const STALLING = call(`{"list":[${Array.from({ length: 500 }, (_, at) => at).join(",")}]}`, 7);

export interface Stage {
  readonly upstream: ScriptedUpstream;
  readonly url: string;
  readonly folder: string;
  readonly process: ChildProcess;
  readonly records: () => AuditRecord[];
  /** Lines that a supervisor would have got. */
  readonly told: Record<string, unknown>[];
  /** Tells the process to do something; resolves when it has. */
  order(order: object): Promise<unknown>;
  /** Resolves to how the process ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  close(): Promise<void>;
}

export async function openStage(limits: string, { supervised = true } = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-watch-"));
  mkdirSync(join(folder, "rules"));
  writeFileSync(join(folder, "rules", "slow.rego"), SLOW_RULE);
  const upstream = await openUpstream();
  const file = join(folder, "sluice.yaml");
  writeFileSync(
    file,
    `listen: 127.0.0.1:0\nlog: {level: silent}\naudit: {file: ./audit.jsonl}\nlimits: ${limits}\npolicy: {path: ./rules}\nservers: {one: {url: "${upstream.url}"}}\n`,
  );
  const script = join(import.meta.dirname, "gateway-process.ts");
  const child = spawn(process.execPath, [script, file, ...(supervised ? ["5"] : [])], {
    stdio: ["pipe", "pipe", "inherit", "ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit").then(([code, signal]) => ({ code: code as number | null, signal: signal as NodeJS.Signals | null }));
  const said: Record<string, unknown>[] = [];
  const waiting: ((line: Record<string, unknown>) => void)[] = [];
  createInterface({ input: child.stdout as Readable }).on("line", (line) => {
    const parsed = JSON.parse(line) as Record<string, unknown>;
    const next = waiting.shift();
    if (next === undefined) said.push(parsed);
    else next(parsed);
  });
  const line = (): Promise<Record<string, unknown>> => {
    const there = said.shift();
    return there === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(there);
  };
  const told: Record<string, unknown>[] = [];
  createInterface({ input: (child.stdio as unknown as readonly Readable[])[5] as Readable }).on("line", (text) =>
    told.push(JSON.parse(text) as Record<string, unknown>),
  );
  const first = await line();
  return {
    upstream,
    url: `${String(first["url"])}/one/mcp`,
    folder,
    process: child,
    told,
    ended,
    records: () =>
      readFileSync(join(folder, "audit.jsonl"), "utf8")
        .split("\n")
        .filter((each) => each !== "")
        .map((each) => JSON.parse(each) as AuditRecord),
    order(order) {
      child.stdin?.write(`${JSON.stringify(order)}\n`);
      return line();
    },
    async close() {
      child.kill("SIGKILL");
      await ended;
      await upstream.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
