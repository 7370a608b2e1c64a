/**
 * Where Sluice's time goes: runs one load with Node's sampling profiler on and reads the `.cpuprofile` that the process leaves. Only
 * what was sampled while the load ran counts. Must not change what is run.
 */
import { globSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { load, type Parts, type Target, warmUp } from "./compare.ts";
import { answered } from "./job.ts";
import { pathOf } from "./messages.ts";
import { cpuUsOf } from "./process-tree.ts";
import type { Row } from "./scenarios.ts";
import { startSluice } from "./sluice.ts";

/** A `.cpuprofile` of V8, as far as it is read here. Times are microseconds of the monotonic clock. */
export interface CpuProfile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** From 0; −1 for what is not JavaScript. */
  readonly lineNumber: number;
}

export interface SelfTime {
  /** A function with its place, or a file. */
  readonly what: string;
  readonly us: number;
}

export interface Profile {
  readonly name: string;
  /** CPU time for one call, of the whole process tree. */
  readonly cpuUs: number;
  /** Time in which the event loop was not idle, also when other processes had its core. */
  readonly busyUs: number;
  readonly functions: readonly SelfTime[];
  /** The same summed over files, those of a dependency together. */
  readonly files: readonly SelfTime[];
}

const ROOT = join(import.meta.dirname, "..", "..");
const INTERVAL_US = 250;
const SHOWN = 10;
const IDLE = "(idle)";
const WASM = "(policy in WebAssembly)";

/** Self time between two moments, the most first, without the time in which nothing was done. `by`: what is summed up. */
export function selfTimes(
  { nodes, startTime, samples, timeDeltas }: CpuProfile,
  [from, to]: readonly [number, number],
  by: (frame: CallFrame) => string,
): SelfTime[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, by(callFrame)]));
  const spent = new Map<string, number>();
  let at = startTime;
  for (const [index, id] of samples.entries()) {
    at += timeDeltas[index] as number;
    // A sample stands for the time until the next one.
    const lasted = timeDeltas[index + 1] ?? 0;
    const what = names.get(id) ?? "(unknown)";
    if (at >= from && at < to && what !== IDLE) spent.set(what, (spent.get(what) ?? 0) + lasted);
  }
  return [...spent].map(([what, us]) => ({ what, us })).toSorted((one, other) => other.us - one.us);
}

export function functionOf({ functionName, url, lineNumber }: CallFrame): string {
  if (url.startsWith("wasm:")) return WASM;
  const name = functionName === "" ? "(anonymous)" : functionName;
  return url === "" ? name : `${name}  ${placeOf(url)}:${lineNumber + 1}`;
}

export function fileOf({ functionName, url }: CallFrame): string {
  if (url.startsWith("wasm:")) return WASM;
  if (url === "") return functionName.startsWith("(") ? functionName : "(built-in functions)";
  if (url.startsWith("node:")) return "(Node's own modules)";
  const place = placeOf(url);
  return /^node_modules\/(@[^/]+\/)?[^/]+/.exec(place)?.[0] ?? place;
}

function placeOf(url: string): string {
  if (!url.startsWith("file:")) return url;
  const path = fileURLToPath(url);
  const dependency = path.lastIndexOf("node_modules/");
  return dependency === -1 ? relative(ROOT, path) : path.slice(dependency);
}

/** Profiles one load, of the event loop that did the most: with a supervisor, that is a worker's. */
export async function profile(row: Row, parts: Parts): Promise<Profile> {
  const { children, upstream, folder, cores } = parts;
  const profiles = `${folder}-profiles`;
  rmSync(profiles, { recursive: true, force: true });
  mkdirSync(profiles);
  const sluice = await startSluice(children, {
    folder,
    upstream: `http://127.0.0.1:${upstream.port}${pathOf(row.answer)}`,
    servers: row.servers,
    packs: row.packs,
    workers: row.workers,
    cores: cores.proxy,
    denied: [],
    nodeOptions: `--cpu-prof --cpu-prof-dir=${profiles} --cpu-prof-interval=${INTERVAL_US}`,
  });
  const target: Target = { pid: sluice.pid, port: sluice.port, paths: sluice.paths, job: {} };
  let cpuUs: number;
  let from: number;
  let to: number;
  try {
    await warmUp(target, row, parts, () => {});
    from = monotonicUs();
    const before = cpuUsOf(sluice.pid);
    const calls = answered(await load(target, row, parts));
    cpuUs = (cpuUsOf(sluice.pid) - before) / Math.max(1, calls);
    to = monotonicUs();
  } finally {
    // The profile is written when the process ends in good order.
    await sluice.stop();
  }
  // CPU.<date>.<time>.<process>.<thread>.<number>: threads that wait look busy to the profiler, the event loops are in the first ones.
  const files = globSync(join(profiles, "CPU.*.*.*.0.*.cpuprofile"));
  if (files.length === 0) throw new Error("Sluice left no profile: did it end in good order?");
  const read = files.map((file) => JSON.parse(readFileSync(file, "utf8")) as CpuProfile);
  const busyUs = (one: CpuProfile): number => selfTimes(one, [from, to], functionOf).reduce((sum, { us }) => sum + us, 0);
  const busiest = read.toSorted((one, other) => busyUs(other) - busyUs(one))[0] as CpuProfile;
  return {
    name: row.name,
    cpuUs,
    busyUs: busyUs(busiest),
    functions: selfTimes(busiest, [from, to], functionOf).slice(0, SHOWN),
    files: selfTimes(busiest, [from, to], fileOf).slice(0, SHOWN),
  };
}

function monotonicUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** The functions as rows of a table, with their share and their time for each call; then the files. */
export function profileTables({ name, cpuUs, busyUs, functions, files }: Profile): string[][][] {
  const table = (head: string, times: readonly SelfTime[]): string[][] => [
    [head, "share", "CPU µs per call"],
    ...times.map(({ what, us }) => [what, `${((100 * us) / busyUs).toFixed(1)} %`, ((us / busyUs) * cpuUs).toFixed(1)]),
  ];
  return [table(`${name}: functions by self time`, functions), table(`${name}: files by self time`, files)];
}
