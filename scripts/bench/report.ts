/** Figures as people read them: ratios of medians with their spread, in a table. Pure functions on results. */
import type { Round, RowResult } from "./compare.ts";
import type { StartsResult } from "./starts.ts";

/** A ratio of medians, and the least and the most of the single rounds. */
export interface Ratio {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface Figures {
  readonly name: string;
  /** Sluice's calls per second ÷ the byte copy's. */
  readonly throughput: Ratio;
  /** The byte copy's CPU for one call ÷ Sluice's: throughput as it would be if nothing else ran. */
  readonly perCpu: Ratio;
  readonly copyCpuUs: number;
  readonly cpuUs: number;
  readonly supervisorCpuUs: number;
  readonly copyPerSecond: number;
  readonly perSecond: number;
  readonly copyP50Ms: number;
  readonly p50Ms: number;
  readonly copyP99Ms: number;
  readonly p99Ms: number;
  /** Of generator and upstream, beside the byte copy. */
  readonly loadCpuUs: number;
  readonly copyBusy: number;
  readonly busy: number;
  readonly copyPeakMiB: number;
  readonly peakMiB: number;
  readonly memo: Readonly<Record<string, number>>;
  readonly problems: readonly string[];
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export function figuresOf({ name, baseline, sluice, memo, problems }: RowResult): Figures {
  const of = (rounds: readonly Round[], what: (round: Round) => number): number => median(rounds.map(what));
  const perSecond = ({ perSecond: value }: Round): number => value;
  const cpu = ({ cpuUs }: Round): number => cpuUs;
  return {
    name,
    throughput: ratio(sluice.rounds.map(perSecond), baseline.rounds.map(perSecond)),
    perCpu: ratio(baseline.rounds.map(cpu), sluice.rounds.map(cpu)),
    copyCpuUs: of(baseline.rounds, cpu),
    cpuUs: of(sluice.rounds, cpu),
    supervisorCpuUs: of(sluice.rounds, ({ supervisorCpuUs }) => supervisorCpuUs),
    copyPerSecond: of(baseline.rounds, perSecond),
    perSecond: of(sluice.rounds, perSecond),
    copyP50Ms: of(baseline.rounds, ({ p50Ms }) => p50Ms),
    p50Ms: of(sluice.rounds, ({ p50Ms }) => p50Ms),
    copyP99Ms: of(baseline.rounds, ({ p99Ms }) => p99Ms),
    p99Ms: of(sluice.rounds, ({ p99Ms }) => p99Ms),
    loadCpuUs: of(baseline.rounds, ({ loadCpuUs }) => loadCpuUs),
    copyBusy: of(baseline.rounds, ({ busy }) => busy),
    busy: of(sluice.rounds, ({ busy }) => busy),
    copyPeakMiB: baseline.peakMiB,
    peakMiB: sluice.peakMiB,
    memo,
    problems,
  };
}

function ratio(numerators: readonly number[], denominators: readonly number[]): Ratio {
  const pairs = numerators.map((value, at) => value / (denominators[at] as number));
  return { median: median(numerators) / median(denominators), least: Math.min(...pairs), most: Math.max(...pairs) };
}

const HEAD = ["", "throughput ÷ copy", "work per CPU ÷ copy", "CPU µs per call", "p50 ms", "p99 ms", "peak MiB", "memo hits"];

/** A row of the table for each result; what the copy took stands before the arrow. */
export function tableOf(all: readonly Figures[]): string[][] {
  return [
    HEAD,
    ...all.map((row) => [
      row.name,
      shown(row.throughput),
      shown(row.perCpu),
      `${round(row.copyCpuUs)} → ${round(row.cpuUs)}`,
      `${row.copyP50Ms.toFixed(2)} → ${row.p50Ms.toFixed(2)}`,
      `${row.copyP99Ms.toFixed(2)} → ${row.p99Ms.toFixed(2)}`,
      `${Math.round(row.copyPeakMiB)} → ${Math.round(row.peakMiB)}`,
      memoHits(row.memo),
    ]),
  ];
}

function shown({ median: middle, least, most }: Ratio): string {
  return `${middle.toFixed(2)} (${least.toFixed(2)}–${most.toFixed(2)})`;
}

function round(us: number): string {
  return us < 100 ? us.toFixed(1) : String(Math.round(us));
}

function memoHits(memo: Readonly<Record<string, number>>): string {
  const all = Object.values(memo).reduce((sum, value) => sum + value, 0);
  const hits = memo['outcome="hit"'] ?? 0;
  return all === 0 ? "–" : `${Math.round((100 * hits) / all)} %`;
}

/** What is no ratio: start, memory, latency at half load, time for each KB. */
export function factsTable(results: readonly RowResult[], starts: StartsResult | undefined): string[][] {
  const rows: string[][] = [["", "byte copy", "Sluice"]];
  if (starts !== undefined) {
    const { baseline, sluice } = starts;
    rows.push(["start until it listens, ms", spread(baseline.ms), spread(sluice.ms)]);
    rows.push(["start until it listens, ms of CPU", spread(baseline.cpuMs), spread(sluice.cpuMs)]);
    rows.push(["memory at rest, MiB", spread(baseline.restMiB), spread(sluice.restMiB)]);
    rows.push(["memory at rest of the largest process, MiB", spread(baseline.largestMiB), spread(sluice.largestMiB)]);
  }
  for (const { name, row, baseline, sluice } of results) {
    if (row.streams > 0) rows.push([`${name}: MiB more for the streams`, baseline.streamsMiB.toFixed(0), sluice.streamsMiB.toFixed(0)]);
    if (row.halfLoad) {
      rows.push([`${name}: p50 ms`, spread(baseline.rounds.map(({ p50Ms }) => p50Ms)), spread(sluice.rounds.map(({ p50Ms }) => p50Ms))]);
      rows.push([`${name}: p99 ms`, spread(baseline.rounds.map(({ p99Ms }) => p99Ms)), spread(sluice.rounds.map(({ p99Ms }) => p99Ms))]);
    }
    const kib = row.answer.bytes / 1024;
    const perKib = (rounds: readonly Round[]): string => spread(rounds.map(({ cpuUs }) => cpuUs / kib));
    if (kib > 1) rows.push([`${name}: CPU µs for each KB`, perKib(baseline.rounds), perKib(sluice.rounds)]);
    const events = row.answer.events;
    const perEvent = (rounds: readonly Round[]): string => spread(rounds.map(({ cpuUs }) => cpuUs / events));
    if (events > 1) rows.push([`${name}: CPU µs for each event`, perEvent(baseline.rounds), perEvent(sluice.rounds)]);
    if (row.workers > 1) {
      rows.push([`${name}: CPU µs per call of the supervisor`, "–", spread(sluice.rounds.map(({ supervisorCpuUs }) => supervisorCpuUs))]);
    }
  }
  return rows;
}

/** The median, and the least and the most. */
function spread(numbers: readonly number[]): string {
  const digits = median(numbers) < 10 ? 2 : median(numbers) < 100 ? 1 : 0;
  const [middle, least, most] = [median(numbers), Math.min(...numbers), Math.max(...numbers)].map((number) => number.toFixed(digits));
  return numbers.length === 1 ? (middle as string) : `${middle} (${least}–${most})`;
}

/** The cells in columns, for a terminal. */
export function inColumns(table: readonly (readonly string[])[]): string {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => (row[column] ?? "").length)));
  return table
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The cells as a table in Markdown. */
export function inMarkdown([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? "---" : "--:"))), ...rows.map(line)].join("\n");
}
