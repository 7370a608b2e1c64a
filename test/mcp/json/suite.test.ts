/** The strict reader against JSONTestSuite, and against the documents that Sluice refuses although RFC 8259 allows them. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type JsonLimits, readJson } from "../../../src/mcp/json.ts";

const LIMITS: JsonLimits = { bytes: 1 << 20, depth: 64, nodes: 100_000, string: 1 << 18 };
const SUITE = new URL("../../../fixtures/wire/json/suite/", import.meta.url);
const documents = readdirSync(SUITE).filter((name) => name.endsWith(".json"));
const named = (prefix: string): string[] => documents.filter((name) => name.startsWith(prefix));
const load = (name: string): Buffer => readFileSync(new URL(encodeURIComponent(name), SUITE));

const REFUSED_ON_PURPOSE = new Map([
  ["y_object_duplicated_key.json", "a key that is already there"],
  ["y_object_duplicated_key_and_value.json", "a key that is already there"],
  ["y_object_escaped_null_in_key.json", "NUL in a key"],
]);
/** Of the `i_` files: integers that a double only approximates, and numbers so small that they are zero. All others have no one meaning. */
const ACCEPTED_BY_CHOICE = new Set([
  "i_number_double_huge_neg_exp.json",
  "i_number_real_underflow.json",
  "i_number_too_big_neg_int.json",
  "i_number_too_big_pos_int.json",
  "i_number_very_big_negative_int.json",
]);
const MADE = new Map([
  ["n_structure_100000_opening_arrays", "[".repeat(100_000)],
  ["n_structure_open_array_object", '[{"":'.repeat(50_000)],
]);

test("the suite is there", () => {
  expect([named("y_").length, named("n_").length, named("i_").length]).toEqual([95, 186, 35]);
});

test.each(named("y_").filter((name) => !REFUSED_ON_PURPOSE.has(name)))("accepts %s and reads it as JSON.parse does", (name) => {
  const bytes = load(name);
  const read = readJson(bytes, LIMITS);
  if (!read.ok) throw new Error(read.failure.reason);
  expect(read.value.value(0)).toEqual(JSON.parse(bytes.toString()));
  expect(read.value.bytes.equals(bytes)).toBe(true);
});

test.each([...REFUSED_ON_PURPOSE])("refuses %s: %s", (name, reason) => {
  expect(readJson(load(name), LIMITS)).toMatchObject({ ok: false, failure: { reason, tooLarge: false } });
});

test.each(named("n_"))("refuses %s", (name) => {
  expect(readJson(load(name), LIMITS).ok).toBe(false);
});

test.each([...MADE])("refuses %s", (_name, text) => {
  expect(readJson(Buffer.from(text), LIMITS)).toMatchObject({
    ok: false,
    failure: { reason: "nested deeper than the limit", tooLarge: true },
  });
});

test.each(named("i_"))("answers %s with one meaning or with a refusal", (name) => {
  const bytes = load(name);
  const read = readJson(bytes, LIMITS);
  expect(read.ok).toBe(ACCEPTED_BY_CHOICE.has(name));
  if (read.ok) expect(read.value.value(0)).toEqual(JSON.parse(bytes.toString()));
});
