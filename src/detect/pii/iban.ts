/**
 * International bank account numbers: a country of the registry, its length, the mod-97 check and the country's own structure.
 */
import { getCountrySpecifications, isValidIBAN } from "ibantools";
import { continuesWord, isAlphanumeric, isDigit, isLetter, nextDigit } from "../bytes.ts";
import type { Detector, Match, Misses } from "../detector.ts";

const SPACE = 0x20;
const HYPHEN = 0x2d;

/** Length by country code. */
const LENGTHS = new Map<string, number>();
for (const [country, { chars }] of Object.entries(getCountrySpecifications())) if (chars !== null) LENGTHS.set(country, chars);

export const iban: Detector = {
  kind: "iban",
  category: "pii",
  description: "International bank account number",
  label: "IBAN",
  source: "ISO 13616; https://www.swift.com/standards/data-standards/iban-international-bank-account-number",
  gate: `(?i:${[...LENGTHS.keys()].join("|")})[0-9]{2}[ -]?[0-9A-Za-z]{2}`,
  find(text, limit, misses) {
    const matches: Match[] = [];
    // Two letters, two digits: look for the first digit, and go back.
    for (let at = nextDigit(text, 3); at < text.length && matches.length < limit && misses.left >= 0; ) {
      const start = at - 2;
      const begins = isDigit(text[at + 1]) && isLetter(text[at - 1]) && isLetter(text[start]) && !continuesWord(text, start);
      const match = begins ? accountAt(text, start, misses) : undefined;
      if (match !== undefined) matches.push(match);
      at = nextDigit(text, match?.end ?? at + 1);
    }
    return matches;
  },
};

function accountAt(text: Buffer, start: number, misses: Misses): Match | undefined {
  const country = text.toString("latin1", start, start + 2).toUpperCase();
  const length = LENGTHS.get(country);
  if (length === undefined) return undefined;
  let account = "";
  let end = start;
  while (account.length < length) {
    const byte = text[end];
    if (isAlphanumeric(byte)) account += String.fromCharCode(byte as number);
    else if ((byte !== SPACE && byte !== HYPHEN) || !isAlphanumeric(text[end + 1])) return undefined;
    end += 1;
  }
  if (isAlphanumeric(text[end])) return undefined;
  account = account.toUpperCase();
  // The cheap check first: the library's costs microseconds, and text can be full of candidates.
  if (isMod97(account) && isValidIBAN(account)) return { start, end, score: 0.98, country };
  misses.left -= 1;
  return undefined;
}

/** ISO 7064 mod 97-10, letters as 10 to 35, the first four characters moved to the end. */
function isMod97(account: string): boolean {
  let remainder = 0;
  for (let index = 0; index < account.length; index += 1) {
    const code = account.charCodeAt((index + 4) % account.length);
    remainder = code < 0x3a ? (remainder * 10 + code - 0x30) % 97 : (remainder * 100 + code - 0x37) % 97;
  }
  return remainder === 1;
}
