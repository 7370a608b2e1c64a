import { describe, expect, test } from "vitest";
import { createDetect } from "../../src/detect/detect.ts";
import { documentOf } from "./documents.ts";

const detect = createDetect({ maxFindings: 100 });
const found = (json: string) => detect(documentOf(json)).list.map(({ kind, path, on, start, end }) => [kind, path, on, start, end]);

describe("where it looks", () => {
  test("values, keys and numbers, in document order, numbered from 0", () => {
    const document = documentOf('{"x":"a@b.com","c@d.com":{"pan":4111111111111111},"l":[1,"e@f.com"]}');
    const { list, capped } = detect(document);
    expect(list.map(({ n, kind, path, on }) => [n, kind, path, on])).toEqual([
      [0, "email", "/x", "value"],
      [1, "email", "/c@d.com", "key"],
      [2, "card", "/c@d.com/pan", "number"],
      [3, "email", "/l/1", "value"],
    ]);
    expect(capped).toBe(false);
  });

  test("a number is found by its lexeme's bytes", () => {
    const json = '{"card_number": 4111111111111111 }';
    const [finding] = detect(documentOf(json)).list;
    expect(json.slice(finding?.rawStart, finding?.rawEnd)).toBe("4111111111111111");
    expect([finding?.start, finding?.end, finding?.score]).toEqual([0, 16, 0.99]);
  });

  test("a key names its value's kind, of a number and of a string", () => {
    expect(found('{"ssn":123456789}')).toEqual([["us_ssn", "/ssn", "number", 0, 9]]);
    expect(found('{"ssn":"123456789"}')).toEqual([["us_ssn", "/ssn", "value", 0, 9]]);
    expect(found('{"phoneNumber":"4155552671"}')).toEqual([["phone", "/phoneNumber", "value", 0, 10]]);
    expect(found('{"SecretAccessKey":"a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZa1B2"}')).toEqual([
      ["aws_secret_key", "/SecretAccessKey", "value", 0, 40],
    ]);
  });

  test("a string does not name what stands in the next one", () => {
    expect(found('["ssn",123456789]')).toEqual([]);
    expect(found('{"a":"ssn","b":123456789}')).toEqual([]);
    expect(found('["phone","4155552671"]')).toEqual([]);
  });

  test("nothing is found across two strings", () => {
    expect(found('["alice@","example.com"]')).toEqual([]);
    expect(found('{"4111 1111":"1111 1111"}')).toEqual([]);
    expect(found("[4111,1111,1111,1111]")).toEqual([]);
  });

  test("offsets are code points of the decoded string, also behind escapes and astral characters", () => {
    expect(found('["\\ud83d\\ude00😀é\\n a@b.com"]')).toEqual([["email", "/0", "value", 5, 12]]);
  });

  test("a lone value is a document, too", () => {
    expect(found('"a@b.com"')).toEqual([["email", "", "value", 0, 7]]);
    expect(found("null")).toEqual([]);
    expect(found("{}")).toEqual([]);
  });
});

describe("facts that reveal no value", () => {
  test("domain, country and brand", () => {
    const { list } = detect(documentOf('["a@Mail.Example.CO.UK","DE89370400440532013000","+44 20 7946 0958","5555 5555 5555 4444"]'));
    expect(list.map(({ domain, country, brand }) => domain ?? country ?? brand)).toEqual(["example.co.uk", "DE", "GB", "mastercard"]);
  });

  test("a labelled card scores higher than a grouped one, a grouped one higher than bare digits", () => {
    const scores = detect(documentOf('["card 4111111111111111","4111 1111 1111 1111","4111111111111111"]')).list.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    expect(new Set(scores).size).toBe(3);
  });

  test("findings are frozen", () => {
    const findings = detect(documentOf('["a@b.com"]'));
    expect([Object.isFrozen(findings), Object.isFrozen(findings.list), Object.isFrozen(findings.list[0])]).toEqual([true, true, true]);
  });
});

describe("the limit", () => {
  const many = (count: number) => documentOf(JSON.stringify(Array.from({ length: count }, (_, index) => `user${index}@example.com`)));
  const limited = createDetect({ maxFindings: 5 });

  test("lists the first ones and says that there were more", () => {
    const { list, capped } = limited(many(6));
    expect(list.map(({ path }) => path)).toEqual(["/0", "/1", "/2", "/3", "/4"]);
    expect(capped).toBe(true);
  });

  test("is not reached by exactly as many", () => {
    expect(limited(many(5))).toMatchObject({ capped: false, list: { length: 5 } });
  });

  test("counts all kinds together", () => {
    const { list, capped } = limited(documentOf('["a@b.com 10.1.2.3","c@d.com 10.1.2.4","e@f.com 10.1.2.5"]'));
    expect(list.map(({ kind }) => kind)).toEqual(["email", "ipv4", "email", "ipv4", "email"]);
    expect(capped).toBe(true);
  });

  test.each(["eyJhbGciOiJI.a.b ", "a@b.zzzzq ", "DE00 3704 0044 0532 0130 01 ", `ghp_${"x".repeat(36)} `, "-----BEGIN PRIVATE KEY----- "])(
    "is reached as well when there are too many near misses: %s",
    (piece) => {
      const detectMany = createDetect({ maxFindings: 1000 });
      expect(detectMany(documentOf(JSON.stringify([piece.repeat(25_000)])))).toMatchObject({ list: [], capped: true });
      const some = detectMany(documentOf(JSON.stringify([`${piece.repeat(5000)} a@b.com`])));
      expect([some.capped, some.list.map(({ kind }) => kind)]).toEqual([false, ["email"]]);
    },
  );

  test("is reached as well when the paths are too long together", () => {
    const texts = Array.from({ length: 40 }, () => '"a@b.com"').join(",");
    const { list, capped } = createDetect({ maxFindings: 1000 })(documentOf(`{"${"k".repeat(10_000)}":[${texts}]}`));
    expect([list.length, capped]).toEqual([26, true]);
  });
});
