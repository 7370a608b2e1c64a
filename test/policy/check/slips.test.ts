/** Every slip of a policy author that OPA lets through, or reports badly: each is refused in the author's own file and line. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatProblem } from "../../../src/config/problem.ts";
import { checkPolicy } from "../../../src/policy/policy.ts";
import { policyConfig } from "../policy-files.ts";

const SLIPS = join(import.meta.dirname, "..", "..", "..", "fixtures", "policies", "slips");

interface Slip {
  readonly packs: readonly string[];
  readonly settings?: Record<string, unknown>;
  readonly server_settings?: Record<string, unknown>;
  /** `file` is relative to the rules, or `config`; `text` stands in the line instead of its number. */
  readonly expected: readonly { file: string; line?: number; text?: string; check: string; severity?: string }[];
}

describe("a policy author's slip is refused in the author's own file and line", () => {
  it.concurrent.each(readdirSync(SLIPS))("%s", async (name) => {
    const slip = JSON.parse(readFileSync(join(SLIPS, name, "slip.json"), "utf8")) as Slip;
    const rules = join(SLIPS, name, "rules");
    const { config, deps, text, file } = policyConfig({
      path: rules,
      packs: slip.packs,
      ...(slip.settings === undefined ? {} : { settings: slip.settings }),
      ...(slip.server_settings === undefined ? {} : { server: { settings: slip.server_settings } }),
    });
    const problems = await checkPolicy(config, deps);
    const lineOf = (part: string | undefined): number | undefined =>
      part === undefined ? undefined : text.slice(0, text.indexOf(part)).split("\n").length;
    const expected = slip.expected.map((one) => ({
      file: one.file === "config" ? file : join(rules, one.file),
      line: one.line ?? lineOf(one.text),
      check: one.check,
      severity: one.severity ?? "error",
    }));
    expect(expected.length).toBeGreaterThan(0);
    expect(
      problems.map((problem) => ({ file: problem.file, line: problem.line, check: problem.check, severity: problem.severity })),
    ).toEqual(expected);
    for (const problem of problems) expect(formatProblem(problem)).not.toMatch(/sluice-stage|(^|[\s"'`(])[AB]\//);
  });
});
