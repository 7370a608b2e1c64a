/**
 * The pages of the shipped packs against the packs: each rule has its section, each setting its place, and none that is not there.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { packNames, readJson, ruleIds } from "./rules.ts";

const SECTIONS = ["Summary", "Blocks", "Lets pass", "Settings", "Known misses"];

describe.each([...packNames])("the page of %s", (pack) => {
  const page = readFileSync(join(import.meta.dirname, `../../docs/policy/rules/${pack}.md`), "utf8");
  const rules = page.split(/^### /m).slice(1);

  it("describes exactly the rules of the pack", () => {
    const described = rules.map((rule) => rule.slice(0, rule.indexOf("\n"))).toSorted();
    expect(described).toEqual(ruleIds(pack, ["allow", "deny", "redact"]));
  });

  it("says of each rule what it blocks, lets pass and misses", () => {
    const incomplete = rules.filter((rule) => SECTIONS.some((section) => !rule.includes(`- **${section}:** `)));
    expect(incomplete).toEqual([]);
  });

  it("names every setting", () => {
    const missing = Object.keys(readJson(pack, "settings.json") as object).filter((name) => !page.includes(`\`${name}`));
    expect(missing).toEqual([]);
  });
});
