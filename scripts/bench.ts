/**
 * `npm run bench`: compares Sluice with a proxy that copies bytes, in the same run and on the same cores. Starts everything that it needs
 * as child processes on loopback, prints a table of ratios and leaves nothing running. Not a test: it asserts what was answered, never
 * how fast.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Children, coresFor } from "./bench/children.ts";
import { compare, type Parts, type RowResult } from "./bench/compare.ts";
import { profile, profileTables } from "./bench/profile.ts";
import { canMeasure } from "./bench/process-tree.ts";
import { figuresOf, inColumns, tableOf } from "./bench/report.ts";
import { type Row, SCENARIOS } from "./bench/scenarios.ts";
import { hasWorkers } from "./bench/sluice.ts";

const HELP = `Compares Sluice with a proxy that only copies bytes. Both run in turns under the same load, checked answer by answer.

usage: npm run bench -- [options]

  --scenario NAME   measure only this one (repeatable):
${SCENARIOS.map(({ name, about }) => `                      ${name.padEnd(9)} ${about}`).join("\n")}
  --seconds N       length of a round (default 2)
  --rounds N        rounds of each of the two, in turns (default 5)
  --quick           one short round of each: shows that it works, not how fast it is
  --profile         instead of comparing, print the ten functions of Sluice that take the most time
                      (of the scenario 1kb, unless others are named)
  --json FILE       write everything that was measured
  --help

Examples:
  npm run bench
  npm run bench -- --scenario 1kb --seconds 5
  npm run bench -- --profile
  npm run bench -- --quick --scenario 1kb --json bench.json

How to read the table:
  throughput ÷ copy     calls per second, as a share of the byte copy's: 1.00 is as fast; (least–most) of single rounds
  work per CPU ÷ copy   the same in CPU time, which other processes on the machine disturb less
  a → b                 the byte copy's → Sluice's
Exit codes: 0 measured, 1 an answer was wrong or a record is missing, 2 wrong usage.
`;

interface Options {
  readonly rows: readonly Row[];
  readonly seconds: number;
  readonly rounds: number;
  readonly warmCalls: number;
  readonly profile: boolean;
  readonly json: string | undefined;
}

function usage(problem: string): never {
  process.stderr.write(`${problem}\nRun it with --help for an example.\n`);
  process.exit(2);
}

function readOptions(): Options {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        scenario: { type: "string", multiple: true },
        seconds: { type: "string" },
        rounds: { type: "string" },
        quick: { type: "boolean" },
        profile: { type: "boolean" },
        json: { type: "string" },
        help: { type: "boolean" },
      },
    }));
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const wanted = values.scenario ?? (values.profile === true ? ["1kb"] : SCENARIOS.map(({ name }) => name));
  const rows = wanted.flatMap((name) => {
    const scenario = SCENARIOS.find((one) => one.name === name);
    if (scenario === undefined) return usage(`There is no scenario ${name}; there are ${SCENARIOS.map((one) => one.name).join(", ")}.`);
    return scenario.rows;
  });
  const quick = values.quick === true;
  return {
    rows,
    seconds: positive("--seconds", values.seconds) ?? (quick ? 0.3 : 2),
    rounds: positive("--rounds", values.rounds) ?? (quick ? 1 : 5),
    warmCalls: quick ? 1 : 5000,
    profile: values.profile === true,
    json: values.json,
  };
}

function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  return number > 0 && number < 3600 ? number : usage(`${option} wants a number above 0.`);
}

const options = readOptions();
if (!canMeasure()) usage("The benchmark reads CPU time and memory from /proc, which only Linux has.");

const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
const children = new Children();
process.once("exit", () => {
  rmSync(folder, { recursive: true, force: true });
});
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.once(signal, () => process.exit(code));
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs `work` with an upstream and a load generator; undefined for a row that this Sluice cannot run. */
async function withParts<T>(row: Row, work: (row: Row, parts: Parts) => Promise<T>): Promise<T | undefined> {
  if (row.workers > 1 && !hasWorkers()) {
    say(`skipped: ${row.name} (this Sluice has no --workers)`);
    return undefined;
  }
  const cores = coresFor(row.workers);
  const [upstream, load] = [await children.start("upstream", cores.upstream), await children.start("load", cores.load)];
  const { seconds, rounds, warmCalls } = options;
  const result = await work(row, { children, upstream, load, folder: join(folder, "sluice"), cores, seconds, rounds, warmCalls });
  await Promise.all([upstream.stop(), load.stop()]);
  return result;
}

say(`${cpus()[0]?.model.trim() ?? "unknown CPU"}, Node ${process.versions.node}; ${coresFor(1).note}`);
if (options.profile) {
  for (const row of options.rows) {
    const found = await withParts(row, profile);
    for (const table of found === undefined ? [] : profileTables(found)) say(`\n${inColumns(table)}`);
  }
  process.exit(0);
}

const results: RowResult[] = [];
for (const row of options.rows) {
  const result = await withParts(row, compare);
  if (result === undefined) continue;
  results.push(result);
  const [head, line] = tableOf([figuresOf(result)]) as [string[], string[]];
  say(
    `${row.name}: ${line
      .slice(1)
      .map((cell, at) => `${head[at + 1]} ${cell}`)
      .join(", ")}`,
  );
  for (const problem of result.problems) say(`  WRONG: ${problem}`);
}
say(`\n${inColumns(tableOf(results.map(figuresOf)))}`);
if (options.json !== undefined) {
  const machine = { cpu: cpus()[0]?.model ?? "", cores: cpus().length, node: process.versions.node };
  const settings = { seconds: options.seconds, rounds: options.rounds };
  writeFileSync(options.json, `${JSON.stringify({ machine, settings, rows: results.map(figuresOf), raw: results }, undefined, 2)}\n`);
}
process.exit(results.some(({ problems }) => problems.length > 0) ? 1 : 0);
