/**
 * Whether memory stays where it is: of each process that lives at the end, its resident memory after a warm-up against the end. Pure.
 */
import type { Sample } from "./processes.ts";

/** Heap in use of all workers together, as their metrics say it. */
export interface Heap {
  readonly atMs: number;
  readonly bytes: number;
  readonly workers: number;
}

export interface Growth {
  /** 0: the heap of a worker, on average. */
  readonly pid: number;
  readonly who: "supervisor" | "worker" | "heap of a worker";
  readonly fromBytes: number;
  readonly toBytes: number;
  readonly seconds: number;
}

const MIB = 1024 * 1024;
/** A collector takes what it may: growth counts beyond a quarter and so many bytes. */
const FACTOR = 1.25;
const SLACK = 48 * MIB;
const WARM_UP_MS = 60_000;
/** Below this there is nothing to compare. */
const SHORTEST_MS = 40_000;
/** Levels are medians over so long. */
const WINDOW_MS = 10_000;

/** Growth of each process that lives at the end and was there long enough after its warm-up. */
export function growthOf(samples: readonly Sample[], supervisor: number): Growth[] {
  const end = samples.at(-1);
  if (end === undefined) return [];
  return [...end.resident.keys()].flatMap((pid) => {
    const own = samples.filter(({ resident }) => resident.has(pid));
    const warmMs = (own[0]?.atMs ?? 0) + WARM_UP_MS;
    if (end.atMs - warmMs < SHORTEST_MS) return [];
    const level = (fromMs: number): number =>
      median(own.filter(({ atMs }) => atMs >= fromMs && atMs <= fromMs + WINDOW_MS).map(({ resident }) => resident.get(pid) ?? 0));
    const who = pid === supervisor ? "supervisor" : "worker";
    return [{ pid, who, fromBytes: level(warmMs), toBytes: level(end.atMs - WINDOW_MS), seconds: (end.atMs - warmMs) / 1000 }];
  });
}

/** Growth of the heap of a worker, on average, over the last stretch in which the oldest one is spared. */
export function heapGrowthOf(heaps: readonly Heap[], fromMs: number): Growth[] {
  const end = heaps.at(-1);
  const warmMs = fromMs + WARM_UP_MS;
  if (end === undefined || end.atMs - warmMs < SHORTEST_MS) return [];
  // The least of a while: what is left when the collector has just run.
  const level = (since: number): number =>
    Math.min(
      ...heaps
        .filter(({ atMs, workers }) => workers > 0 && atMs >= since && atMs <= since + 2 * WINDOW_MS)
        .map(({ bytes, workers }) => bytes / workers),
    );
  const [fromBytes, toBytes] = [level(warmMs), level(end.atMs - 2 * WINDOW_MS)];
  return Number.isFinite(fromBytes + toBytes)
    ? [{ pid: 0, who: "heap of a worker", fromBytes, toBytes, seconds: (end.atMs - warmMs) / 1000 }]
    : [];
}

export function isFlat({ fromBytes, toBytes }: Growth): boolean {
  return toBytes <= fromBytes * FACTOR + SLACK;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
