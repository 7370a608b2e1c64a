/**
 * A process whose file may grow by so many bytes at each step, as on a disk that fills up: `limited-writer.ts FILE STEPS`, with the
 * steps as JSON in a file. Appends a group of lines in each step and says on standard output how many of them are there.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { LineFile } from "../../src/audit/line-file.js";

const [path = "", steps = ""] = process.argv.slice(2);
const file = new LineFile(path, { shared: true });
for (const { room, lines } of JSON.parse(readFileSync(steps, "utf8")) as { room: number; lines: string[] }[]) {
  execFileSync("prlimit", [`--pid=${process.pid}`, `--fsize=${statSync(path).size + room}:`]);
  process.stdout.write(`${JSON.stringify(file.appendAll(lines).written)}\n`);
}
