/**
 * Prints how a test run ended: the test runner's own summary out of its log, then one plain line counted from its JSON report.
 * `node scripts/test-summary.mjs LOG REPORT`; exit code 1 when tests failed or none ran. Must not run anything.
 */
import fs from "node:fs";
import { stripVTControlCharacters } from "node:util";

const [log = "", report = ""] = process.argv.slice(2);

const lines = fs.existsSync(log) ? stripVTControlCharacters(fs.readFileSync(log, "utf8")).split("\n") : [];
// "Test Files … Tests … Start at … Duration …", up to the first empty line.
const start = lines.map((line) => /^\s*Test Files\s/.test(line)).lastIndexOf(true);
const end = lines.indexOf("", start);
if (start !== -1) process.stdout.write(`${lines.slice(start, end === -1 ? undefined : end).join("\n")}\n`);

let counts;
try {
  counts = JSON.parse(fs.readFileSync(report, "utf8"));
} catch {
  counts = undefined;
}
const passed = counts?.numPassedTests ?? 0;
// A file that cannot be loaded has no tests to count, and is a failure all the same.
const broken = (counts?.testResults ?? []).filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
const failed = (counts?.numFailedTests ?? 0) + broken;
const skipped = (counts?.numPendingTests ?? 0) + (counts?.numTodoTests ?? 0);
if (counts === undefined) process.stdout.write("the tests did not run\n");
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
process.exitCode = passed > 0 && failed === 0 ? 0 : 1;
