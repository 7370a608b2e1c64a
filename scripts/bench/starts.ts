/**
 * How long Sluice takes from the start of its process until it listens, with policies that are compiled already, and what it then holds
 * in memory. The byte copy beside it shows what Node itself takes. Must not send it anything.
 */
import { performance } from "node:perf_hooks";
import type { Parts } from "./compare.ts";
import { cpuUsOf, usageOf } from "./process-tree.ts";
import { startSluice } from "./sluice.ts";

/** One of the two, each start. */
export interface Starts {
  /** Of wall time, and of CPU time, which other processes disturb less. */
  readonly ms: readonly number[];
  readonly cpuMs: readonly number[];
  /** Resident, of all its processes, and of the largest of them: with a supervisor, that is a worker. */
  readonly restMiB: readonly number[];
  readonly largestMiB: readonly number[];
}

export interface StartsResult {
  readonly baseline: Starts;
  readonly sluice: Starts;
}

const MIB = 1 << 20;
const REST_MS = 500;

export async function measureStarts(times: number, { children, cores, folder, upstream }: Parts): Promise<StartsResult> {
  const baseline = { ms: [] as number[], cpuMs: [] as number[], restMiB: [] as number[], largestMiB: [] as number[] };
  const sluice = { ms: [] as number[], cpuMs: [] as number[], restMiB: [] as number[], largestMiB: [] as number[] };
  // The first start of Sluice may have to compile the policies: it does not count.
  for (let n = 0; n <= times; n += 1) {
    const startedAt = performance.now();
    const copy = await children.start("baseline", cores.proxy, [String(upstream.port)]);
    const copyMs = performance.now() - startedAt;
    const gateway = await startSluice(children, {
      folder,
      upstream: `http://127.0.0.1:${upstream.port}/`,
      servers: 1,
      packs: "all",
      workers: 1,
      cores: cores.proxy,
      denied: [],
    });
    const used = [copy.pid, gateway.pid].map((pid) => cpuUsOf(pid) / 1000) as [number, number];
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    if (n > 0) {
      for (const [side, pid, ms, cpuMs] of [
        [baseline, copy.pid, copyMs, used[0]] as const,
        [sluice, gateway.pid, gateway.startMs, used[1]] as const,
      ]) {
        side.ms.push(ms);
        side.cpuMs.push(cpuMs);
        const resident = usageOf(pid).map(({ residentBytes }) => residentBytes / MIB);
        side.restMiB.push(resident.reduce((sum, mib) => sum + mib, 0));
        side.largestMiB.push(Math.max(...resident));
      }
    }
    await Promise.all([copy.stop(), gateway.stop()]);
  }
  return { baseline, sluice };
}
