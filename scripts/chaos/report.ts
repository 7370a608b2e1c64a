/** The account of a run in words and columns. Pure. */
import type { Front } from "./front.ts";
import type { Injector } from "./injector.ts";
import type { Law } from "./laws.ts";

export interface FaultCount {
  readonly fault: string;
  readonly times: number;
}

export function countFaults(injector: Injector, fronts: readonly Front[]): FaultCount[] {
  const counts = new Map<string, number>();
  const add = (fault: string, times: number): void => void counts.set(fault, (counts.get(fault) ?? 0) + times);
  for (const { fault } of injector.diary) add(fault, 1);
  for (const { met } of fronts) for (const [fault, times] of met) add(`server ${fault}`, times);
  return [...counts].map(([fault, times]) => ({ fault, times })).toSorted((one, other) => one.fault.localeCompare(other.fault));
}

export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, cell.length)));
  return rows.map((row) => row.map((cell, at) => (at === row.length - 1 ? cell : cell.padEnd(widths[at] ?? 0))).join("  ")).join("\n");
}

const SHOWN = 10;

export function lawTable(laws: readonly Law[]): string {
  const rows = laws.flatMap(({ law, numbers, broken }) => [
    [broken.length === 0 ? "holds" : "BROKEN", law, numbers],
    ...broken.slice(0, SHOWN).map((each) => ["", `  ${each}`, ""]),
    ...(broken.length > SHOWN ? [["", `  and ${broken.length - SHOWN} more`, ""]] : []),
  ]);
  // What breaks a law may be long: it must not push the numbers away.
  const width = Math.max(...laws.map(({ law }) => law.length));
  return rows.map(([state = "", text = "", numbers = ""]) => `${state.padEnd(6)}  ${text.padEnd(width)}  ${numbers}`.trimEnd()).join("\n");
}
