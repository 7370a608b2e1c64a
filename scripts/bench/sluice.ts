/**
 * Sluice as its user runs it: `./sluice serve -c FILE` with a configuration written for one scenario, the audit log in a file. Reads what
 * it says about itself: address, metrics, number of audit records. Must not know how it works inside.
 */
import { once } from "node:events";
import { createReadStream, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import type { Children } from "./children.ts";

export interface SluiceSetup {
  /** A folder of its own, emptied first. */
  readonly folder: string;
  /** Endpoint of the upstream behind every server. */
  readonly upstream: string;
  readonly servers: number;
  /** All shipped packs, or none but a policy that allows everything. */
  readonly packs: "all" | "none";
  readonly workers: number;
  readonly cores: string | undefined;
  /** Tools that the settings forbid. */
  readonly denied: readonly string[];
  /** More options for Node, such as those of its profiler. */
  readonly nodeOptions?: string;
}

export interface RunningSluice {
  readonly pid: number;
  readonly port: number;
  readonly paths: readonly string[];
  /** From the start of the process until it said that it listens, in milliseconds. */
  readonly startMs: number;
  auditRecords(): Promise<number>;
  /** Values of a counter by their labels, as text; empty when this Sluice has no such metric. */
  counter(name: string): Promise<Record<string, number>>;
  stop(): Promise<void>;
}

const ROOT = join(import.meta.dirname, "..", "..");
const COMMAND = join(ROOT, "sluice");
const START_MS = 120_000;

const ALLOW_ALL = `package policies.everything

allow contains {"id": "everything/allowed"}
`;

export async function startSluice(children: Children, setup: SluiceSetup): Promise<RunningSluice> {
  const { folder, cores, workers, nodeOptions } = setup;
  const config = writeConfig(setup);
  const args = ["serve", "-c", config, ...(workers > 1 ? ["--workers", String(workers)] : [])];
  const env = { ...process.env, ...(nodeOptions === undefined ? {} : { NODE_OPTIONS: nodeOptions }) };
  const startedAt = performance.now();
  const group = await children.startGroup(COMMAND, args, { cores, cwd: folder, env });
  const { child } = group;
  let said = "";
  let complained = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    complained = `${complained}${text}`.slice(-2000);
  });
  const url = await new Promise<URL>((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Error(`Sluice did not start in time: ${complained}`));
    }, START_MS);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const found = /http:\/\/127\.0\.0\.1:\d+\/\S+\n/.exec(said)?.[0];
      if (found === undefined) return;
      clearTimeout(late);
      resolve(new URL(found.trim()));
    });
    child.once("exit", () => {
      clearTimeout(late);
      reject(new Error(`Sluice ended: ${complained}`));
    });
  });
  const startMs = performance.now() - startedAt;
  return {
    pid: child.pid as number,
    port: Number(url.port),
    paths: namesOf(setup.servers).map((name) => `/${name}/mcp`),
    startMs,
    auditRecords: () => countLines(join(folder, "audit.jsonl")),
    counter: async (name) => counterIn(await (await fetch(new URL("/metrics", url))).text(), name),
    stop: () => group.stop(),
  };
}

function namesOf(servers: number): string[] {
  return Array.from({ length: servers }, (_, at) => `server-${at}`);
}

/** Writes the configuration of a scenario into its folder; returns its path. */
function writeConfig({ folder, upstream, servers, packs, denied }: SluiceSetup): string {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "rules", "everything"), { recursive: true });
  const settings = denied.length === 0 ? "" : `, settings: {protocol_and_identity: {deny_tools: [${denied.join(", ")}]}}`;
  const lines = namesOf(servers).map((name) => `  ${name}: {url: "${upstream}", trust: third_party${settings}}`);
  if (packs === "none") writeFileSync(join(folder, "rules", "everything", "everything.rego"), ALLOW_ALL);
  const policy = packs === "all" ? "" : "policy: {path: ./rules, packs: []}\n";
  const config = join(folder, "sluice.yaml");
  writeFileSync(config, `listen: 127.0.0.1:0\nservers:\n${lines.join("\n")}\n${policy}audit: {file: ./audit.jsonl}\nlog: {level: warn}\n`);
  return config;
}

async function countLines(file: string): Promise<number> {
  if (!existsSync(file)) return 0;
  let lines = 0;
  const stream = createReadStream(file, { highWaterMark: 1 << 20 }).on("data", (chunk) => {
    for (let at = chunk.indexOf("\n"); at !== -1; at = chunk.indexOf("\n", at + 1)) lines += 1;
  });
  await once(stream, "close");
  return lines;
}

function counterIn(text: string, name: string): Record<string, number> {
  const found = text.matchAll(new RegExp(`^${name}\\{([^}]*)\\} (\\S+)$`, "gm"));
  return Object.fromEntries([...found].map(([, labels = "", value = ""]) => [labels, Number(value)]));
}
