/**
 * `npm run bench`: compares Sluice with a proxy that copies bytes, in the same run and on the same cores. Starts everything that it needs
 * as child processes on loopback, prints a table of ratios and leaves nothing running. Not a test: it checks what was answered, never
 * how fast.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { Children, coresFor } from "./bench/children.ts";
import { compare, type Parts, type RowResult } from "./bench/compare.ts";
import { insertIntoPage, PICTURE } from "./bench/docs.ts";
import { HELP, type Options, readOptions } from "./bench/options.ts";
import { pictureOf } from "./bench/picture.ts";
import { canMeasure } from "./bench/process-tree.ts";
import { profile, profileTables } from "./bench/profile.ts";
import { factsTable, figuresOf, inColumns, inMarkdown, tableOf } from "./bench/report.ts";
import { measureStarts, type StartsResult } from "./bench/starts.ts";

const EXIT = { fine: 0, wrong: 1, usage: 2 } as const;
/** With less of its core, a proxy was not what set the pace. */
const BUSY = 0.7;
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs `work` with an upstream and a load generator of its own. */
async function withParts<T>(workers: number, { seconds, rounds, warmCalls }: Options, work: (parts: Parts) => Promise<T>): Promise<T> {
  const cores = coresFor(workers);
  const upstream = await children.start("upstream", cores.upstream);
  const load = await children.start("load", cores.load);
  const result = await work({ children, upstream, load, folder: join(folder, "sluice"), cores, seconds, rounds, warmCalls });
  await Promise.all([upstream.stop(), load.stop()]);
  return result;
}

async function printProfiles(options: Options, machine: string): Promise<void> {
  const tables: string[][][] = [];
  for (const row of options.scenarios.flatMap(({ rows }) => rows)) {
    const found = profileTables(await withParts(row.workers, options, (parts) => profile(row, parts)));
    tables.push(...found);
    for (const table of found) say(`\n${inColumns(table)}`);
  }
  if (options.docs) insertIntoPage("profile", `${machine}.\n\n${tables.map(inMarkdown).join("\n\n")}`);
}

async function printComparison(options: Options, machine: string): Promise<boolean> {
  const results: RowResult[] = [];
  const notes: string[] = [];
  let starts: StartsResult | undefined;
  for (const scenario of options.scenarios) {
    const times = Math.min(scenario.starts ?? 0, options.rounds);
    if (times > 0) starts = await withParts(1, options, (parts) => measureStarts(times, parts));
    for (const row of scenario.rows) {
      const result = await withParts(row.workers, options, (parts) => compare(row, parts));
      results.push(result);
      say(`measured ${row.name}: ${result.calls} calls, ${result.auditRecords} audit records`);
      for (const problem of result.problems) say(`  WRONG: ${problem}`);
      if (result.shed > 0)
        notes.push(`${row.name}: ${result.shed} calls were shed beside ${result.calls}: this machine is too busy for a figure`);
      if (row.workers > 1) notes.push(`${row.name}: ${result.pinning}`);
      const { copyBusy } = figuresOf(result);
      if (!row.halfLoad && copyBusy < BUSY)
        notes.push(`${row.name}: the byte copy ran ${Math.round(copyBusy * 100)} % of the time, something else was using the machine`);
    }
  }
  // At half load the throughput is what was asked for: no ratio to show.
  const figures = results.filter(({ row }) => !row.halfLoad).map(figuresOf);
  const tables = [tableOf(figures), factsTable(results, starts)].filter((table) => table.length > 1);
  for (const table of tables) say(`\n${inColumns(table)}`);
  for (const note of notes) say(note);
  const how = `${machine}; ${options.rounds} rounds of ${options.seconds} s each`;
  if (options.json !== undefined) {
    const { seconds, rounds } = options;
    writeFileSync(
      options.json,
      `${JSON.stringify({ machine, seconds, rounds, rows: figures, starts, notes, raw: results }, undefined, 2)}\n`,
    );
  }
  const picture = options.svg ?? (options.docs ? PICTURE : undefined);
  if (picture !== undefined) writeFileSync(picture, pictureOf(figures, how));
  if (options.docs) insertIntoPage("measured", [`${how}.`, ...tables.map(inMarkdown), ...notes].join("\n\n"));
  return results.every(({ problems }) => problems.length === 0);
}

const options = readOptions(process.argv.slice(2));
if (options === "help") {
  process.stdout.write(HELP);
  process.exit(EXIT.fine);
}
if (options instanceof Error || !canMeasure()) {
  const problem = options instanceof Error ? options.message : "The benchmark reads CPU time and memory from /proc, which only Linux has.";
  process.stderr.write(`${problem}\nRun it with --help for an example.\n`);
  process.exit(EXIT.usage);
}

const children = new Children();
const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
process.once("exit", () => {
  // What was killed a moment ago may still have been writing.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
});
for (const [signal, code] of Object.entries(SIGNALS)) process.once(signal, () => process.exit(code));

const machine = `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${cpus().length} cores, Node ${process.versions.node}; ${coresFor(1).note}`;
say(machine);
if (options.profile) {
  await printProfiles(options, machine);
  process.exit(EXIT.fine);
}
process.exit((await printComparison(options, machine)) ? EXIT.fine : EXIT.wrong);
