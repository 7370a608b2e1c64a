/** Laws of the strict reader: what it accepts has one meaning, and how the bytes arrive changes nothing. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type JsonLimits, JsonReader, readJson } from "../../src/mcp/json.ts";
import { hasOneMeaning, mutatedJson, render, spelledJson } from "./spelled-json.ts";

const LIMITS: JsonLimits = { bytes: 1 << 20, depth: 64, nodes: 100_000, string: 1 << 18 };
const TIGHT = fc.record({
  bytes: fc.integer({ min: 0, max: 60 }),
  depth: fc.integer({ min: 0, max: 3 }),
  nodes: fc.integer({ min: 1, max: 12 }),
  string: fc.integer({ min: 0, max: 8 }),
});

const documents = fc.oneof(
  spelledJson(false).map((tree) => Buffer.from(render(tree, " \n").text)),
  mutatedJson,
);

function readInChunks(bytes: Buffer, cuts: readonly number[], limits: JsonLimits) {
  const reader = new JsonReader(limits);
  const borders = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((one, other) => one - other), bytes.length];
  borders.slice(1).forEach((end, index) => reader.push(bytes.subarray(borders[index], end)));
  return reader.finish();
}

/** Everything a result says, in a form that can be compared. */
function answer(result: ReturnType<typeof readJson>): unknown {
  if (!result.ok) return result.failure;
  const document = result.value;
  const nodes = Array.from({ length: document.size }, (_, node) => ({
    kind: document.kind(node),
    span: [document.start(node), document.end(node), document.next(node)],
    key: document.isKey(node),
    pointer: document.pointer(node),
    text: document.kind(node) === "string" ? [document.text(node), document.escaped(node)] : undefined,
  }));
  return { bytes: document.bytes.toString("latin1"), nodes };
}

test("chunk boundaries: a document split anywhere gives the answer that it gives in one piece", () => {
  fc.assert(
    fc.property(documents, fc.array(fc.nat(), { maxLength: 6 }), fc.oneof(fc.constant(LIMITS), TIGHT), (bytes, cuts, limits) => {
      expect(answer(readInChunks(bytes, cuts, limits))).toEqual(answer(readJson(bytes, limits)));
    }),
    { numRuns: 2000 },
  );
});

test("chunk boundaries: a document in single bytes gives the answer that it gives in one piece", () => {
  fc.assert(
    fc.property(documents, fc.oneof(fc.constant(LIMITS), TIGHT), (bytes, limits) => {
      const everywhere = Array.from(bytes, (_, index) => index);
      expect(answer(readInChunks(bytes, everywhere, limits))).toEqual(answer(readJson(bytes, limits)));
    }),
    { numRuns: 1000 },
  );
});

test("one meaning: exactly the documents with one meaning are accepted, and their value is what JSON.parse reads", () => {
  let accepted = 0;
  let refused = 0;
  fc.assert(
    fc.property(documents, (bytes) => {
      const result = readJson(bytes, LIMITS);
      expect(result.ok).toBe(hasOneMeaning(bytes));
      if (result.ok) {
        accepted += 1;
        expect(result.value.value(0)).toEqual(JSON.parse(bytes.toString()));
      } else refused += 1;
    }),
    { numRuns: 4000 },
  );
  // The law says nothing unless both sides of it occur.
  expect(Math.min(accepted, refused)).toBeGreaterThan(400);
});

test("one meaning: no bytes at all make the reader throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(readJson(bytes, LIMITS).ok).toBe(hasOneMeaning(bytes));
    }),
    { numRuns: 2000 },
  );
});

test("no duplicates: an object is refused exactly when two of its keys decode to the same text, however many there are", () => {
  const spell = (key: number, escape: boolean): string => (escape ? `"\\u006b${key}"` : `"k${key}"`);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 9 })), { maxLength: 80 }), (members) => {
      const text = `{${members.map(([key, roll]) => `${spell(key, roll === 0)}:1`).join(",")}}`;
      expect(readJson(Buffer.from(text), LIMITS).ok).toBe(new Set(members.map(([key]) => key)).size === members.length);
    }),
    { numRuns: 500 },
  );
});
