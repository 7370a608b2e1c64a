/**
 * Payment card numbers: an issuer range, a length that the range allows, and the Luhn check digit.
 * Must not take long ids for cards too easily: one in ten random numbers passes Luhn, so bare digits without a label score low.
 */
import { isAlphanumeric, isDigit, isLabelled } from "../bytes.ts";
import type { Detector, Match } from "../detector.ts";
import { digitRuns, type DigitRun } from "./digit-runs.ts";

/** Leading digits from–to (both written in the same number of digits), and the lengths in use. */
const RANGES: readonly { brand: string; from: string; to: string; lengths: readonly number[] }[] = [
  { brand: "visa", from: "4", to: "4", lengths: [13, 16, 19] },
  { brand: "mastercard", from: "51", to: "55", lengths: [16] },
  { brand: "mastercard", from: "2221", to: "2720", lengths: [16] },
  { brand: "amex", from: "34", to: "34", lengths: [15] },
  { brand: "amex", from: "37", to: "37", lengths: [15] },
  { brand: "discover", from: "6011", to: "6011", lengths: [16, 19] },
  { brand: "discover", from: "644", to: "659", lengths: [16, 19] },
  { brand: "diners", from: "300", to: "305", lengths: [14, 16, 19] },
  { brand: "diners", from: "3095", to: "3095", lengths: [14, 16, 19] },
  { brand: "diners", from: "36", to: "36", lengths: [14, 16, 19] },
  { brand: "diners", from: "38", to: "39", lengths: [14, 16, 19] },
  { brand: "jcb", from: "3528", to: "3589", lengths: [16, 19] },
  { brand: "jcb", from: "2131", to: "2131", lengths: [15] },
  { brand: "jcb", from: "1800", to: "1800", lengths: [15] },
  { brand: "unionpay", from: "62", to: "62", lengths: [16, 17, 18, 19] },
  { brand: "rupay", from: "508", to: "508", lengths: [16] },
  { brand: "rupay", from: "60", to: "60", lengths: [16] },
  { brand: "rupay", from: "81", to: "82", lengths: [16] },
  { brand: "mir", from: "2200", to: "2204", lengths: [16, 17, 18, 19] },
  { brand: "troy", from: "9792", to: "9792", lengths: [16] },
  { brand: "maestro", from: "5018", to: "5020", lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { brand: "maestro", from: "5038", to: "5038", lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { brand: "maestro", from: "56", to: "58", lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { brand: "maestro", from: "6304", to: "6304", lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { brand: "maestro", from: "6390", to: "6390", lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { brand: "maestro", from: "67", to: "67", lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
];

const LABEL =
  /\b(?:cards?|credit|debit|visa|master ?card|amex|american express|discover|diners|jcb|union ?pay|maestro|pan|cc|ccn|cc ?num(?:ber)?|kreditkarte|karte|carte|tarjeta|cart[aã]o|carta)\b/;

/** ISO/IEC 7812-1: at most nineteen digits; below thirteen only Maestro, and that only with a label. */
const LEAST = 12;
const MOST = 19;
const LEAST_UNLABELLED = 13;

/** Lengths that a brand's bare, unlabelled digits are believed at: the rarer ones are far more often ids. */
const COMMON_LENGTHS = new Set([15, 16]);

export const card: Detector = {
  kind: "card",
  category: "pii",
  description: "Payment card number (issuer range and Luhn check digit)",
  label: "CARD",
  source: "ISO/IEC 7812-1; https://en.wikipedia.org/wiki/Payment_card_number",
  gate: "[0-9](?:[ -]?[0-9]){11}",
  find(text, limit) {
    const matches: Match[] = [];
    for (const run of digitRuns(text, LEAST)) {
      cardsIn(text, run, matches, limit);
      if (matches.length >= limit) break;
    }
    return matches;
  },
};

/** Cards that begin and end at a group of the run: "4111 1111 1111 1111 12/26" holds one. */
function cardsIn(text: Buffer, run: DigitRun, matches: Match[], limit: number): void {
  const { digits, positions, ends } = run;
  const sums = luhnSums(digits);
  for (let group = 0, from = 0; group < ends.length && matches.length < limit; ) {
    const found = longestCard(run, group, from, sums);
    const match = found && judge(text, run, from, found);
    if (found !== undefined && match !== undefined) {
      matches.push(match);
      group = found.lastGroup + 1;
    } else group += 1;
    from = ends[group - 1] as number;
    if (from > positions.length - LEAST) break;
  }
}

interface Window {
  /** Absent when no issuer range fits: then only a label makes it a card. */
  readonly brand: string | undefined;
  readonly length: number;
  readonly firstGroup: number;
  readonly lastGroup: number;
}

/** The longest window from this group on that could be a card; one with a brand before one without. */
function longestCard(run: DigitRun, group: number, from: number, sums: LuhnSums): Window | undefined {
  const { digits, ends } = run;
  let found: Window | undefined;
  for (let last = group; last < ends.length; last += 1) {
    const length = (ends[last] as number) - from;
    if (length > MOST) break;
    const single = last === group || (group === 0 && last === ends.length - 1);
    // Blocks of three digits and more, or one block, or a whole run in any grouping ("4 1 1 1 …").
    if (!single && !isBlock(run, last) && digits.length > MOST) break;
    if (length < LEAST || !(single || areBlocks(run, group, last)) || !passesLuhn(sums, from, from + length)) continue;
    const brand = brandOf(digits, from, length);
    if (brand !== undefined || found?.brand === undefined) found = { brand, length, firstGroup: group, lastGroup: last };
  }
  return found;
}

function areBlocks(run: DigitRun, first: number, last: number): boolean {
  for (let group = first; group <= last; group += 1) if (!isBlock(run, group)) return false;
  return true;
}

function isBlock({ ends }: DigitRun, group: number): boolean {
  const size = (ends[group] as number) - (ends[group - 1] ?? 0);
  return size >= 3 && size <= 6;
}

function judge(text: Buffer, run: DigitRun, from: number, window: Window): Match | undefined {
  const start = run.positions[from] as number;
  const end = (run.positions[from + window.length - 1] as number) + 1;
  // The fraction of a decimal number is no card.
  if (text[start - 1] === 0x2e && isDigit(text[start - 2])) return undefined;
  const { brand, length } = window;
  if (isLabelled(text, start, LABEL)) return { start, end, score: 0.99, ...(brand !== undefined && { brand }) };
  if (brand === undefined || length < LEAST_UNLABELLED) return undefined;
  if (window.firstGroup !== window.lastGroup) return { start, end, score: 0.9, brand };
  if (!COMMON_LENGTHS.has(length) && !(brand === "unionpay" && length === MOST)) return undefined;
  return isInsideToken(text, start, end) ? undefined : { start, end, score: 0.5, brand };
}

/** Digits amid a long run of letters and digits are part of a hash or an encoded blob. */
function isInsideToken(text: Buffer, start: number, end: number): boolean {
  let from = start;
  let to = end;
  while (start - from < 16 && isAlphanumeric(text[from - 1])) from -= 1;
  while (to - end < 16 && isAlphanumeric(text[to])) to += 1;
  return start - from + (to - end) >= 8;
}

/** Weight of each digit at a given parity, summed from the left, so that any window is checked in two subtractions. */
interface LuhnSums {
  readonly doubledEven: readonly number[];
  readonly doubledOdd: readonly number[];
}

function luhnSums(digits: readonly number[]): LuhnSums {
  const doubledEven = [0];
  const doubledOdd = [0];
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits[index] as number;
    const doubled = digit > 4 ? digit * 2 - 9 : digit * 2;
    doubledEven.push((doubledEven[index] as number) + (index % 2 === 0 ? doubled : digit));
    doubledOdd.push((doubledOdd[index] as number) + (index % 2 === 0 ? digit : doubled));
  }
  return { doubledEven, doubledOdd };
}

function passesLuhn(sums: LuhnSums, from: number, to: number): boolean {
  // The last digit is never doubled, the one before it is.
  const table = (to - 1) % 2 === 0 ? sums.doubledOdd : sums.doubledEven;
  const sum = (table[to] as number) - (table[from] as number);
  return sum > 0 && sum % 10 === 0;
}

const RANGE_NUMBERS = RANGES.map((range) => ({
  brand: range.brand,
  from: Number(range.from.padEnd(6, "0")),
  to: Number(range.to.padEnd(6, "9")),
  lengths: new Set(range.lengths),
}));

function brandOf(digits: readonly number[], from: number, length: number): string | undefined {
  let prefix = 0;
  for (let index = from; index < from + 6; index += 1) prefix = prefix * 10 + (digits[index] as number);
  return RANGE_NUMBERS.find((range) => prefix >= range.from && prefix <= range.to && range.lengths.has(length))?.brand;
}
