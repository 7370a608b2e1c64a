import { defineConfig } from "vitest/config";

// The gate counts results from a report of its own (see .ci/run); the numbers are never typed by hand.
const report = process.env["SLUICE_TEST_REPORT"];

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: report === undefined ? ["default"] : ["default", "json"],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
  },
});
