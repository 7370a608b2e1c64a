/** What a process and its descendants have used, as Linux counts it under /proc. Must not change anything. */
import { existsSync, readdirSync, readFileSync } from "node:fs";

export interface Usage {
  readonly pid: number;
  /** User and system time of all threads so far, in microseconds. The kernel counts in steps of 10 ms. */
  readonly cpuUs: number;
  /** The most memory that was resident at any time, in bytes. */
  readonly peakBytes: number;
  readonly residentBytes: number;
}

const US_PER_TICK = 10_000;

export function canMeasure(): boolean {
  return existsSync("/proc/self/stat");
}

/** The process itself first, then its descendants. Those that have ended meanwhile are left out. */
export function usageOf(root: number): Usage[] {
  const parents = new Map<number, number>();
  const stats = new Map<number, string[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const fields = Number.isInteger(pid) ? statOf(pid) : undefined;
    if (fields === undefined) continue;
    stats.set(pid, fields);
    parents.set(pid, Number(fields[1]));
  }
  const family = [root];
  for (const member of family) for (const [pid, parent] of parents) if (parent === member) family.push(pid);
  return family.flatMap((pid) => {
    const fields = stats.get(pid);
    const memory = fields === undefined ? undefined : memoryOf(pid);
    if (fields === undefined || memory === undefined) return [];
    return [{ pid, cpuUs: (Number(fields[11]) + Number(fields[12])) * US_PER_TICK, ...memory }];
  });
}

/** CPU time of a process and its descendants so far, in microseconds. */
export function cpuUsOf(root: number): number {
  return usageOf(root).reduce((sum, { cpuUs }) => sum + cpuUs, 0);
}

/** The fields of `stat` from the state on: the name before them may hold anything. */
function statOf(pid: number): string[] | undefined {
  const text = readOrNothing(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

function memoryOf(pid: number): Pick<Usage, "peakBytes" | "residentBytes"> | undefined {
  const text = readOrNothing(`/proc/${pid}/status`);
  if (text === undefined) return undefined;
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0) * 1024;
  return { peakBytes: bytes("VmHWM"), residentBytes: bytes("VmRSS") };
}

function readOrNothing(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // It ended between the listing and here.
    return undefined;
  }
}
