/** What splicing and removing do to the bytes, down to the comma. */
import { describe, expect, test } from "vitest";
import { removeElement, removeMember, splice } from "../../../src/mcp/json/splice.ts";
import { type JsonDocument, readJson } from "../../../src/mcp/json.ts";

const edit = (start: number, end: number, text = "") => ({ start, end, bytes: Buffer.from(text) });

function read(text: string): JsonDocument {
  const result = readJson(Buffer.from(text), { bytes: 1000, depth: 10, nodes: 100, string: 100 });
  if (!result.ok) throw new Error(result.failure.reason);
  return result.value;
}

function text(result: ReturnType<typeof splice>): string {
  if (!result.ok) throw new Error(result.failure.detail);
  return result.value.toString();
}

describe("splice", () => {
  const document = Buffer.from("0123456789");

  test("without edits answers the very same buffer", () => {
    const result = splice(document, []);
    expect(result.ok && result.value === document).toBe(true);
  });

  test.each([
    ["replaces", [edit(2, 4, "xyz")], "01xyz456789"],
    ["inserts", [edit(3, 3, "-")], "012-3456789"],
    ["removes", [edit(0, 3)], "3456789"],
    ["appends", [edit(10, 10, "!")], "0123456789!"],
    ["replaces all", [edit(0, 10, "x")], "x"],
    ["takes edits in any order", [edit(8, 9, "b"), edit(1, 2, "a")], "0a234567b9"],
    ["takes edits that touch", [edit(4, 6, "b"), edit(2, 4, "a")], "01ab6789"],
    ["inserts before and behind a replaced range", [edit(4, 4, ">"), edit(2, 4, "x"), edit(2, 2, "<")], "01<x>456789"],
  ])("%s", (_name, edits, expected) => {
    expect(text(splice(document, edits))).toBe(expected);
    expect(document.toString()).toBe("0123456789");
  });

  test.each([
    ["overlapping ranges", [edit(2, 5, "a"), edit(4, 6, "b")]],
    ["the same range twice", [edit(2, 5, "a"), edit(2, 5, "a")]],
    ["a range inside another", [edit(2, 8, "a"), edit(4, 5, "b")]],
    ["an insertion inside a range", [edit(2, 8, "a"), edit(4, 4, "b")]],
    ["two insertions at one place", [edit(4, 4, "a"), edit(4, 4, "b")]],
    ["two insertions at one place, one behind a range", [edit(2, 4, "x"), edit(4, 4, "a"), edit(4, 4, "b")]],
    ["a range beyond the end", [edit(9, 11, "a")]],
    ["a negative start", [edit(-1, 2, "a")]],
    ["a range that ends before it starts", [edit(5, 4, "a")]],
    ["a range that is no number", [edit(Number.NaN, 4, "a")]],
    ["a fractional range", [edit(1.5, 4, "a")]],
  ])("refuses %s", (_name, edits) => {
    expect(splice(document, edits)).toMatchObject({ ok: false, failure: { code: "ERR_ENFORCE" } });
  });
});

describe("removeElement", () => {
  test.each<[string, number[], string]>([
    ["[1, 2 ,3]", [], "[1, 2 ,3]"],
    ["[1, 2 ,3]", [0], "[2 ,3]"],
    ["[1, 2 ,3]", [1], "[1 ,3]"],
    ["[1, 2 ,3]", [2], "[1, 2]"],
    ["[1, 2 ,3]", [0, 1], "[3]"],
    ["[1, 2 ,3]", [1, 2], "[1]"],
    ["[1, 2 ,3]", [0, 2], "[2]"],
    ["[1, 2 ,3]", [2, 1, 0], "[]"],
    ["[ 1 ]", [0], "[  ]"],
    ["[\n  1,\n  2,\n  3\n]", [1], "[\n  1,\n  3\n]"],
    ["[\n  1,\n  2,\n  3\n]", [2], "[\n  1,\n  2\n]"],
    ['[1,[2,3],{"a":4},5,6]', [1, 2, 4], "[1,5]"],
  ])("of %j takes %j out", (source, indexes, expected) => {
    const document = read(source);
    const elements = document.elements(0);
    expect(
      text(
        splice(
          document.bytes,
          removeElement(
            document,
            0,
            indexes.map((index) => elements[index] as number),
          ),
        ),
      ),
    ).toBe(expected);
  });

  test("throws for a node that is no element of the array", () => {
    const document = read('[[1],{"a":2}]');
    for (const node of [0, 2, 4]) expect(() => removeElement(document, 0, [1, node])).toThrow(RangeError);
    expect(() => removeElement(document, 3, [5])).toThrow(RangeError);
  });
});

describe("removeMember", () => {
  test.each<[string, string[], string]>([
    ['{"a":1, "b" : 2 ,"c":3}', ["a"], '{"b" : 2 ,"c":3}'],
    ['{"a":1, "b" : 2 ,"c":3}', ["b"], '{"a":1 ,"c":3}'],
    ['{"a":1, "b" : 2 ,"c":3}', ["c"], '{"a":1, "b" : 2}'],
    ['{"a":1, "b" : 2 ,"c":3}', ["b", "c"], '{"a":1}'],
    ['{"a":1, "b" : 2 ,"c":3}', ["a", "c"], '{"b" : 2}'],
    ['{ "a":1, "b" : 2 ,"c":3 }', ["a", "b", "c"], "{  }"],
    ['{"a":{"x":[1,2]},"b":1e2}', ["a"], '{"b":1e2}'],
  ])("of %j takes %j out", (source, names, expected) => {
    const document = read(source);
    const keys = names.map((name) => document.member(0, name) - 1);
    expect(text(splice(document.bytes, removeMember(document, 0, keys)))).toBe(expected);
  });

  test("throws for a value node in the place of a key, and for a key of another object", () => {
    const document = read('{"a":{"b":1}}');
    for (const node of [2, 3]) expect(() => removeMember(document, 0, [node])).toThrow(RangeError);
  });
});
