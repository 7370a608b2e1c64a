import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonDocument, readJson } from "../../../src/mcp/json.ts";
import { checkPath, selectNodes, selectParents } from "../../../src/mcp/json/path.ts";
import type { PathExpression } from "../../../src/policy/decision.ts";

function read(text: string): JsonDocument {
  const document = readJson(Buffer.from(text), { bytes: 1e6, depth: 64, nodes: 1e5, string: 1e6 });
  if (!document.ok) throw new Error(document.failure.reason);
  return document.value;
}

function select(text: string, expression: PathExpression, base = "") {
  const document = read(text);
  const nodes = selectNodes(document, document.at(base), expression);
  return nodes.ok ? nodes.value.map((node) => document.pointer(node)) : nodes.failure;
}

describe("expressions that are refused", () => {
  it.each([
    ["a filter", "$.a[?(@.b == 1)]"],
    ["a filter without parentheses", "$.a[?@.b]"],
    ["a script", "$.a[(@.length-1)]"],
    ["a descending script", "$..[(@.length-1)]"],
    ["a type selector", "$.a@string()"],
    ["a type selector behind a dot", "$.a.@string()"],
    ["the parent", "$.a^"],
    ["the parent behind a dot", "$.a.^"],
    ["the property name", "$.a~"],
    ["a property name behind a wildcard", "$.*~"],
    ["a back-tick escape", "$.`a"],
    ["an unfinished descent", "$.."],
    ["three dots", "$...a"],
    ["an unfinished step", "$.a."],
    ["an empty bracket", "$.a[]"],
    ["an open bracket", "$.a[0"],
    ["an unquoted name in brackets", "$.a[b]"],
    ["an unfinished name", "$['a"],
    ["a name that is an index", "$.a.0"],
    ["an index with leading zero", "$.a[01]"],
    ["minus zero", "$.a[-0]"],
    ["an index beyond exact integers", "$.a[99999999999999999999]"],
    ["a step of zero", "$.a[::0]"],
    ["a step backwards", "$.a[::-1]"],
    ["an unknown escape", "$['\\x41']"],
    ["a second root", "$.a.$"],
    ["no root", "a.b"],
    ["nothing", ""],
    ["a space before it", " $.a"],
    ["a bad pointer escape", "/a~2"],
    ["an open pointer escape", "/a~"],
    ["a negative segment", [-1]],
    ["a fractional segment", [0.5]],
    ["an endless expression", `$${".a".repeat(600)}`],
    ["an endless union", `$[${Array(101).fill("0").join(",")}]`],
    ["an endless pointer", "/a".repeat(300)],
  ] as [string, PathExpression][])("refuses %s, at load and at decision time", (_, expression) => {
    expect(checkPath(expression)).toBeTypeOf("string");
    expect(select("{}", expression)).toMatchObject({ code: "ERR_DECISION" });
  });

  it("says what is wrong and where", () => {
    expect(checkPath("$.a[?(@.b)]")).toBe("filters are not available at character 5");
    expect(checkPath("$.a^")).toBe("the parent operator is not available at character 4");
    expect(checkPath("params")).toBe("must start with / (JSON Pointer) or $ (JSONPath)");
  });

  it("never runs what stands in an expression", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."$.[]()?@'\"*~^`:,-01ab;#%\\".split("")), maxLength: 12 }), (tail) => {
        const nodes = select('{"a":[{"b":1},2],"b":{"a":{"*":3}}}', `$${tail}`);
        if (Array.isArray(nodes)) expect(checkPath(`$${tail}`)).toBeUndefined();
        else expect(nodes).toMatchObject({ code: "ERR_DECISION" });
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("JSON Pointers and segments", () => {
  const text = '{"a/b":{"~":[10,{"x":1}]},"0":"zero","__proto__":{"y":2},"":3}';
  it.each([
    ["/a~1b/~0/1/x", ["/a~1b/~0/1/x"]],
    ["/0", ["/0"]],
    ["/__proto__/y", ["/__proto__/y"]],
    ["/", ["/"]],
    ["/constructor", []],
    ["/a~1b/~0/01", []],
    ["/a~1b/~0/-", []],
    ["/a~1b/~0/length", []],
    ["/0/0", []],
  ])("%s leads to %j", (pointer, expected) => {
    expect(select(text, pointer)).toEqual(expected);
  });

  it("takes segments as they are, never as syntax", () => {
    expect(select(text, ["a/b", "~", 1, "x"])).toEqual(["/a~1b/~0/1/x"]);
    expect(select('{"*":1,"$":2,"..":3}', ["*"])).toEqual(["/*"]);
    expect(select('{"*":1,"$":2,"..":3}', [".."])).toEqual(["/.."]);
    expect(select(text, [])).toEqual([""]);
  });

  it("start at the base", () => {
    expect(select('{"items":[{"name":"x"}],"name":"y"}', "/name", "/items/0")).toEqual(["/items/0/name"]);
    expect(select('{"items":[{"name":"x"}],"name":"y"}', "$.name", "/items/0")).toEqual(["/items/0/name"]);
    expect(select('{"items":[{"name":"x"}],"name":"y"}', "$..name", "/items/0")).toEqual(["/items/0/name"]);
  });

  it("find every value by its own pointer", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const document = read(JSON.stringify(value));
        for (let node = 0; node < document.size; node += 1) {
          const pointer = document.pointer(node);
          if (document.isKey(node) || pointer === "") continue;
          expect(selectNodes(document, 0, pointer)).toEqual({ ok: true, value: [node] });
        }
      }),
    );
  });
});

describe("JSONPath", () => {
  const text = '{"a":[1,{"b":2},[3,4]],"c":{"a":"x","d e":5,"é":6}}';
  it.each([
    ["$", [""]],
    ["$.a[0]", ["/a/0"]],
    ["$.a[-1]", ["/a/2"]],
    ["$.a[-3]", ["/a/0"]],
    ["$.a[-4]", []],
    ["$.a[*]", ["/a/0", "/a/1", "/a/2"]],
    ["$.a[1:]", ["/a/1", "/a/2"]],
    ["$.a[::2]", ["/a/0", "/a/2"]],
    ["$.a[-2:-1]", ["/a/1"]],
    ["$.a[0,2,0]", ["/a/0", "/a/2"]],
    ["$.a[2,0:2]", ["/a/0", "/a/1", "/a/2"]],
    ["$['a','c'].a", ["/c/a"]],
    ["$.c['d e']", ["/c/d e"]],
    ['$["c"]["d e"]', ["/c/d e"]],
    ["$.c.é", ["/c/é"]],
    ["$['c']['\\u00e9']", ["/c/é"]],
    ["$..a", ["/a", "/c/a"]],
    ["$..[0]", ["/a/0", "/a/2/0"]],
    ["$.*", ["/a", "/c"]],
    ["$..*", ["/a", "/a/0", "/a/1", "/a/1/b", "/a/2", "/a/2/0", "/a/2/1", "/c", "/c/a", "/c/d e", "/c/é"]],
    ["$..a..b", ["/a/1/b"]],
    ["$.c[0]", []],
    ["$.a.length", []],
    ["$.c.a.length", []],
    ["$.c.a[0]", []],
    ["$.missing.deeper", []],
    ["$.constructor", []],
  ])("%s selects %j", (expression, expected) => {
    expect(select(text, expression)).toEqual(expected);
  });

  it.each([
    ["a member called *", '{"a":{"*":1,"secret":2}}', "$.a.*", ["/a/*", "/a/secret"]],
    ["a member called * deeper down", '{"a":{"b":{"*":1,"secret":2}}}', "$.*.*.*", ["/a/b/*", "/a/b/secret"]],
    ["a member called ..", '{"a":{"..":1,"b":{"c":2}}}', "$.a..c", ["/a/b/c"]],
    ["a member called ~", '{"a":{"~":"x"}}', "$.a.*", ["/a/~0"]],
    ["a member called ^", '{"a":{"^":"x"}}', "$.a.*", ["/a/^"]],
    ["a member called like a type selector", '{"a":{"@string()":"x"}}', "$.a.*", ["/a/@string()"]],
    ["a member called like a slice", '{"a":{"0:1":1,"b":[2,3]}}', "$.a..[0:1]", ["/a/b/0"]],
    ["a member called like an index", '{"a":{"0":1}}', "$.a[0]", []],
    ["a member called __proto__", '{"a":{"__proto__":{"x":1}}}', "$..x", ["/a/__proto__/x"]],
    ["a member called length", '{"a":{"length":{"x":1}}}', "$.a.length.x", ["/a/length/x"]],
    ["a name with dots, quotes and brackets", `{"a.b['c']\\\\":1}`, `$['a.b[\\'c\\']\\\\']`, ["/a.b['c']\\"]],
    ["a name with a comma", '{"a,b":1,"a":2}', "$['a,b']", ["/a,b"]],
    ["a name that is a filter", '{"?(@)":1}', "$['?(@)']", ["/?(@)"]],
    ["an empty name", '{"":1}', "$['']", ["/"]],
  ])("is not led astray by %s", (_, text, expression, expected) => {
    expect(select(text, expression)).toEqual(expected);
  });

  it("selects what the definition says, whatever names stand in the document", () => {
    const name = fc.constantFrom("a", "b", "*", "..", "~", "^", "0", "__proto__", "@string()", "a.b", "");
    const { value: json } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, fc.integer(), fc.array(tie("value"), { maxLength: 3 }), object(tie("value"))),
    }));
    function object(value: fc.Arbitrary<unknown>) {
      return fc
        .uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 4 })
        .map((members) => Object.fromEntries(members));
    }
    const selector = fc.oneof(
      name.map((wanted) => ({ text: `'${wanted}'`, picks: (key: string | number) => key === wanted })),
      fc.nat(2).map((index) => ({ text: String(index), picks: (key: string | number) => key === index })),
      fc.constant({ text: "*", picks: () => true }),
      fc.nat(2).map((start) => ({ text: `${start}:`, picks: (key: string | number) => typeof key === "number" && key >= start })),
    );
    const segment = fc.record({ descend: fc.boolean(), selectors: fc.array(selector, { minLength: 1, maxLength: 2 }) });
    fc.assert(
      fc.property(json, fc.array(segment, { maxLength: 4 }), (value, segments) => {
        const text = JSON.stringify(value);
        const expression = `$${segments.map(({ descend, selectors }) => `${descend ? ".." : ""}[${selectors.map((one) => one.text).join(",")}]`).join("")}`;
        let places = new Map<string, unknown>([["", JSON.parse(text)]]);
        for (const { descend, selectors } of segments) {
          if (descend) places = new Map([...places].flatMap(([at, found]) => descendants(at, found)));
          places = new Map(
            [...places].flatMap(([at, found]) =>
              children(at, found)
                .filter(([, , key]) => selectors.some((one) => one.picks(key)))
                .map(([below, inner]) => [below, inner] as const),
            ),
          );
        }
        expect(new Set(select(text, expression) as string[])).toEqual(new Set(places.keys()));
      }),
      { numRuns: 1_000 },
    );
  });

  it("answers nested descents in one walk each", () => {
    const depth = 60;
    const wide = `[${Array(3_000).fill('{"x":1}').join(",")}]`;
    const text = `${'{"a":'.repeat(depth)}${wide}${"}".repeat(depth)}`;
    expect(select(text, "$..*..*..*..x")).toHaveLength(3_000);
  });
});

function children(at: string, value: unknown): [string, unknown, string | number][] {
  if (Array.isArray(value)) return value.map((inner, index) => [`${at}/${index}`, inner, index]);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).map(([key, inner]) => [`${at}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`, inner, key]);
}

function descendants(at: string, value: unknown): [string, unknown][] {
  return [[at, value], ...children(at, value).flatMap(([below, inner]) => descendants(below, inner))];
}

describe("places to add at", () => {
  it.each([
    ["/a/b", ["/a"], "b"],
    ["$.*.new", ["/a", "/b"], "new"],
    ["$.a['new']", ["/a"], "new"],
    ["$.a[0]", ["/a"], 0],
    [["a", 0], ["/a"], 0],
    ["/missing/b", [], "b"],
  ] as [PathExpression, string[], string | number][])("%j names one in %j", (expression, pointers, last) => {
    const document = read('{"a":{},"b":{}}');
    expect(selectParents(document, 0, expression)).toEqual({ ok: true, value: { parents: pointers.map((at) => document.at(at)), last } });
  });

  it.each(["$", "$..a", "$.a[*]", "$.a[0:1]", "$.a['b','c']"])("%s names none", (expression) => {
    expect(selectParents(read("{}"), 0, expression)).toMatchObject({ ok: false, failure: { code: "ERR_DECISION" } });
  });
});
