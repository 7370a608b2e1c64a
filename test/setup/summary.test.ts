/** The last lines of the gate are the test runner's own numbers, and a run without a passing test is a failure. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Scratch } from "./scratch.ts";

let scratch: Scratch;
beforeEach(() => {
  scratch = new Scratch();
});
afterEach(() => {
  scratch.remove();
});

function summary(log: string, report: unknown): { code: number | null; out: string } {
  const [logFile, reportFile] = [path.join(scratch.folder, "log"), path.join(scratch.folder, "report.json")];
  fs.writeFileSync(logFile, log);
  if (report !== undefined) fs.writeFileSync(reportFile, JSON.stringify(report));
  const { status, stdout } = spawnSync(process.execPath, ["scripts/test-summary.mjs", logFile, reportFile], {
    cwd: scratch.checkout,
    encoding: "utf8",
  });
  return { code: status, out: stdout };
}

const LOG =
  " ok a.test.ts\n\n\u001b[2m Test Files \u001b[22m 2 passed (2)\n      Tests  7 passed (7)\n   Duration  1.2s\n\nJSON report written\n";

test("ends with the runner's summary, without colours, and the counts of its report", () => {
  expect(summary(LOG, { numPassedTests: 7, numFailedTests: 0, numPendingTests: 1, testResults: [] })).toEqual({
    code: 0,
    out: " Test Files  2 passed (2)\n      Tests  7 passed (7)\n   Duration  1.2s\n7 passed, 0 failed, 1 skipped\n",
  });
});

test("a failed test is a failure", () => {
  expect(summary(LOG, { numPassedTests: 6, numFailedTests: 1, testResults: [] })).toMatchObject({
    code: 1,
    out: expect.stringMatching(/\n6 passed, 1 failed\n$/),
  });
});

test("a file that could not be loaded is a failure, although it has no tests to count", () => {
  const report = { numPassedTests: 6, numFailedTests: 0, testResults: [{ status: "failed", assertionResults: [] }] };
  expect(summary(LOG, report)).toMatchObject({ code: 1, out: expect.stringMatching(/\n6 passed, 1 failed\n$/) });
});

test.each([
  ["no test ran", { numPassedTests: 0, numFailedTests: 0, testResults: [] }],
  ["there is no report", undefined],
])("it is a failure when %s", (_, report) => {
  expect(summary("", report)).toMatchObject({ code: 1, out: expect.stringMatching(/^(the tests did not run\n)?0 passed, 0 failed\n$/) });
});
