import fc from "fast-check";
import { expect, test } from "vitest";
import { isLabelled } from "../../src/detect/bytes.ts";
import { wrapText } from "../../src/detect/text-walk.ts";

/** What a label is tried on; undefined when it is not tried at all. */
function triedOn(before: string): string | undefined {
  const tried: string[] = [];
  const label = { test: (words: string) => tried.push(words) > 0 } as unknown as RegExp;
  const text = wrapText(Buffer.from(`${before}1`));
  isLabelled(text, text.length - 2, label);
  return tried[0];
}

test("a label is tried on the lower-case words in front of a match", () => {
  expect(triedOn("cardNumber: ")).toBe("card number: ");
  expect(triedOn("SOCIAL_SECURITY ")).toBe("social security ");
  expect(triedOn("kreditkarteNr3X ")).toBe("kreditkarte nr3 x ");
  expect(triedOn("12 ")).toBeUndefined();
});

test("letters of other scripts change nothing about how words are told apart", () => {
  const letter = fc.constantFrom(...Array.from("abzABZ019_ -:"));
  fc.assert(
    fc.property(fc.string({ unit: letter, maxLength: 30 }), (before) => {
      const tried = triedOn(`é${before}`);
      const alone = triedOn(before);
      fc.pre(tried !== undefined && alone !== undefined);
      expect(tried).toBe(`é${alone}`);
    }),
  );
});
