import { describe, expect, test } from "vitest";
import { createDetect, findInText, kinds, labelOf, screenText } from "../../src/detect/detect.ts";
import { CASES } from "./cases.ts";
import { documentOf, SPELLINGS } from "./documents.ts";

const detect = createDetect({ maxFindings: 100 });

test("every kind has cases, and every case a kind", () => {
  expect(Object.keys(CASES).toSorted()).toEqual(
    kinds()
      .map(({ kind }) => kind)
      .toSorted(),
  );
});

describe.each(Object.entries(CASES))("%s", (kind, { fires: cases, quiet }) => {
  const fires = cases.map(([text, found]) => ({ text, found: found ?? text }));
  const spansIn = (text: string) =>
    findInText(text)
      .filter((finding) => finding.kind === kind)
      .map(({ start, end }) => text.slice(start, end));

  test.each(fires)("fires on $text", ({ text, found }) => {
    expect(spansIn(text)[0]).toBe(found);
  });

  test.each(quiet)("is quiet on %j", (text) => {
    expect(spansIn(text)).toEqual([]);
  });

  describe.each(Object.entries(SPELLINGS))("spelled in JSON: %s", (_, spell) => {
    test.each(fires)("finds in a value and in a key the same as in text: $text", ({ text }) => {
      const spelled = spell(text);
      const document = documentOf(`{"a":[${spelled}],${spelled}:null}`);
      const wanted = findInText(text).map(({ kind: each, start, end }) => [each, text.slice(start, end)]);
      for (const on of ["value", "key"] as const) {
        const findings = detect(document).list.filter((finding) => finding.on === on);
        const decoded = findings.map((finding) => [
          finding.kind,
          JSON.parse(`"${document.bytes.subarray(finding.rawStart, finding.rawEnd).toString()}"`) as string,
        ]);
        expect(decoded).toEqual(wanted);
      }
    });
  });
});

test("a text is screened by label", () => {
  expect(screenText("😀 alice@example.com paid 10.1.2.3 with 4111 1111 1111 1111.")).toBe("😀 [EMAIL] paid [IP] with [CARD].");
  expect(screenText("nothing here")).toBe("nothing here");
});

test("labels are known for all kinds and for nothing else", () => {
  for (const { kind, label } of kinds()) expect(labelOf(kind)).toBe(label);
  expect(() => labelOf("nonsense")).toThrow(RangeError);
});
