import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDetect } from "../../src/detect/detect.ts";
import { call, type Loose, outcome, read, result } from "./support.ts";
import type { Redaction, Rewrite } from "../../src/policy/decision.ts";

const rewriting = (text: string, ...rewrites: Loose<Rewrite>[]) => outcome(text, { rewrites });

describe("one rewrite", () => {
  it.each([
    ["replaces a value", { op: "replace", path: "/params/arguments/a", value: { x: [1, null] } }, '{"x":[1,null]}', undefined],
    ["replaces by null", { op: "replace", path: "/params/arguments/a", value: null }, "null", undefined],
    ["replaces every value that a path selects", { op: "replace", path: "$..a", value: 0 }, "0", '{"b":[2,3],"c":{"a":0}}'],
  ] as [string, Loose<Rewrite>, string, string | undefined][])("%s", async (_, rewrite, a, rest) => {
    const text = call('{ "a" : 1.50, "b":[2,3],"c":{"a":4}}');
    const other = rest === undefined ? '"b":[2,3],"c":{"a":4}}' : rest.slice(1);
    expect(await rewriting(text, rewrite)).toBe(call(`{ "a" : ${a}, ${other}`));
  });

  it.each([
    ["/params/arguments/a", '{"b":[2,3],"c":4}'],
    ["/params/arguments/b", '{"a":1,"c":4}'],
    ["/params/arguments/c", '{"a":1,"b":[2,3]}'],
    ["$.params.arguments['a','c']", '{"b":[2,3]}'],
    ["$.params.arguments.*", "{}"],
    ["$.params.arguments.b[0]", '{"a":1,"b":[3],"c":4}'],
    ["$.params.arguments.b[*]", '{"a":1,"b":[],"c":4}'],
    ["$.params.arguments..*", "{}"],
    ["/params/arguments/d", '{"a":1,"b":[2,3],"c":4}'],
  ])("removes %s with exactly its comma", async (path, after) => {
    expect(await rewriting(call('{"a":1,"b":[2,3],"c":4}'), { op: "remove", path })).toBe(call(after));
  });

  it.each([
    ["/params/arguments/n", '{"a":[1,2],"o":{},"n":9}'],
    ["/params/arguments/a/-", '{"a":[1,2,9],"o":{}}'],
    ["/params/arguments/a/2", '{"a":[1,2,9],"o":{}}'],
    ["/params/arguments/a/0", '{"a":[9,1,2],"o":{}}'],
    ["/params/arguments/a/1", '{"a":[1,9,2],"o":{}}'],
    ["/params/arguments/o/n", '{"a":[1,2],"o":{"n":9}}'],
    ["/params/arguments/o", '{"a":[1,2],"o":9}'],
    [["params", "arguments", 'q"'], '{"a":[1,2],"o":{},"q\\"":9}'],
    ["$.params.arguments.o.__proto__", '{"a":[1,2],"o":{"__proto__":9}}'],
  ] as [Rewrite["path"], string][])("adds at %s", async (path, after) => {
    expect(await rewriting(call('{"a":[1,2],"o":{}}'), { op: "add", path, value: 9 })).toBe(call(after));
  });

  it.each([
    ["a parent that is not there", "/params/arguments/missing/n"],
    ["a parent that no path selects", "$.params.arguments.missing.n"],
    ["a parent that is no object or array", "/params/arguments/a/0/n"],
    ["one such parent among others", "$.params.arguments.*[0]"],
    ["an index behind the end", "/params/arguments/a/3"],
    ["a name in an array", "/params/arguments/a/x"],
  ])("fails when it cannot add: %s", async (_, path) => {
    const text = call('{"a":[1,2],"n":1}');
    expect(await rewriting(text, { op: "add", path, value: 9 })).toMatchObject({ code: "ERR_ENFORCE" });
    const decides: Loose<Rewrite>[] = [
      { op: "add", path, value: 9 },
      { op: "remove", path: "/id" },
    ];
    for (const rewrites of [decides, decides.toReversed()])
      expect(await rewriting(text, ...rewrites)).toMatchObject({ code: "ERR_DECISION" });
  });

  it.each(["replace", "remove"] as const)("has nothing to do when a %s meets nothing", async (op) => {
    const text = call('{"a":1}');
    expect(await rewriting(text, { op, path: "/params/arguments/missing/n", value: 9 })).toBe(text);
  });

  it("adds to an empty array", async () => {
    expect(await rewriting(call('{"a":[ ]}'), { op: "add", path: "/params/arguments/a/-", value: 9 })).toBe(call('{"a":[ 9]}'));
  });

  it("removes very many values", async () => {
    const objects = Array(30_000).fill('{"x":1,"y":2}').join(",");
    expect(await rewriting(call(`[${objects}]`), { op: "remove", path: "$..x" })).toBe(call(`[${objects.replaceAll('"x":1,', "")}]`));
  });

  it.each([
    ["the root", { op: "replace", path: "$", value: {} }],
    ["the root by segments", { op: "remove", path: [] }],
    ["an addition at the root", { op: "add", path: [], value: {} }],
    ["the id", { op: "replace", path: "/id", value: 2 }],
    ["the method", { op: "replace", path: "/method", value: "ping" }],
    ["the id, by its own value", { op: "replace", path: "/id", value: 1 }],
    ["the version", { op: "remove", path: "/jsonrpc" }],
    ["what holds a progress token", { op: "replace", path: "/params", value: {} }],
    ["the progress token", { op: "remove", path: "/params/_meta/progressToken" }],
    ["a cursor that is not there", { op: "add", path: "/params/cursor", value: "x" }],
    ["a request state that is not there", { op: "add", path: "$.params.requestState", value: "x" }],
    ["a replacement without a value", { op: "replace", path: "/params/name" }],
    ["a path that is none", { op: "replace", path: "name", value: 1 }],
    ["an addition at no place", { op: "add", path: "$.params.*", value: 1 }],
    ["a result beside a call", { op: "add", path: "/result", value: {} }],
    ["params that are no object", { op: "add", path: "/error", value: 1 }],
  ] as [string, Loose<Rewrite>][])("is refused for %s", async (_, rewrite) => {
    const text = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{},"_meta":{"progressToken":7}}}';
    expect(await rewriting(text, rewrite)).toMatchObject({ code: "ERR_DECISION" });
  });

  it.each([
    ["/result/resultType", { op: "replace" as const, value: "task" }],
    ["/result/nextCursor", { op: "remove" as const }],
    ["/result/inputRequests/ask/method", { op: "replace" as const, value: "x" }],
    ["/result/inputRequests", { op: "remove" as const }],
    ["/result", { op: "replace" as const, value: {} }],
    ["/result/requestState", { op: "add" as const, value: "x" }],
  ])("is refused for %s of a result", async (path, rewrite) => {
    const text = result('"resultType":"input_required","nextCursor":"c","inputRequests":{"ask":{"method":"elicitation/create"}}');
    expect(await rewriting(text, { path, ...rewrite })).toMatchObject({ code: "ERR_DECISION" });
  });

  it("may not take the result out of an answer, or put anything but an object there", async () => {
    expect(await rewriting(result('"a":1'), { op: "remove", path: "/result" })).toMatchObject({ code: "ERR_DECISION" });
    expect(await rewriting(result('"a":1'), { op: "replace", path: "/result", value: 1 })).toMatchObject({ code: "ERR_DECISION" });
    expect(await rewriting(result('"a":1'), { op: "replace", path: "/result", value: { nextCursor: "x" } })).toMatchObject({
      code: "ERR_DECISION",
    });
    expect(await rewriting(result('"a":1'), { op: "replace", path: "/result", value: { b: 2 } })).toBe(result('"b":2'));
  });

  it("fails closed when the value is nothing that the strict reader takes", async () => {
    expect(await rewriting(call('{"a":1}'), { op: "replace", path: "/params/arguments/a", value: "\ud800" })).toMatchObject({
      code: "ERR_ENFORCE",
    });
    let deep: unknown = 1;
    for (let depth = 0; depth < 80; depth += 1) deep = [deep];
    expect(await rewriting(call('{"a":1}'), { op: "replace", path: "/params/arguments/a", value: deep })).toMatchObject({
      code: "ERR_ENFORCE",
    });
  });
});

describe("several rewrites", () => {
  const text = call('{"a":{"b":1},"l":[1,2]}');
  const at = (tail: string) => `/params/arguments${tail}`;

  it("that say the same are one", async () => {
    const one: Loose<Rewrite> = { op: "replace", path: at("/a/b"), value: 2 };
    expect(await rewriting(text, one, { ...one, path: "$..b" }, { ...one, op: "add" })).toBe(call('{"a":{"b":2},"l":[1,2]}'));
  });

  it.each([
    ["values of one place", { op: "replace", path: at("/a/b"), value: 1 }, { op: "replace", path: "$..b", value: 2 }],
    ["a value and a removal", { op: "replace", path: at("/a/b"), value: 1 }, { op: "remove", path: at("/a/b") }],
    ["a value and one inside of it", { op: "replace", path: at("/a"), value: {} }, { op: "replace", path: at("/a/b"), value: 1 }],
    ["a removal and a value inside of it", { op: "remove", path: at("/a") }, { op: "replace", path: at("/a/b"), value: 1 }],
    ["a removal and an addition inside of it", { op: "remove", path: at("/a") }, { op: "add", path: at("/a/c"), value: 1 }],
    ["added members", { op: "add", path: at("/a/c"), value: 1 }, { op: "add", path: at("/a/c"), value: 2 }],
    ["added elements", { op: "add", path: at("/l/-"), value: 1 }, { op: "add", path: at("/l/2"), value: 2 }],
    ["an element more and one less", { op: "add", path: at("/l/-"), value: 1 }, { op: "remove", path: at("/l/0") }],
  ] as [string, Loose<Rewrite>, Loose<Rewrite>][])("that differ (%s) are an error, in either order", async (_, one, other) => {
    expect(await rewriting(text, one, other)).toMatchObject({ code: "ERR_DECISION" });
    expect(await rewriting(text, other, one)).toMatchObject({ code: "ERR_DECISION" });
  });

  it("never depend on their order", async () => {
    const paths = ["/a", "/a/b", "/a/c", "/l", "/l/0", "/l/-", "/x", "/y"].map(at);
    const rewrite = fc.record({
      op: fc.constantFrom("replace" as const, "remove" as const, "add" as const),
      path: fc.constantFrom(...paths),
      value: fc.nat(1),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(rewrite, { maxLength: 4 }), async (rewrites) => {
        const forwards = await rewriting(text, ...rewrites);
        const backwards = await rewriting(text, ...rewrites.toReversed());
        if (typeof forwards === "string") expect(backwards).toBe(forwards);
        else expect(backwards).toMatchObject({ code: forwards.code });
      }),
    );
  });

  it("leave JSON that differs only where they say", async () => {
    const members = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e"), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(members, members, members, async (present, removed, added) => {
        const source = `{ ${present.map((name) => `"${name}" : 1.0`).join(" ,\n")}\t}`;
        const rewrites: Loose<Rewrite>[] = [
          ...removed.filter((name) => !added.includes(name)).map((name) => ({ op: "remove" as const, path: at(`/${name}`) })),
          ...added.map((name) => ({ op: "add" as const, path: at(`/${name}`), value: 2 })),
        ];
        const expected: Record<string, number> = Object.fromEntries(
          present.filter((name) => !removed.includes(name)).map((name) => [name, 1]),
        );
        for (const name of added) expected[name] = 2;
        const after = await rewriting(call(source), ...rewrites);
        expect(JSON.parse(after as string).params.arguments).toEqual(expected);
      }),
    );
  });
});

describe("rewrites and redactions together", () => {
  it("search the new value and redact it by kind", async () => {
    expect(
      await outcome(call('{"a":1,"b":"old@example.com"}'), {
        redactions: [{ with: "replace", kinds: ["email"] }],
        rewrites: [{ op: "replace", path: "/params/arguments/a", value: "new@example.com" }],
      }),
    ).toBe(call('{"a":"[EMAIL_1]","b":"[EMAIL_2]"}'));
  });

  it("mean by a finding's number the same finding, wherever it stands afterwards", async () => {
    const text = call('{"list":["drop me",{"to":"x@example.com y@example.com"}]}');
    expect(
      await outcome(text, {
        redactions: [{ with: "mask", findings: [1] }],
        rewrites: [{ op: "remove", path: "/params/arguments/list/0" }],
      }),
    ).toBe(call('{"list":[{"to":"x@example.com ****"}]}'));
  });

  it("redact new values of a kind that was named by number, and forget numbers that were rewritten", async () => {
    const text = call('{"a":"x@example.com","b":"y@example.com"}');
    expect(
      await outcome(text, {
        redactions: [{ with: "mask", findings: [0] }],
        rewrites: [{ op: "replace", path: "/params/arguments/a", value: "new z@example.com" }],
      }),
    ).toBe(call('{"a":"new ****","b":"y@example.com"}'));
  });

  it("touch nothing for a number whose finding was rewritten away", async () => {
    const text = call('{"a":"x@example.com","b":"nothing of interest stands here"}');
    expect(
      await outcome(text, {
        redactions: [{ with: "mask", findings: [0] }],
        rewrites: [{ op: "replace", path: "/params/arguments/a", value: "nothing either" }],
      }),
    ).toBe(call('{"a":"nothing either","b":"nothing of interest stands here"}'));
  });

  it("keep refusing numbers that were never given", async () => {
    expect(
      await outcome(call('{"a":"x@example.com"}'), {
        redactions: [{ with: "mask", findings: [3] }],
        rewrites: [{ op: "replace", path: "/params/arguments/a", value: "z@example.com" }],
      }),
    ).toMatchObject({ code: "ERR_DECISION" });
  });

  it("apply paths to the rewritten message", async () => {
    expect(
      await outcome(call('{"a":"x"}'), {
        redactions: [{ with: "mask", path: "/params/arguments/n" }],
        rewrites: [{ op: "add", path: "/params/arguments/n", value: "hello" }],
      }),
    ).toBe(call('{"a":"x","n":"****"}'));
  });
});

describe("a secret that a rewrite brings in", () => {
  const secret = `AKIA${"Y34FZKBOKMUTVV7A"}`;
  const brings: Loose<Rewrite> = { op: "add", path: "/params/arguments/n", value: `use ${secret} or ${secret}` };
  const text = call(`{"a":"x","old":"${secret}"}`);

  it.each([
    ["no redaction", []],
    ["one of another kind", [{ with: "drop", kinds: ["email"] }]],
    ["one elsewhere", [{ with: "drop", kinds: ["aws_access_key"], path: "/params/arguments/old" }]],
    ["one of nothing", [{ with: "drop", findings: [] }]],
  ] as [string, Loose<Redaction>[]][])("withholds the message when it meets %s", async (_, redactions) => {
    const failure = await outcome(text, { redactions, rewrites: [brings] });
    expect(failure).toMatchObject({ code: "ERR_ENFORCE", detail: expect.stringMatching(/a rewrite brought in a secret/) });
    expect(JSON.stringify(failure)).not.toContain(secret);
  });

  it.each([
    ["by kind", { with: "mask", kinds: ["aws_access_key"] }, "use **** or ****"],
    ["by the number of another one", { with: "mask", findings: [0] }, "use **** or ****"],
    ["by path", { with: "mask", path: "/params/arguments/n" }, "****"],
    ["as all text", { with: "mask" }, "****"],
  ] as [string, Loose<Redaction>, string][])("is redacted %s", async (_, redaction, after) => {
    const sent = await outcome(text, { redactions: [redaction], rewrites: [brings] });
    expect(JSON.parse(sent as string).params.arguments.n).toBe(after);
  });

  it("shows in a new key and by its unchanged key too", async () => {
    const value = `${"wJalrXUtnFEMI"}/K7MDENG/bPxRfiCYEXAMPLEKEY`;
    const replace: Loose<Rewrite> = { op: "replace", path: "/params/arguments/aws_secret_access_key", value };
    expect(await rewriting(call('{"aws_secret_access_key":"-"}'), replace)).toMatchObject({ code: "ERR_ENFORCE" });
    expect(await rewriting(call("{}"), { op: "add", path: ["params", "arguments", secret], value: 1 })).toMatchObject({
      code: "ERR_ENFORCE",
    });
  });

  it("is none when the message had it and the rewrites leave it alone, or only remove", async () => {
    const other: Loose<Rewrite> = { op: "replace", path: "/params/arguments/a", value: "ann@example.com" };
    expect(await rewriting(text, other)).toBe(call(`{"a":"ann@example.com","old":"${secret}"}`));
    expect(await rewriting(text, { op: "remove", path: "/params/arguments/a" })).toBe(call(`{"old":"${secret}"}`));
  });

  it("may be one that is not listed: too many findings withhold what is rewritten, but not what is only shortened", async () => {
    const few = createDetect({ maxFindings: 1 });
    const many = call('{"a":"ann@example.com bob@example.com","b":"x"}');
    const work = { detect: few, findings: few(read(many)) };
    const replace: Loose<Rewrite> = { op: "replace", path: "/params/arguments/b", value: secret };
    expect(await outcome(many, { rewrites: [replace] }, work)).toMatchObject({ code: "ERR_ENFORCE" });
    expect(await outcome(many, { rewrites: [{ op: "remove", path: "/params/arguments/b" }] }, work)).toBe(
      call('{"a":"ann@example.com bob@example.com"}'),
    );
  });
});
