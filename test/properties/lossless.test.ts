/** The invariant "lossless": spans are exact, and a change touches nothing but its span. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { removeElement, removeMember, splice } from "../../src/mcp/json/splice.ts";
import { type JsonDocument, type JsonLimits, type Node, readJson } from "../../src/mcp/json.ts";
import { render, spelledJson, spelledString } from "./spelled-json.ts";

const LIMITS: JsonLimits = { bytes: 1 << 20, depth: 64, nodes: 100_000, string: 1 << 18 };

const trees = spelledJson(true).chain((tree) => fc.constantFrom("", " ", "\r\n\t").map((around) => render(tree, around)));

function read(bytes: Buffer): JsonDocument {
  const result = readJson(bytes, LIMITS);
  if (!result.ok) throw new Error(`${result.failure.reason} at ${result.failure.offset}`);
  return result.value;
}

function spliced(document: JsonDocument, edits: Parameters<typeof splice>[1]): Buffer {
  const result = splice(document.bytes, edits);
  if (!result.ok) throw new Error(result.failure.detail);
  return result.value;
}

const nodesOf = (document: JsonDocument): Node[] => Array.from({ length: document.size }, (_, node) => node);

test("lossless: every value and key is reported, in order, with the bytes that spell it", () => {
  fc.assert(
    fc.property(trees, ({ text, nodes }) => {
      const document = read(Buffer.from(text));
      expect(document.bytes.toString()).toBe(text);
      const reported = nodesOf(document).map((node) => ({
        text: document.raw(node),
        start: document.start(node),
        key: document.isKey(node),
      }));
      expect(reported).toEqual(nodes);
    }),
    { numRuns: 1000 },
  );
});

test("lossless: a value's bytes read alone give the same value, and its pointer leads back to it", () => {
  fc.assert(
    fc.property(trees, ({ text }) => {
      const document = read(Buffer.from(text));
      for (const node of nodesOf(document)) {
        const alone = read(document.bytes.subarray(document.start(node), document.end(node)));
        expect(alone.value(0)).toEqual(document.value(node));
        expect(document.at(document.pointer(node))).toBe(document.isKey(node) ? node + 1 : node);
      }
    }),
    { numRuns: 500 },
  );
});

test("lossless: splicing a value changes its span only", () => {
  fc.assert(
    fc.property(trees, fc.nat(), spelledString, ({ text }, pick, replacement) => {
      const document = read(Buffer.from(text));
      const values = nodesOf(document).filter((node) => !document.isKey(node));
      const node = values[pick % values.length] as Node;
      const [start, end] = [document.start(node), document.end(node)];
      const changed = spliced(document, [{ start, end, bytes: Buffer.from(replacement) }]);
      expect(changed.subarray(0, start).equals(document.bytes.subarray(0, start))).toBe(true);
      expect(changed.subarray(start + Buffer.byteLength(replacement)).equals(document.bytes.subarray(end))).toBe(true);
      expect(read(changed).raw(read(changed).at(document.pointer(node)))).toBe(replacement);
    }),
    { numRuns: 500 },
  );
});

test("lossless: splicing any values at once equals splicing them one by one from the back", () => {
  fc.assert(
    fc.property(trees, fc.array(fc.boolean(), { minLength: 1, maxLength: 30 }), ({ text }, choice) => {
      const document = read(Buffer.from(text));
      const scalars = nodesOf(document).filter((node) => document.next(node) === node + 1 && !document.isKey(node));
      const edits = scalars
        .filter((_, index) => choice[index % choice.length])
        .map((node, index) => ({ start: document.start(node), end: document.end(node), bytes: Buffer.from(`"x${index}"`) }));
      const oneByOne = edits
        .toReversed()
        .reduce((bytes, edit) => Buffer.concat([bytes.subarray(0, edit.start), edit.bytes, bytes.subarray(edit.end)]), document.bytes);
      expect(spliced(document, edits.toReversed()).equals(oneByOne)).toBe(true);
      expect(spliced(document, edits).equals(oneByOne)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("removal: taking out any elements or members is what filtering the value is, and every other byte order stays", () => {
  fc.assert(
    fc.property(trees, fc.nat(), fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }), ({ text }, pick, choice) => {
      const document = read(Buffer.from(text));
      const containers = nodesOf(document).filter((node) => document.kind(node) === "array" || document.kind(node) === "object");
      const container = containers[pick % Math.max(containers.length, 1)];
      if (container === undefined) return;
      const isOut = (_: unknown, index: number): boolean => choice[index % choice.length] as boolean;
      const members = document.members(container);
      const elements = document.elements(container);
      const edits =
        document.kind(container) === "array"
          ? removeElement(document, container, elements.filter(isOut).toReversed())
          : removeMember(
              document,
              container,
              members.filter(isOut).map(([key]) => key),
            );
      const changed = read(spliced(document, edits));
      const left = changed.at(document.pointer(container));
      const kept = (node: Node, index: number): boolean => !isOut(node, index);
      expect(changed.elements(left).map((node) => changed.raw(node))).toEqual(elements.filter(kept).map((node) => document.raw(node)));
      expect(changed.members(left).map(([key, value]) => [changed.raw(key), changed.raw(value)])).toEqual(
        members.filter((_, index) => !isOut(_, index)).map(([key, value]) => [document.raw(key), document.raw(value)]),
      );
      // Outside of the container nothing moved, and inside only bytes were taken away.
      expect(changed.bytes.subarray(0, document.start(container)).equals(document.bytes.subarray(0, document.start(container)))).toBe(true);
      expect(changed.bytes.subarray(changed.end(left)).equals(document.bytes.subarray(document.end(container)))).toBe(true);
      expect(edits.every((edit) => edit.bytes.length === 0)).toBe(true);
    }),
    { numRuns: 1500 },
  );
});
