/**
 * A process that appends lines to a file others write to as well: `line-writer.ts FILE NAME COUNT`. Tries each line until it is there, at
 * most ten thousand times, and says on standard output which are.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { LineFile } from "../../src/audit/line-file.js";

const [path = "", name = "", count = "0"] = process.argv.slice(2);
const file = new LineFile(path, { shared: true });
process.stdout.write("open\n");
await new Promise((resolve) => process.stdin.once("data", resolve));
for (let at = 0, tries = 0; at < Number(count) && tries < 10_000; tries += 1) {
  try {
    file.append(JSON.stringify({ name, at, filler: "x".repeat(150 + (at % 70)) }));
    process.stdout.write(`${JSON.stringify({ name, at })}\n`);
    at += 1;
  } catch (fault) {
    if (!(fault instanceof Error)) throw fault;
    if (tries % 100 === 0) process.stdout.write("full\n");
    await sleep(5);
  }
}
process.exit(0);
