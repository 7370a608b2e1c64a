import fc from "fast-check";
import { type CountryCode, getCountries, getCountryCallingCode, getExampleNumber, parsePhoneNumberFromString } from "libphonenumber-js";
import examples from "libphonenumber-js/examples.mobile.json";
import { expect, test } from "vitest";
import { numberFacts } from "../../src/detect/pii/numbering-plans.ts";

const country = fc.constantFrom(...getCountries());
const digits = (least: number, most: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from("0123456789")), minLength: least, maxLength: most });

/** An example of the country with some digits changed: random ones are hardly ever valid. */
const nearExample = (of: CountryCode) =>
  fc.array(fc.tuple(fc.nat(13), fc.nat(9)), { maxLength: 4 }).map((changes) => {
    const number = [...String(getExampleNumber(of, examples)?.nationalNumber ?? "2015550123")];
    for (const [at, digit] of changes) number[at % number.length] = String(digit);
    return number.join("");
  });

const national = (of: CountryCode) =>
  fc.oneof(
    nearExample(of),
    nearExample(of).map((number) => `0${number}`.slice(0, 14)),
    digits(2, 14),
  );

test("a phone number is read exactly as libphonenumber reads it", () => {
  let valid = 0;
  const numbers = country.chain((of) => fc.tuple(fc.constant(getCountryCallingCode(of) as string), national(of)));
  fc.assert(
    fc.property(numbers, ([code, number]) => {
      const parsed = parsePhoneNumberFromString(`+${code}${number}`, { extract: false });
      const facts = numberFacts(code, number);
      expect([facts?.country, facts?.valid]).toEqual([parsed?.country, parsed?.isValid()]);
      if (facts?.valid === true) valid += 1;
    }),
    { numRuns: 5_000 },
  );
  expect(valid).toBeGreaterThan(500);
});

test("a North American number without its 1 belongs to the country that libphonenumber names", () => {
  const group = (length: number) =>
    fc.tuple(fc.integer({ min: 2, max: 9 }), digits(length, length)).map(([first, rest]) => `${first}${rest}`);
  fc.assert(
    fc.property(group(2), group(2), digits(4, 4), (area, exchange, line) => {
      const number = area + exchange + line;
      const parsed = parsePhoneNumberFromString(number, { defaultCountry: "US", extract: false });
      expect(numberFacts("1", number)?.country ?? "US").toBe(parsed?.country);
    }),
    { numRuns: 2_000 },
  );
});
