import { describe, expect, it } from "vitest";
import type { RedactWith } from "../../src/policy/decision.ts";
import { call, detect, itemOutcome, outcome, read, result } from "./support.ts";

const EMAIL = "ann@example.com";
const CARD = "4111 1111 1111 1111";

describe("what a redaction means", () => {
  it("finding numbers: those and no others", async () => {
    const text = result(`"a":"${EMAIL} bob@example.com"`);
    expect(detect(read(text)).list.map(({ n, kind }) => [n, kind])).toEqual([
      [0, "email"],
      [1, "email"],
    ]);
    expect(await outcome(text, { redactions: [{ with: "replace", findings: [1] }] })).toBe(result(`"a":"${EMAIL} [EMAIL_1]"`));
  });

  it("no finding numbers at all: nothing", async () => {
    const text = result(`"a":"${EMAIL}"`);
    expect(await outcome(text, { redactions: [{ with: "drop", findings: [] }] })).toBe(text);
  });

  it("kinds: findings of these everywhere", async () => {
    const text = result(`"a":"${EMAIL}, ${CARD}","b":["${EMAIL}"]`);
    expect(await outcome(text, { redactions: [{ with: "mask", kinds: ["email"] }] })).toBe(result(`"a":"****, ${CARD}","b":["****"]`));
  });

  it("kinds and a path: findings of these under it", async () => {
    const text = result(`"a":"${EMAIL}","b":["${EMAIL}",{"${EMAIL}":1}]`);
    expect(await outcome(text, { redactions: [{ with: "mask", kinds: ["email"], path: "$.result.b" }] })).toBe(
      result(`"a":"${EMAIL}","b":["****",{"****":1}]`),
    );
  });

  it("a finding's own path: its value, and the key that it stands in", async () => {
    const text = result(`"${EMAIL}":"${EMAIL}","b":"${EMAIL}"`);
    expect(await outcome(text, { redactions: [{ with: "mask", kinds: ["email"], path: `/result/${EMAIL}` }] })).toBe(
      result(`"****":"****","b":"${EMAIL}"`),
    );
  });

  it("a path alone: the whole value, leaf by leaf, types and structure kept", async () => {
    const text = result(`"a":{ "s" : "x\\n", "n": 1.5e3,"t":true,"f":false,"z":null,"e":"","l":[ "y", {} ],"${EMAIL}":[] },"b":"x"`);
    expect(await outcome(text, { redactions: [{ with: "mask", path: "/result/a" }] })).toBe(
      result(`"a":{ "s" : "****", "n": 0,"t":false,"f":false,"z":null,"e":"","l":[ "****", {} ],"****":[] },"b":"x"`),
    );
  });

  it("nothing at all: all text of the payload, but not the protocol's own", async () => {
    const text =
      '{"jsonrpc":"2.0","id":"x","result":{"resultType":"complete","nextCursor":"c","content":[{"type":"text","text":"hi"}],"n":1}}';
    expect(await outcome(text, { redactions: [{ with: "drop" }] })).toBe(
      '{"jsonrpc":"2.0","id":"x","result":{"resultType":"complete","nextCursor":"c","content":[{"type":"","text":""}],"n":1}}',
    );
  });

  it.each([
    ["tools/call", '"name":"t"', "/params/name"],
    ["prompts/get", '"name":"t"', "/params/name"],
    ["resources/read", '"uri":"t"', "/params/uri"],
    ["resources/subscribe", '"uri":"t"', "/params/uri"],
    ["completion/complete", '"ref":{"type":"ref/prompt","name":"t"}', "/params/ref/name"],
    ["tasks/get", '"taskId":"t"', "/params/taskId"],
  ])("nothing at all, in %s: all text but what the message is about, which a path can name", async (method, target, path) => {
    const request = (about: string, text: string) =>
      `{"jsonrpc":"2.0","id":1,"method":"${method}","params":{${about},"arguments":{"name":"${text}","uri":"${text}"}}}`;
    const text = request(target, "secret");
    expect(await outcome(text, { redactions: [{ with: "mask" }] })).toBe(request(target, "****"));
    expect(await outcome(text, { redactions: [{ with: "mask", path }] })).toBe(request(target.replace('"t"', '"****"'), "secret"));
  });

  it("nothing at all, in an entry of a list: all text but its names", async () => {
    const entry = (text: string) =>
      `{"name":"n","uri":"u","uriTemplate":"t","title":"${text}","icons":[{"uri":"${text}"}],"inputSchema":{"name":"${text}"}}`;
    const text = result(`"tools":[${entry("x")},${entry("x")}]`);
    expect(await itemOutcome(text, "/result/tools/1", { redactions: [{ with: "mask" }] })).toBe(
      result(`"tools":[${entry("x")},${entry("****")}]`),
    );
    expect(await itemOutcome(text, "/result/tools/1", { redactions: [{ with: "mask", path: "/name" }] })).toBe(
      result(`"tools":[${entry("x")},${entry("x").replace('"n"', '"****"')}]`),
    );
  });

  it("a path to very many values: all of them", async () => {
    const text = result(`"a":[${Array(150_000).fill('"x"').join(",")}]`);
    const after = await outcome(text, { redactions: [{ with: "drop", path: "/result/a" }] });
    expect(after).toBe(text.replaceAll('"x"', '""'));
  });

  it("a path that leads nowhere: nothing", async () => {
    const text = result('"a":1');
    expect(await outcome(text, { redactions: [{ with: "drop", path: "/result/missing" }] })).toBe(text);
  });
});

describe("operators", () => {
  const cases: [RedactWith, string, string][] = [
    ["replace", `to ${EMAIL}, ANN@Example.com and bob@example.com`, "to [EMAIL_1], [EMAIL_1] and [EMAIL_2]"],
    ["mask", `to ${EMAIL}!`, "to ****!"],
    ["drop", `to ${EMAIL}!`, "to !"],
    ["partial", `card ${CARD}!`, "card ****1111!"],
    ["partial", "at 10.20.30.40 now", "at **** now"],
    ["partial", "at 100.20.30.40 now", "at ****3040 now"],
  ];
  it.each(cases)("%s: %s becomes %s", async (operator, before, after) => {
    const kinds = ["email", "card", "ipv4"];
    expect(await outcome(result(`"a":"${before}"`), { redactions: [{ with: operator, kinds }] })).toBe(result(`"a":"${after}"`));
  });

  it("replace numbers a value alike wherever it stands, however it is spelled", async () => {
    const text = result(
      `"content":[{"text":"{\\"mail\\":\\"${EMAIL}\\"}"}],"structuredContent":{"mail":"\\u0061nn@example.com","card":"${CARD}, 4111-1111-1111-1111"}`,
    );
    expect(await outcome(text, { redactions: [{ with: "replace", kinds: ["email", "card"] }] })).toBe(
      result('"content":[{"text":"{\\"mail\\":\\"[EMAIL_1]\\"}"}],"structuredContent":{"mail":"[EMAIL_1]","card":"[CARD_1], [CARD_1]"}'),
    );
  });

  it("hash is the same for the same value, differs between values and keys, and holds no digits", async () => {
    const text = result(`"a":"${EMAIL}","b":"${EMAIL}","c":"bob@example.com"`);
    const redactions = [{ with: "hash" as const, kinds: ["email"] }];
    const { result: own } = JSON.parse((await outcome(text, { redactions })) as string);
    const { result: other } = JSON.parse((await outcome(text, { redactions }, { keys: { hmac: Buffer.alloc(32, 8) } })) as string);
    expect(own.a).toMatch(/^\[EMAIL:[a-p]{24}\]$/);
    expect(own.b).toBe(own.a);
    expect(own.c).not.toBe(own.a);
    expect(other.a).not.toBe(own.a);
  });

  it.each([
    ["hash", `[REDACTED:${"a".repeat(24)}]`],
    ["replace", "[SALARY_1]"],
    ["replace", "[REDACTED_4111111111111111]"],
    ["partial", "****12345"],
    ["mask", "[REDACTED_1]"],
  ] as [RedactWith, string][])("%s of a whole value is not fooled by %s", async (operator, forged) => {
    const after = await outcome(result(`"a":"${forged}"`), { redactions: [{ with: operator, path: "/result/a" }] });
    expect(after).not.toContain(forged);
  });

  it("a number becomes 0 as a whole, so that it stays a number", async () => {
    expect(await outcome(result('"pan":4111111111111111,"n":5'), { redactions: [{ with: "replace", kinds: ["card"] }] })).toBe(
      result('"pan":0,"n":5'),
    );
  });

  it.each([
    ["drop", "mask", ""],
    ["mask", "hash", "****"],
    ["hash", "replace", expect.stringMatching(/^\[EMAIL:/)],
    ["replace", "partial", "[EMAIL_1]"],
  ] as [RedactWith, RedactWith, unknown][])("%s beats %s on one place, in either order", async (strong, weak, expected) => {
    for (const operators of [
      [strong, weak],
      [weak, strong],
    ] as const) {
      const redactions = operators.map((operator) => ({ with: operator, kinds: ["email"] }));
      expect(JSON.parse((await outcome(result(`"a":"${EMAIL}"`), { redactions })) as string).result.a).toEqual(expected);
    }
  });

  it("a whole value and a finding in it are one place", async () => {
    const text = result(`"a":"hello ${EMAIL}"`);
    const whole = { with: "replace" as const, path: "/result/a" };
    expect(await outcome(text, { redactions: [whole, { with: "partial", kinds: ["email"] }] })).toBe(result('"a":"[REDACTED_1]"'));
    expect(await outcome(text, { redactions: [whole, { with: "drop", kinds: ["email"] }] })).toBe(result('"a":""'));
  });
});

describe("keys", () => {
  it("that would become equal are told apart", async () => {
    const text = call('{"a@example.com":1,"b@example.com":2,"****":3,"****_2":4}');
    expect(await outcome(text, { redactions: [{ with: "mask", kinds: ["email"] }] })).toBe(
      call('{"****_3":1,"****_4":2,"****":3,"****_2":4}'),
    );
  });

  it("that were escaped are compared by what they say", async () => {
    const text = call('{"a@example.com":1,"\\u002a***":2}');
    expect(await outcome(text, { redactions: [{ with: "mask", kinds: ["email"] }] })).toBe(call('{"****_2":1,"\\u002a***":2}'));
  });

  it("stay apart when there are very many", async () => {
    const members = Array.from({ length: 900 }, (_, index) => `"u${index}@example.com":${index}`).join(",");
    const text = await outcome(call(`{${members}}`), { redactions: [{ with: "drop", kinds: ["email"] }] });
    expect(Object.keys(JSON.parse(text as string).params.arguments)).toHaveLength(900);
  });
});

describe("what cannot be redacted fails closed", () => {
  it.each([
    ["an immutable member", "/id"],
    ["the envelope", "$"],
    ["a value that holds one", "/result"],
    ["the cursor", "/result/nextCursor"],
    ["a wildcard that meets one", "$.result.*"],
  ])("a path to %s", async (_, path) => {
    expect(await outcome(result('"nextCursor":"c","a":1'), { redactions: [{ with: "mask", path }] })).toMatchObject({
      code: "ERR_DECISION",
    });
  });

  it.each([
    ["the cursor", result(`"nextCursor":"${EMAIL}"`)],
    ["a cursor that is a number", result('"nextCursor":4111111111111111')],
    ["the request state", result(`"requestState":"${EMAIL}"`)],
    ["an id that is a string", `{"jsonrpc":"2.0","id":"${EMAIL}","result":{}}`],
    ["a method", `{"jsonrpc":"2.0","id":1,"method":"${EMAIL}"}`],
    ["a progress token that is a string", `{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"progressToken":"${EMAIL}"}}}`],
  ])("a finding in %s", async (_, text) => {
    expect(await outcome(text, { redactions: [{ with: "mask", kinds: ["email", "card"] }] })).toMatchObject({ code: "ERR_ENFORCE" });
  });

  it("but a numeric id that looks like a card stays: it only comes back to who made it up", async () => {
    const text = '{"jsonrpc":"2.0","id":4111111111111111,"result":{"pan":4111111111111111}}';
    expect(detect(read(text)).list).toHaveLength(2);
    expect(await outcome(text, { redactions: [{ with: "mask", kinds: ["card"] }] })).toBe(
      '{"jsonrpc":"2.0","id":4111111111111111,"result":{"pan":0}}',
    );
  });

  it("a finding number that was never given", async () => {
    expect(await outcome(result(`"a":"${EMAIL}"`), { redactions: [{ with: "mask", findings: [0, 7] }] })).toMatchObject({
      code: "ERR_DECISION",
    });
  });

  it("a path that is none", async () => {
    expect(await outcome(result('"a":1'), { redactions: [{ with: "mask", path: "$.a[?(@.b)]" }] })).toMatchObject({ code: "ERR_DECISION" });
  });

  it("findings beyond those that are listed", async () => {
    const text = result(`"a":"${EMAIL}"`);
    const findings = { ...detect(read(text)), capped: true };
    expect(await outcome(text, { redactions: [{ with: "mask", kinds: ["email"] }] }, { findings })).toMatchObject({ code: "ERR_ENFORCE" });
    expect(await outcome(text, { redactions: [{ with: "mask", path: "/result/a" }] }, { findings })).toBe(result('"a":"****"'));
  });

  it("a result that would be over the limits", async () => {
    const text = result('"a":"a@b.co"');
    const limits = { bytes: text.length, depth: 9, nodes: 99, string: 99 };
    expect(await outcome(text, { redactions: [{ with: "replace", kinds: ["email"] }] }, { limits })).toMatchObject({ code: "ERR_ENFORCE" });
  });
});

describe("what is left", () => {
  it("is searched again: parts that meet where something was dropped are redacted as well", async () => {
    const text = result(`"a":"ann@${CARD}example.com"`);
    const findings = detect(read(text));
    expect(findings.list.map(({ kind }) => kind)).toEqual(["card"]);
    const redactions = [
      { with: "drop" as const, kinds: ["card"] },
      { with: "mask" as const, kinds: ["email"] },
    ];
    const after = (await outcome(text, { redactions })) as string;
    expect(detect(read(after)).list).toEqual([]);
    expect(after).toBe(result('"a":""'));
  });

  it("keeps what policy spared, beside a redacted place too", async () => {
    const text = result(`"a":"${EMAIL} bob@example.com"`);
    expect(await outcome(text, { redactions: [{ with: "drop", findings: [0] }] })).toBe(result('"a":" bob@example.com"'));
  });
});
