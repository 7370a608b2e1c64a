/** Sluice's processes as Linux shows them: which workers there are, what memory they have, what sockets are open. Must not change anything. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { usageOf } from "../bench/process-tree.ts";

export interface Sample {
  readonly atMs: number;
  /** Resident memory in bytes, by process. */
  readonly resident: ReadonlyMap<number, number>;
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // It ended meanwhile.
    return "";
  }
}

/** The workers of a supervisor, the oldest first. */
export function workersOf(supervisor: number): number[] {
  return usageOf(supervisor)
    .map(({ pid }) => pid)
    .filter((pid) => pid !== supervisor && /\/workers\/worker\.[jt]s/.test(read(`/proc/${pid}/cmdline`)))
    .toSorted((one, other) => startOf(one) - startOf(other) || one - other);
}

/** When a process began, in ticks since the machine did. */
function startOf(pid: number): number {
  const text = read(`/proc/${pid}/stat`);
  return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? 0);
}

export function sample(supervisor: number, atMs: number): Sample {
  const workers = new Set([supervisor, ...workersOf(supervisor)]);
  const resident = usageOf(supervisor)
    .filter(({ pid }) => workers.has(pid))
    .map(({ pid, residentBytes }) => [pid, residentBytes] as const);
  return { atMs, resident: new Map(resident) };
}

/** Members of a process group that still run. */
export function groupMembers(group: number): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid)) return false;
      const text = read(`/proc/${pid}/stat`);
      const [state, , its] = text.slice(text.lastIndexOf(")") + 2).split(" ");
      return Number(its) === group && state !== "Z";
    });
}

const ESTABLISHED = "01";

/** Open TCP connections whose near end is this loopback port. */
export function connectionsTo(port: number): number {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return ["/proc/net/tcp", "/proc/net/tcp6"]
    .filter((file) => existsSync(file))
    .flatMap((file) => read(file).split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(wanted) === true && state === ESTABLISHED).length;
}
