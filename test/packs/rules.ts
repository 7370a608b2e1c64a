/**
 * What the shipped packs hold, read from their files: for tests that compare it with cases, docs and settings.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const PACKS = join(import.meta.dirname, "../../policies/packs");

export const packNames: readonly string[] = readdirSync(PACKS).toSorted();

export const readJson = (pack: string, file: string): unknown => JSON.parse(readFileSync(join(PACKS, pack, file), "utf8"));

/** Ids of the rules of a pack with one of these effects, sorted. */
export function ruleIds(pack: string, effects: readonly string[]): string[] {
  const files = readdirSync(join(PACKS, pack)).filter((file) => file.endsWith(".rego") && !file.endsWith("_test.rego"));
  const rule = new RegExp(`^(?:${effects.join("|")}) contains \\{"id": "([^"]+)"`, "gm");
  return files
    .flatMap((file) => [...readFileSync(join(PACKS, pack, file), "utf8").matchAll(rule)].map((match) => match[1] ?? ""))
    .toSorted();
}
