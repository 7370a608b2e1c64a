/**
 * Measures one row: the byte copy and Sluice take turns under the same load, so that a machine whose speed changes shows as spread and
 * not as a difference. Checks that everything was answered as it should be and that the audit log holds every message.
 */
import type { Child, Children, Cores } from "./children.ts";
import { answered, type Job, type Measured } from "./job.ts";
import { CALLED_TOOL, pathOf } from "./messages.ts";
import { cpuUsOf, type Usage, usageOf } from "./process-tree.ts";
import type { Row } from "./scenarios.ts";
import { type RunningSluice, startSluice } from "./sluice.ts";
import type { Streams } from "./streams.ts";

export interface Parts {
  readonly children: Children;
  readonly upstream: Child;
  readonly load: Child;
  readonly folder: string;
  readonly cores: Cores;
  readonly seconds: number;
  readonly rounds: number;
  /** Calls before the first round, unless they take too long. */
  readonly warmCalls: number;
}

/** What one proxy did in one round. */
export interface Round {
  readonly perSecond: number;
  /** Of the whole process tree; of a supervisor alone where there are workers. */
  readonly cpuUs: number;
  readonly supervisorCpuUs: number;
  /** How much of its wall time the tree was on a core. Far below 1 for each core, something else was the bottleneck. */
  readonly busy: number;
  /** CPU time of generator and upstream together, for one call: well below the byte copy's, or they are what was measured. */
  readonly loadCpuUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Side {
  readonly rounds: readonly Round[];
  /** The sum over the tree, in MiB; that of its largest process. */
  readonly peakMiB: number;
  readonly largestMiB: number;
  /** Resident before the first call, and how much more once the streams of the row were open. */
  readonly restMiB: number;
  readonly streamsMiB: number;
}

export interface RowResult {
  readonly name: string;
  readonly row: Row;
  readonly pinning: string;
  readonly baseline: Side;
  readonly sluice: Side;
  readonly calls: number;
  /** Calls that Sluice refused for want of time: they are in no other figure. */
  readonly shed: number;
  readonly messages: number;
  readonly auditRecords: number;
  /** By outcome; empty when this Sluice has no memo. */
  readonly memo: Readonly<Record<string, number>>;
  /** Empty when every check held. */
  readonly problems: readonly string[];
}

/** A proxy under load. `job`: what differs for it. */
export interface Target {
  readonly pid: number;
  readonly port: number;
  readonly paths: readonly string[];
  readonly job: Partial<Job>;
}

const MIB = 1 << 20;
const WARM_SECONDS = 15;
const REST_MS = 500;

export async function compare(row: Row, parts: Parts): Promise<RowResult> {
  const { children, upstream, cores, rounds } = parts;
  const path = pathOf(row.answer);
  const baseline = await children.start("baseline", cores.proxy, [String(upstream.port)]);
  const sluice = await startSluice(children, {
    folder: parts.folder,
    upstream: `http://127.0.0.1:${upstream.port}${path}`,
    servers: row.servers,
    packs: row.packs,
    workers: row.workers,
    cores: cores.proxy,
    denied: row.expected === "denied" ? [CALLED_TOOL] : [],
  });
  const holders: Child[] = [];
  try {
    const copy: Target = { pid: baseline.pid, port: baseline.port, paths: [path], job: { expected: "same" } };
    const gateway: Target = { pid: sluice.pid, port: sluice.port, paths: sluice.paths, job: {} };
    await sleep(REST_MS);
    const rest = { copy: residentMiB(copy), gateway: residentMiB(gateway) };
    if (row.streams > 0) for (const target of [copy, gateway]) holders.push(await holdStreams(target, row.streams, parts));
    const held = { copy: residentMiB(copy) - rest.copy, gateway: residentMiB(gateway) - rest.gateway };
    const tally = new Tally(row);
    for (const target of [copy, gateway]) await warmUp(target, row, parts, (measured) => tally.add(target === gateway, measured));
    const perSecond = row.halfLoad ? await halfOf(gateway, row, parts, tally) : undefined;
    const sides: { copy: Round[]; gateway: Round[] } = { copy: [], gateway: [] };
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, target] of [["copy", copy] as const, ["gateway", gateway] as const]) {
        const before = usageOf(target.pid);
        const loadBefore = cpuUsOf(parts.load.pid) + cpuUsOf(upstream.pid);
        const measured = await load(target, row, parts, perSecond);
        tally.add(target === gateway, measured);
        const loadCpuUs = cpuUsOf(parts.load.pid) + cpuUsOf(upstream.pid) - loadBefore;
        sides[name].push(roundOf(measured, before, usageOf(target.pid), loadCpuUs));
      }
    }
    const peak = { copy: peakOf(usageOf(copy.pid)), gateway: peakOf(usageOf(gateway.pid)) };
    const memo = await sluice.counter("sluice_decision_memo_total");
    const auditRecords = await settled(sluice, tally.messages);
    return {
      name: row.name,
      row,
      pinning: cores.note,
      baseline: { rounds: sides.copy, restMiB: rest.copy, streamsMiB: held.copy, ...peak.copy },
      sluice: { rounds: sides.gateway, restMiB: rest.gateway, streamsMiB: held.gateway, ...peak.gateway },
      calls: tally.calls,
      shed: tally.shed,
      messages: tally.messages,
      auditRecords,
      memo,
      problems: tally.problems(auditRecords),
    };
  } finally {
    await Promise.all([baseline, sluice, ...holders].map((one) => one.stop()));
  }
}

/** Half of the calls per second that Sluice can answer now. */
async function halfOf(gateway: Target, row: Row, parts: Parts, tally: Tally): Promise<number> {
  const measured = await load(gateway, row, parts);
  tally.add(true, measured);
  return answered(measured) / measured.seconds / 2;
}

async function holdStreams({ port, paths }: Target, count: number, { children, cores }: Parts): Promise<Child> {
  const holder = await children.start("streams", cores.load);
  const wanted: Streams = { port, path: paths[0] ?? "/", count };
  const { fault } = await holder.ask(wanted);
  if (fault !== undefined) throw new Error(fault as string);
  return holder;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** By calls and not by time alone: on a busy machine, code that is not compiled yet would be measured. */
export async function warmUp(target: Target, row: Row, parts: Parts, count: (measured: Measured) => void): Promise<void> {
  const { warmCalls } = parts;
  for (let calls = 0, spent = 0; calls < warmCalls && spent < WARM_SECONDS; ) {
    const measured = await load(target, row, parts);
    count(measured);
    calls += Math.max(1, answered(measured));
    spent += measured.seconds;
  }
}

/** One round: as a closed loop, or as an open one with `perSecond` calls. */
export async function load(
  { port, paths, job }: Target,
  row: Row,
  { load: generator, seconds }: Parts,
  perSecond?: number,
): Promise<Measured> {
  const { answer, expected, varied, bytes, connections, sessions } = row;
  const whole: Job = {
    port,
    paths,
    connections,
    seconds,
    bytes,
    varied,
    answer,
    expected,
    sessions,
    ...(perSecond === undefined ? {} : { perSecond }),
    ...job,
  };
  const { measured, fault } = await generator.ask(whole);
  if (fault !== undefined) throw new Error(`the load generator failed: ${fault as string}`);
  return measured as Measured;
}

function roundOf(measured: Measured, before: readonly Usage[], after: readonly Usage[], loadCpuUs: number): Round {
  const calls = Math.max(1, answered(measured));
  const used = after.map(({ pid, cpuUs }) => cpuUs - (before.find((usage) => usage.pid === pid)?.cpuUs ?? 0));
  const total = sum(used);
  return {
    perSecond: calls / measured.seconds,
    cpuUs: total / calls,
    supervisorCpuUs: used.length > 1 ? (used[0] ?? 0) / calls : 0,
    busy: total / 1e6 / measured.seconds,
    loadCpuUs: loadCpuUs / calls,
    p50Ms: measured.p50Ms,
    p99Ms: measured.p99Ms,
  };
}

function peakOf(usages: readonly Usage[]): Pick<Side, "peakMiB" | "largestMiB"> {
  const peaks = usages.map(({ peakBytes }) => peakBytes / MIB);
  return { peakMiB: sum(peaks), largestMiB: Math.max(0, ...peaks) };
}

function residentMiB({ pid }: Pick<Target, "pid">): number {
  return sum(usageOf(pid).map(({ residentBytes }) => residentBytes / MIB));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The records are written before the answers leave, so they are all there; workers that share a file may still be at it. */
async function settled(sluice: RunningSluice, expected: number): Promise<number> {
  let records = await sluice.auditRecords();
  for (let tries = 0; records < expected && tries < 10; tries += 1) {
    await sleep(100);
    records = await sluice.auditRecords();
  }
  return records;
}

/** Adds up what was answered over all rounds, warm-up included. The GET of a stream is on record like a message. */
class Tally {
  readonly #row: Row;
  readonly #problems: string[] = [];
  calls = 0;
  shed = 0;
  messages: number;

  constructor(row: Row) {
    this.#row = row;
    this.messages = row.streams;
  }

  add(throughSluice: boolean, measured: Measured): void {
    const { expected, answer } = this.#row;
    const wanted = throughSluice ? expected : "same";
    const calls = answered(measured);
    this.#problems.push(...measured.problems.slice(0, 3));
    if (measured.lost > 0) this.#problems.push(`${measured.lost} calls were never answered`);
    if (measured[wanted] !== calls) this.#problems.push(`${calls - measured[wanted]} of ${calls} answers were not as expected (${wanted})`);
    if (!throughSluice) return;
    this.calls += calls;
    this.shed += measured.shed;
    // A denied call never reaches the server: nothing comes back.
    this.messages += calls * (expected === "denied" ? 1 : 1 + answer.events) + measured.opened * 2 + measured.shed;
  }

  problems(auditRecords: number): string[] {
    const missing = this.messages === auditRecords ? [] : [`${auditRecords} audit records for ${this.messages} messages`];
    return [...this.#problems.slice(0, 5), ...missing];
  }
}
