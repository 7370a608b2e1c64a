/**
 * When which fault happens: drawn from the seed before anything runs, so that the same seed plays the same faults at the same times.
 * Pure. Must not know how a fault is made.
 */
import { SERVER_FAULTS } from "./front.ts";
import { MOMENTS, type Moment } from "./raw-clients.ts";
import type { Random } from "./random.ts";
import { SERVER_NAMES, type ServerName } from "./stage.ts";

/** One fault to come. `atMs`: since the clients began. */
export type Fault = { readonly atMs: number } & (
  | { readonly kind: "server"; readonly server: ServerName; readonly row: number; readonly opening: boolean }
  | { readonly kind: "server down"; readonly server: ServerName; readonly ms: number }
  | { readonly kind: "client hangs up"; readonly moment: Moment; readonly server: "v2-json" | "v2-sse" }
  /** `spare`: the worker that has served longest is let live, so that its memory can be followed. */
  | { readonly kind: "kill -9 of a worker"; readonly spare: boolean }
  | { readonly kind: "worker stopped for a moment"; readonly ms: number }
  | { readonly kind: "stalling message"; readonly caller: 0 | 1 }
  | { readonly kind: "reload"; readonly what: "good" | "broken configuration" | "broken policy" }
  | { readonly kind: "audit file moved away" }
  | { readonly kind: "audit unwritable"; readonly ms: number }
  | { readonly kind: "flood"; readonly calls: number }
);

/** By how many kinds of clients use them. */
const MOST_USED: readonly ServerName[] = ["v1-json", "v1-sse", "v2-json", "v2-json", "v2-sse", "v2-sse", "v2-sse", "v2-sse"];

type Draw = (random: Random, atMs: number) => Fault;

/** Seconds between two of a kind, on average; each happens at least once. `until`: part of the run in which it does. */
const KINDS: readonly { readonly every: number; readonly until?: number; readonly draw: Draw }[] = [
  {
    every: 0.8,
    draw: (random, atMs) => ({
      atMs,
      kind: "server",
      server: random.pick(MOST_USED),
      row: random.below(SERVER_FAULTS.length),
      opening: random.below(8) === 0,
    }),
  },
  { every: 20, draw: (random, atMs) => ({ atMs, kind: "server down", server: random.pick(SERVER_NAMES), ms: random.between(200, 1_500) }) },
  {
    every: 2,
    draw: (random, atMs) => ({
      atMs,
      kind: "client hangs up",
      moment: random.pick(MOMENTS),
      server: random.pick(["v2-json", "v2-sse"] as const),
    }),
  },
  { every: 25, draw: (_random, atMs) => ({ atMs, kind: "kill -9 of a worker", spare: false }) },
  { every: 20, until: 0.5, draw: (random, atMs) => ({ atMs, kind: "worker stopped for a moment", ms: random.between(200, 4_000) }) },
  { every: 20, until: 0.5, draw: (random, atMs) => ({ atMs, kind: "stalling message", caller: random.below(2) === 0 ? 0 : 1 }) },
  { every: 25, draw: (_random, atMs) => ({ atMs, kind: "reload", what: "good" }) },
  { every: 40, draw: (_random, atMs) => ({ atMs, kind: "reload", what: "broken configuration" }) },
  { every: 40, draw: (_random, atMs) => ({ atMs, kind: "reload", what: "broken policy" }) },
  { every: 30, draw: (_random, atMs) => ({ atMs, kind: "audit file moved away" }) },
  { every: 35, draw: (random, atMs) => ({ atMs, kind: "audit unwritable", ms: random.between(200, 800) }) },
  { every: 20, draw: (random, atMs) => ({ atMs, kind: "flood", calls: 60 + random.below(60) }) },
];

/** In the second half of a run the worker that has served longest is spared: see `memory.ts`. */
export const SPARED_FROM = 0.5;

/** All faults of a run, in order of time. */
export function drawSchedule(random: Random, seconds: number): Fault[] {
  const faults = KINDS.flatMap(({ every, until = 1, draw }) => {
    const own = random.fork();
    const count = Math.max(1, Math.round((seconds * until) / every));
    return Array.from({ length: count }, () => draw(own, Math.floor(own.between(0.04, 0.94 * until) * seconds * 1000)));
  });
  return faults
    .map((fault) => (fault.kind === "kill -9 of a worker" ? { ...fault, spare: fault.atMs > SPARED_FROM * seconds * 1000 } : fault))
    .toSorted((one, other) => one.atMs - other.atMs);
}
