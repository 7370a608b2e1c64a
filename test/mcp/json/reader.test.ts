/** What the strict reader refuses and why, its limits, its behaviour over chunks, and what a document answers. */
import { describe, expect, test } from "vitest";
import { hashOf } from "../../../src/mcp/json/keys.ts";
import { ABSENT, type JsonDocument, type JsonLimits, JsonReader, readJson } from "../../../src/mcp/json.ts";

const LIMITS: JsonLimits = { bytes: 1 << 22, depth: 64, nodes: 1_000_000, string: 1 << 21 };

const read = (document: string | Uint8Array, limits: Partial<JsonLimits> = {}) =>
  readJson(typeof document === "string" ? Buffer.from(document) : document, { ...LIMITS, ...limits });

function accepted(document: string | Uint8Array, limits: Partial<JsonLimits> = {}): JsonDocument {
  const result = read(document, limits);
  if (!result.ok) throw new Error(`${result.failure.reason} at ${result.failure.offset}`);
  return result.value;
}

const inString = (...bytes: number[]): Buffer => Buffer.from([0x22, ...bytes, 0x22]);

describe("refuses what does not have exactly one meaning", () => {
  test.each<[string, string | Uint8Array, string, number]>([
    ["nothing", "", "no value", 0],
    ["white space only", " \t\r\n", "no value", 4],
    ["a byte order mark", "\ufeff{}", "a byte order mark", 0],
    ["a byte order mark behind the start", " \ufeff{}", "a value is expected", 1],
    ["a no-break space", "\u00a0{}", "a value is expected", 0],
    ["a form feed between tokens", "[1,\f2]", "a value is expected", 3],
    ["NUL between tokens", "[1,\u00002]", "a value is expected", 3],
    ["NUL behind the document", "1\u0000", "something follows the document", 1],
    ["a second document", "{}{}", "something follows the document", 2],
    ["garbage behind a string", '"a"b', "something follows the document", 3],
    ["a comment", "[1/*x*/]", "a comma or the end of the container is expected", 2],
    ["a duplicate key", '{"name":1,"name":2}', "a key that is already there", 10],
    ["a duplicate key, the second escaped", '{"name":1,"n\\u0061me":2}', "a key that is already there", 10],
    ["a duplicate key, the first escaped", '{"n\\u0061me":1,"name":2}', "a key that is already there", 15],
    ["a duplicate key, both escaped in their own way", '{"\\u006eame":1,"n\\u0061me":2}', "a key that is already there", 15],
    ["a duplicate key beyond ASCII", '{"é":1,"\\u00E9":2}', "a key that is already there", 8],
    ["a duplicate key beyond the BMP", '{"😀":1,"\\ud83d\\ude00":2}', "a key that is already there", 10],
    ["a duplicate empty key", '{"":1,"":2}', "a key that is already there", 6],
    ["a duplicate __proto__", '{"__proto__":1,"__proto__":2}', "a key that is already there", 15],
    ["a duplicate key deep inside", '[{"a":{"b":[{"c":1,"d":{"c":1},"c":2}]}}]', "a key that is already there", 31],
    ["NUL in a key", '{"name\\u0000":1}', "NUL in a key", 1],
    ["a lone high surrogate", '"\\ud800"', "a lone surrogate", 1],
    ["a lone low surrogate", '"a\\udc00"', "a lone surrogate", 2],
    ["two low surrogates", '"\\udc00\\udc00"', "a lone surrogate", 1],
    ["a surrogate pair the wrong way round", '"\\udc00\\ud800"', "a lone surrogate", 1],
    ["a high surrogate before something else", '"\\ud800\\n"', "a lone surrogate", 1],
    ["two high surrogates", '"\\ud800\\ud800"', "a lone surrogate", 1],
    ["a lone surrogate in a key", '{"\\uD834":1}', "a lone surrogate", 2],
    ["an escape that JSON does not have", '"\\x41"', "an invalid escape", 2],
    ["an upper-case escape", '"\\U0041"', "an invalid escape", 2],
    ["a short Unicode escape", '"\\u41"', "an invalid escape", 5],
    ["a signed Unicode escape", '"\\u+041"', "an invalid escape", 3],
    ["a Unicode escape with a space", '"\\u 041"', "an invalid escape", 3],
    ["a bad second half", '"\\ud83d\\uZe00"', "an invalid escape", 9],
    ["a line feed in a string", '"a\nb"', "a control character in a string", 2],
    ["a tab in a key", '{"a\tb":1}', "a control character in a string", 3],
    ["NUL in a string", '"a\u0000"', "a control character in a string", 2],
    ["0x1f in a string", inString(0x1f), "a control character in a string", 1],
    ["a continuation byte alone", inString(0x80), "invalid UTF-8", 1],
    ["an overlong slash (2 bytes)", inString(0xc0, 0xaf), "invalid UTF-8", 1],
    ["an overlong NUL", inString(0xc0, 0x80), "invalid UTF-8", 1],
    ["an overlong c1", inString(0xc1, 0xbf), "invalid UTF-8", 1],
    ["an overlong slash (3 bytes)", inString(0xe0, 0x80, 0xaf), "invalid UTF-8", 2],
    ["an overlong slash (4 bytes)", inString(0xf0, 0x80, 0x80, 0xaf), "invalid UTF-8", 2],
    ["an encoded surrogate", inString(0xed, 0xa0, 0x80), "invalid UTF-8", 2],
    ["an encoded surrogate pair (CESU-8)", inString(0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80), "invalid UTF-8", 2],
    ["beyond U+10FFFF", inString(0xf4, 0x90, 0x80, 0x80), "invalid UTF-8", 2],
    ["a five-byte form", inString(0xf8, 0x88, 0x80, 0x80, 0x80), "invalid UTF-8", 1],
    ["0xff", inString(0xff), "invalid UTF-8", 1],
    ["a sequence cut short by the quote", inString(0xe2, 0x82), "invalid UTF-8", 3],
    ["a four-byte sequence cut short", inString(0xf0, 0x9f, 0x98), "invalid UTF-8", 4],
    ["a leading zero", "[01]", "a comma or the end of the container is expected", 2],
    ["a negative leading zero", "-012", "something follows the document", 2],
    ["a plus sign", "+1", "a value is expected", 0],
    ["a minus alone", "[-]", "a digit is expected", 2],
    ["a point without a fraction", "[1.]", "a digit is expected", 3],
    ["a point without an integer", "[.5]", "a value is expected", 1],
    ["an exponent without digits", "[1e]", "a digit is expected", 3],
    ["an exponent with a sign only", "[1E+]", "a digit is expected", 4],
    ["hexadecimal", "[0x10]", "a comma or the end of the container is expected", 2],
    ["NaN", "NaN", "a value is expected", 0],
    ["Infinity", "[Infinity]", "a value is expected", 1],
    ["-Infinity", "[-Infinity]", "a digit is expected", 2],
    ["a number that is not finite", "[1e400]", "a number that is not finite", 1],
    ["a negative number that is not finite", "-1.5E+309", "a number that is not finite", 0],
    ["an integer that is not finite", "9".repeat(310), "a number that is not finite", 0],
    ["a long fraction with a large exponent", `0.${"1".repeat(250)}e999`, "a number that is not finite", 0],
    ["a misspelt literal", "[trUe]", "a value is expected", 1],
    ["a literal run together with another", "truefalse", "something follows the document", 4],
    ["a trailing comma in an array", "[1,]", "a value is expected", 3],
    ["a trailing comma in an object", '{"a":1,}', "a key is expected", 7],
    ["two commas", "[1,,2]", "a value is expected", 3],
    ["a missing comma", "[1 2]", "a comma or the end of the container is expected", 3],
    ["a missing colon", '{"a" 1}', "a colon is expected", 5],
    ["a key that is no string", "{1:2}", "a key is expected", 1],
    ["a key in single quotes", "{'a':1}", "a key is expected", 1],
    ["the wrong bracket", "[1}", "a comma or the end of the container is expected", 2],
    ["the wrong brace", '{"a":1]', "a comma or the end of the container is expected", 6],
    ["a bracket alone", "]", "a value is expected", 0],
    ["an open array", "[[1]", "the document ends too early", 4],
    ["an open string", '"abc', "the document ends too early", 4],
    ["an open escape", '"abc\\', "the document ends too early", 5],
    ["a cut UTF-8 sequence", Buffer.from([0x22, 0xe2, 0x82]), "the document ends too early", 3],
    ["an unfinished number", "-", "the document ends too early", 1],
    ["an unfinished literal", "nul", "the document ends too early", 3],
  ])("%s", (_name, document, reason, offset) => {
    expect(read(document)).toEqual({ ok: false, failure: { reason, offset, tooLarge: false } });
  });
});

describe("accepts every spelling of one meaning", () => {
  const numbers = [
    "0",
    "-0",
    "0.0",
    "1e2",
    "1E+2",
    "12e10",
    "1e200",
    "1.50",
    "-1.5e-3",
    "9007199254740993",
    "1e-400",
    "1e308",
    "0e999",
    "1e000000000002",
  ];
  const longNumbers = ["1.7976931348623157e308", "9".repeat(308), `0.${"0".repeat(400)}1`, `-${"1".repeat(250)}e50`];
  const escapes = ['"\\u0041"', '"\\/"', '"\\u0000"', '"\\ud83d\\ude00"', '"\\"\\\\\\b\\f\\n\\r\\t"', '"\\uFFFF"'];
  const texts = ['""', '"😀 é €"', '"\u007f"', '"\ufeff"', '"\u0080\u07ff\u0800\ud7ff\ue000\uffff"', '"\u{10000}\u{10ffff}"'];
  const containers = [" [ ] ", "\t{\r\n}", '{"a":{"a":{"a":1}},"b":{"a":1}}', '[{"a":1},{"a":1}]', '{"a":1,"A":2,"\uff41":3}'];
  test.each([...numbers, ...longNumbers, ...escapes, ...texts, ...containers, "true", "false", "null"])("%s", (text) => {
    const document = accepted(text);
    expect(document.value(0)).toEqual(JSON.parse(text));
    expect(document.bytes.toString()).toBe(text);
    expect(document.raw(0)).toBe(text.trim());
  });
});

describe("keeps its limits", () => {
  test.each<[string, string, Partial<JsonLimits>]>([
    ["bytes at the limit", "[1,2]", { bytes: 5 }],
    ["depth at the limit", '[{"a":[1]}]', { depth: 3 }],
    ["siblings at the limit of depth", '[[],[[]],{},{"a":{}},[[],[]]]', { depth: 3 }],
    ["a scalar at depth 0", "1", { depth: 0 }],
    ["values and keys at the limit", '{"a":[1,2]}', { nodes: 5 }],
    ["a string at the limit", '"abé"', { string: 4 }],
  ])("%s", (_name, document, limits) => {
    expect(read(document, limits).ok).toBe(true);
  });

  test.each<[string, string, Partial<JsonLimits>, string, number]>([
    ["bytes over the limit", "[1,2] ", { bytes: 5 }, "more bytes than the limit", 5],
    ["depth over the limit", '[{"a":[[]]}]', { depth: 3 }, "nested deeper than the limit", 7],
    ["values over the limit", '{"a":[1,2,3]}', { nodes: 5 }, "more values than the limit", 10],
    ["a key over the node limit", '{"a":1,"b":2}', { nodes: 3 }, "more values than the limit", 7],
    ["a string over the limit", '["abcé"]', { string: 4 }, "a string longer than the limit", 6],
    ["an escaped string over the limit as sent", '"\\u0041"', { string: 5 }, "a string longer than the limit", 6],
    ["a key over the limit", '{"abcde":1}', { string: 4 }, "a string longer than the limit", 6],
    ["a key over 16 KiB", `{"${"k".repeat(16_385)}":1}`, { bytes: 20_000, string: 20_000 }, "a string longer than the limit", 16_386],
    ["a number over the limit", "[12345]", { string: 4 }, "a string longer than the limit", 5],
    ["a root number over the limit", "12345", { string: 4 }, "a string longer than the limit", 4],
    ["an endless string over the limit", '"abcdefg', { string: 4 }, "a string longer than the limit", 5],
  ])("%s", (_name, document, limits, reason, offset) => {
    expect(read(document, limits)).toEqual({ ok: false, failure: { reason, offset, tooLarge: true } });
  });

  test("says so before the document is complete, and keeps saying so", () => {
    const reader = new JsonReader({ ...LIMITS, bytes: 4 });
    expect(reader.push(Buffer.from('"ab'))).toBeUndefined();
    const fault = reader.push(Buffer.from("cdefgh"));
    expect(fault).toEqual({ reason: "more bytes than the limit", offset: 4, tooLarge: true });
    expect(reader.push(Buffer.from('"'))).toBe(fault);
    expect(reader.finish()).toEqual({ ok: false, failure: fault });
  });
});

test("finds every byte that ends plain text, at every place of a word and beside every kind of neighbour", () => {
  for (let byte = 0; byte < 256; byte += 1) {
    for (const neighbour of [" ", "!", "#", "[", "]", "\u007f"]) {
      for (let place = 0; place < 9; place += 1) {
        const text = Buffer.from(`"${neighbour.repeat(12)}"`);
        text[place + 1] = byte;
        expect([byte, neighbour, place, read(text).ok]).toEqual([
          byte,
          neighbour,
          place,
          byte >= 0x20 && byte < 0x80 && byte !== 0x22 && byte !== 0x5c,
        ]);
      }
    }
  }
});

describe("finds duplicates among many keys", () => {
  const keys = Array.from({ length: 5000 }, (_, index) => `key${index}`);
  const object = (names: readonly string[]): string => `{${names.map((name) => `${JSON.stringify(name)}:0`).join(",")}}`;

  test.each([30, 31, 32, 33, 34, 64, 5000])("%i different keys are accepted, and one more that is there already is not", (count) => {
    const names = keys.slice(0, count);
    expect(accepted(object(names)).members(0)).toHaveLength(count);
    for (const name of [names[0] as string, names[count >> 1] as string, names[count - 1] as string]) {
      expect(read(object([...names, name]))).toMatchObject({ ok: false, failure: { reason: "a key that is already there" } });
      const escaped = `{${object(names).slice(1, -1)},"\\u006b${name.slice(1)}":1}`;
      expect(read(escaped)).toMatchObject({ ok: false, failure: { reason: "a key that is already there" } });
    }
  });

  test("keys of one length, with the same ends, and with escapes in between", () => {
    const alike = Array.from({ length: 100 }, (_, index) => `"prefix${String(index).padStart(200, "0")}suffix":1`);
    expect(read(`{${alike.join(",")}}`).ok).toBe(true);
    expect(read(`{${alike.join(",")},"\\u0061":1,"b":1,${alike[50]}}`).ok).toBe(false);
    expect(read(`{"\\u0061":1,${alike.slice(0, 20).join(",")},${alike[0]}}`).ok).toBe(false);
    expect(read(`{${alike.slice(0, 20).join(",")},${alike[0]}}`).ok).toBe(false);
  });

  test("keys that were made to collide in the table", () => {
    const hash = (name: string): number => hashOf(Buffer.from(name), 0, name.length, 0) & 0xff;
    const colliding = Array.from({ length: 40_000 }, (_, index) => `made-${index}`).filter((name) => hash(name) === hash("made-0"));
    expect(colliding.length).toBeGreaterThan(100);
    const names = [...keys.slice(0, 20), ...colliding.slice(0, 100)];
    expect(read(object(names)).ok).toBe(true);
    for (const again of [names[0], names[15], names[25], names[60], names[119]]) {
      expect(read(object([...names, again as string]))).toMatchObject({ ok: false, failure: { reason: "a key that is already there" } });
    }
  });

  test("an inner object with many keys does not lend them to the outer one", () => {
    const inner = object(keys.slice(0, 100));
    expect(read(`{"key0":${inner},"key1":[${inner},${inner}],"key2":0}`).ok).toBe(true);
    expect(read(`{"key0":${inner},"key1":0,"key0":0}`).ok).toBe(false);
  });

  test("raw bytes of a key that read like another key's text in Latin-1 are another key", () => {
    expect(read('{"é":1,"Ã©":2,"\\u00c3\\u00a9x":3}').ok).toBe(true);
  });
});

test("answers a fault with the chunk that brings it", () => {
  const reader = new JsonReader(LIMITS);
  expect(reader.push(Buffer.from('{"a":1,"'))).toBeUndefined();
  expect(reader.push(Buffer.from('a"'))).toEqual({ reason: "a key that is already there", offset: 7, tooLarge: false });
});

test("keeps its own copy of the chunks", () => {
  const reader = new JsonReader(LIMITS);
  const chunk = Buffer.from('["abc"]');
  reader.push(chunk);
  chunk.fill(0x20);
  const result = reader.finish();
  expect(result.ok && result.value.bytes.toString()).toBe('["abc"]');
});

test("takes no more once it is finished, and answers the same again", () => {
  const reader = new JsonReader(LIMITS);
  reader.push(Buffer.from("[1]"));
  const result = reader.finish();
  expect(() => reader.push(Buffer.from(" "))).toThrow("finished");
  expect(reader.finish()).toBe(result);
});

test("a long string in one-byte chunks is scanned once", () => {
  const text = `"${"long ".repeat(60_000)}"`;
  const reader = new JsonReader(LIMITS);
  for (const byte of Buffer.from(text)) expect(reader.push(Uint8Array.of(byte))).toBeUndefined();
  const result = reader.finish();
  expect(result.ok && result.value.raw(0) === text).toBe(true);
});

describe("a document", () => {
  const text = ' { "a" : [1, {"b": "\\u0041\\/é"}, []], "c/d~e" : {"": null}, "__proto__": {"x": true}, "\\u0066" : -0 } ';
  const document = accepted(text);
  const node = (pointer: string) => document.at(pointer);

  test("knows the kind and span of every node", () => {
    const spans = Array.from({ length: document.size }, (_, n) => [document.kind(n), document.isKey(n), document.raw(n)]);
    expect(spans).toEqual([
      ["object", false, text.trim()],
      ["string", true, '"a"'],
      ["array", false, '[1, {"b": "\\u0041\\/é"}, []]'],
      ["number", false, "1"],
      ["object", false, '{"b": "\\u0041\\/é"}'],
      ["string", true, '"b"'],
      ["string", false, '"\\u0041\\/é"'],
      ["array", false, "[]"],
      ["string", true, '"c/d~e"'],
      ["object", false, '{"": null}'],
      ["string", true, '""'],
      ["null", false, "null"],
      ["string", true, '"__proto__"'],
      ["object", false, '{"x": true}'],
      ["string", true, '"x"'],
      ["true", false, "true"],
      ["string", true, '"\\u0066"'],
      ["number", false, "-0"],
    ]);
  });

  test("steps over subtrees, and from a key to its value", () => {
    expect(document.next(0)).toBe(document.size);
    expect(document.next(2)).toBe(8);
    expect(document.next(4)).toBe(7);
    expect(document.next(7)).toBe(8);
    expect(document.next(1)).toBe(2);
  });

  test("finds members by their decoded name, in objects only", () => {
    expect(document.member(0, "a")).toBe(2);
    expect(document.raw(document.member(0, "f"))).toBe("-0");
    expect(document.kind(document.member(0, "__proto__"))).toBe("object");
    for (const name of ["", "b", "x", "toString", "A", "\\u0066"]) expect(document.member(0, name)).toBe(ABSENT);
    expect(document.member(2, "0")).toBe(ABSENT);
    expect(document.member(3, "a")).toBe(ABSENT);
  });

  test("never takes a lone surrogate for the replacement character", () => {
    const replacement = accepted('{"\ufffd":1}');
    expect(replacement.member(0, "\ufffd")).toBe(2);
    expect(replacement.member(0, "\ud800")).toBe(ABSENT);
    expect(replacement.at("/\ud800")).toBe(ABSENT);
  });

  test("lists elements and members of the right kind only", () => {
    expect(document.elements(2)).toEqual([3, 4, 7]);
    expect(document.elements(0)).toEqual([]);
    expect(document.members(9)).toEqual([[10, 11]]);
    expect(document.members(2)).toEqual([]);
    expect(document.elements(7)).toEqual([]);
  });

  test("decodes text and says when it is escaped", () => {
    expect(document.text(6)).toBe("A/é");
    expect(document.escaped(6)).toBe(true);
    expect(document.escaped(8)).toBe(false);
    expect(document.text(8)).toBe("c/d~e");
    expect(() => document.text(0)).toThrow(TypeError);
  });

  test("gives values with __proto__ as an own member like any other", () => {
    const value = document.value(0) as Record<string, unknown>;
    expect(Object.hasOwn(value, "__proto__")).toBe(true);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect((value as { x?: unknown }).x).toBeUndefined();
    expect(Object.is(document.value(17), -0)).toBe(true);
    expect(document.value(6)).toBe("A/é");
  });

  test.each(["", "/a", "/a/0", "/a/1", "/a/1/b", "/a/2", "/c~1d~0e", "/c~1d~0e/", "/__proto__", "/__proto__/x", "/f"])(
    "finds %j and points at it again",
    (pointer) => {
      expect(document.pointer(node(pointer))).toBe(pointer);
    },
  );

  test("gives a key the pointer of its value", () => {
    expect(document.pointer(5)).toBe("/a/1/b");
  });

  test.each([
    "a",
    "#/a",
    "/a/3",
    "/a/-",
    "/a/00",
    "/a/01",
    "/a/+1",
    "/a/1e0",
    "/a/ 1",
    "/a/",
    "/a/0/x",
    "/A",
    "/c/d",
    "/c~1d~e",
    "/c~1d~2e",
    "/x~",
    "/f/",
    "/a/99999999999",
  ])("%j leads nowhere", (pointer) => {
    expect(node(pointer)).toBe(ABSENT);
  });

  test("has no node outside of it", () => {
    for (const outside of [ABSENT, document.size, Number.NaN]) expect(() => document.kind(outside)).toThrow(RangeError);
  });
});
