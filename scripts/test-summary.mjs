/**
 * Prints how a test run ended: the test runner's own summary out of its log, then one plain line counted from its JSON report.
 * `node scripts/test-summary.mjs LOG REPORT`; exit code 1 when tests failed or none ran. Must not run anything.
 */
import fs from "node:fs";

const [log = "", report = ""] = process.argv.slice(2);

const lines = fs.existsSync(log) ? fs.readFileSync(log, "utf8").split("\n") : [];
const start = lines.findLastIndex?.((line) => /^\s*Test Files\s/.test(line)) ?? -1;
if (start !== -1) process.stdout.write(`${lines.slice(start).join("\n").trimEnd()}\n\n`);

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
