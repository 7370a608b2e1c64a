/**
 * Phone numbers: international ones by their calling code, national ones by parentheses, separators or a label.
 * A bare run of digits is never a phone number without a label: it is nearly always an id.
 */
import { getCountries, getCountryCallingCode, Metadata } from "libphonenumber-js";
import { continuesWord, isDigit, isLabelled, nextDigit } from "../bytes.ts";
import type { Detector, Match } from "../detector.ts";
import { numberFacts } from "./numbering-plans.ts";

const PLUS = 0x2b;
const OPEN = 0x28;
const CLOSE = 0x29;
const SEPARATORS = new Set(Buffer.from(" -./()"));
/** What names a phone number anywhere in front of it (but not "phone_id"), and what does so directly in front of it. */
const LABEL =
  /\b(?:tel|tele?phones?|phones?|mobiles?|cell(?:ular|phone)?s?|fax|whats ?app|sms|hotline|telefon|telefono|tel[eé]fono|handy|portable|msisdn|ph)\b(?! ?(?:ids?|counts?|codes?|models?|types?|size|length)\b)|\b(?:call|dial|text|contact|reach|ring)(?: (?:me|us|him|her|them))?(?: (?:at|on|under))?[^a-z0-9]*$/;
/** E.164 section 6: at most fifteen digits; no plan in use has fewer than seven. */
const LEAST = 7;
const MOST = 15;
/** Digits that are read as one candidate: room for what stands around a number in the same spelling. */
const READ = 32;
const DATE = /^(?:(?:19|20)[0-9]{2}[-./ ][0-9]{1,2}[-./ ][0-9]{1,2}|[0-9]{1,2}[-./ ][0-9]{1,2}[-./ ](?:19|20)[0-9]{2})/;
const ISO_DATE = /^(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}$/;
const ISO_DATE_LENGTH = 10;
/** What `gate` asks of a national number, too: something that is written like one. */
const NATIONAL = /[0-9]{2}[ ./()-]{1,3}[0-9]{2}|[0-9]{7}/;

const NORTH_AMERICA = "1";

/** National lengths that can be dialled, by calling code. */
const LENGTHS = new Map<string, Set<number>>();
for (const country of getCountries()) {
  const code = getCountryCallingCode(country);
  const metadata = new Metadata();
  metadata.selectNumberingPlan(country);
  const lengths = LENGTHS.get(code) ?? new Set();
  for (const length of metadata.numberingPlan?.possibleLengths() ?? []) lengths.add(length);
  LENGTHS.set(code, lengths);
}

export const phone: Detector = {
  kind: "phone",
  category: "pii",
  description: "Phone number",
  label: "PHONE",
  source: "ITU-T E.164 and E.123; https://github.com/google/libphonenumber",
  gate: "\\+[ ./()-]{0,3}[0-9]|[0-9]{2}[ ./()-]{1,3}[0-9]{2}|[0-9]{7}",
  // Texts are full of dates, and each modern request says in one which revision it speaks.
  possible(bytes) {
    for (let at = nextDigit(bytes, 0); at < bytes.length; ) {
      const end = endOfShort(bytes, at) ?? endOfDate(bytes, at);
      if (end === undefined) return true;
      at = nextDigit(bytes, end);
    }
    return false;
  },
  find(text, limit) {
    const matches: Match[] = [];
    for (let at = nextDigit(text, 0); at < text.length && matches.length < limit; ) {
      const start = startBefore(text, at, matches.at(-1)?.end ?? 1);
      const short = endOfShort(text, start);
      if (short !== undefined) {
        at = nextDigit(text, Math.max(short, at + 1));
        continue;
      }
      const candidate = readCandidate(text, start);
      const match = judge(text, candidate);
      if (match !== undefined) matches.push(match);
      at = nextDigit(text, match?.end ?? Math.max(candidate.next, at + 1));
    }
    return matches;
  },
};

/** A plus up to three separators before the first digit, or an opening parenthesis directly before it, belongs to the number. */
function startBefore(text: Buffer, digit: number, floor: number): number {
  for (let at = digit - 1; at >= Math.max(floor, digit - 4); at -= 1) {
    if (text[at] === PLUS) return at;
    if (!SEPARATORS.has(text[at] as number)) break;
  }
  return digit - 1 >= floor && text[digit - 1] === OPEN ? digit - 1 : digit;
}

/** Groups of digits with separators, from a plus, an opening parenthesis or a digit on. */
interface Candidate {
  readonly start: number;
  readonly plus: boolean;
  readonly parentheses: boolean;
  readonly groups: readonly Group[];
  /** Where to go on when this is none. */
  readonly next: number;
}

/** Bytes of a group, and how many digits there are up to its end. */
interface Group {
  readonly start: number;
  readonly end: number;
  readonly digits: number;
}

function readCandidate(text: Buffer, start: number): Candidate {
  const plus = text[start] === PLUS;
  let parentheses = false;
  let digits = 0;
  const groups: Group[] = [];
  let at = plus ? start + 1 : start;
  do {
    const from = at;
    while (isDigit(text[at])) at += 1;
    digits += at - from;
    if (at > from) groups.push({ start: from, end: at, digits });
    for (let gap = gapAfter(text, at); gap > 0; gap -= 1, at += 1) parentheses ||= text[at] === OPEN || text[at] === CLOSE;
  } while (isDigit(text[at]) && digits < READ);
  // A number that the limit cut in two is found again from the third last group on.
  const next = isDigit(text[at]) && groups.length > 3 ? (groups.at(-3) as Group).start : at;
  return { start, plus, parentheses, groups, next };
}

/** Where a candidate ends that has too few digits for a phone number; undefined for a longer one. Most numbers in a text are short. */
function endOfShort(text: Buffer, start: number): number | undefined {
  let digits = 0;
  let at = text[start] === PLUS ? start + 1 : start;
  do {
    while (isDigit(text[at])) {
      digits += 1;
      at += 1;
    }
    if (digits >= LEAST) return undefined;
    at += gapAfter(text, at);
  } while (isDigit(text[at]));
  return at;
}

/** Where a date ends that is all there is of a candidate. */
function endOfDate(text: Buffer, start: number): number | undefined {
  const end = start + ISO_DATE_LENGTH;
  if (startBefore(text, start, 0) !== start || isDigit(text[end]) || gapAfter(text, end) > 0) return undefined;
  return ISO_DATE.test(text.toString("latin1", start, end)) ? end : undefined;
}

function digitsOf({ groups }: Candidate): number {
  return groups.at(-1)?.digits ?? 0;
}

/** The digits from one group to another. */
function spell(text: Buffer, from: Group, to: Group): string {
  return text.toString("latin1", from.start, to.end).replaceAll(/[^0-9]/g, "");
}

/** How many separators and parentheses, up to three, stand between here and a digit; 0 when there is no digit behind them. */
function gapAfter(text: Buffer, from: number): number {
  for (let at = from; at < from + 4; at += 1) {
    const byte = text[at] as number;
    if (isDigit(byte)) return at - from;
    if (!SEPARATORS.has(byte)) break;
  }
  return 0;
}

function judge(text: Buffer, candidate: Candidate): Match | undefined {
  if (candidate.plus) return international(text, candidate);
  const { start } = candidate;
  if (continuesWord(text, start) || (text[start - 1] === 0x2e && isDigit(text[start - 2]))) return undefined;
  return northAmerican(text, candidate) ?? national(text, candidate);
}

/** "+" and calling code: the longest whole groups whose length that code allows; a valid number before a merely possible one. */
function international(text: Buffer, { start, groups }: Candidate): Match | undefined {
  const [first] = groups as [Group];
  const beginning = text.toString("latin1", first.start, first.start + 6).replaceAll(/[^0-9]/g, "");
  const code = [1, 2, 3].map((length) => beginning.slice(0, length)).find((prefix) => LENGTHS.has(prefix));
  if (code === undefined) return undefined;
  let possible: Match | undefined;
  for (const group of groups.toReversed()) {
    const { end, digits } = group;
    if (digits > MOST + 1 || digits < LEAST) continue;
    const trunk = text.toString("latin1", start, end).includes("(0)");
    if (LENGTHS.get(code)?.has(digits - code.length - (trunk ? 1 : 0)) !== true) continue;
    const rest = spell(text, first, group).slice(code.length);
    const { country, valid } = numberFacts(code, trunk ? rest.replace("0", "") : rest) ?? {};
    if (valid === true) return { start, end, score: 0.95, ...(country && { country }) };
    possible ??= { start, end, score: 0.6, ...(country && { country }) };
  }
  return possible;
}

/** NPA-NXX-XXXX of the North American plan in three groups, perhaps behind a 1, anywhere in the candidate. */
function northAmerican(text: Buffer, { groups, parentheses }: Candidate): Match | undefined {
  for (let index = 0; index + 2 < groups.length; index += 1) {
    const [area, exchange, line] = [groups[index], groups[index + 1], groups[index + 2]] as [Group, Group, Group];
    if (!isTo9(text[area.start]) || !isTo9(text[exchange.start])) continue;
    if (area.end - area.start !== 3 || exchange.end - exchange.start !== 3 || line.end - line.start !== 4) continue;
    const before = groups[index - 1];
    const start = isTrunk(text, before) ? before.start : text[area.start - 1] === OPEN ? area.start - 1 : area.start;
    const country = numberFacts(NORTH_AMERICA, spell(text, area, line))?.country ?? "US";
    const sure = parentheses || isLabelled(text, start, LABEL);
    return { start, end: line.end, score: sure ? 0.9 : 0.7, country };
  }
  return undefined;
}

/** Area codes and exchanges begin with 2 to 9. */
function isTo9(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x32;
}

function isTrunk(text: Buffer, group: Group | undefined): group is Group {
  return group !== undefined && group.end - group.start === 1 && text[group.start] === 0x31;
}

/** Other national spellings: a label, or an area code in parentheses with its trunk zero. */
function national(text: Buffer, candidate: Candidate): Match | undefined {
  const { start, groups } = candidate;
  const digits = digitsOf(candidate);
  if (digits > MOST) return undefined;
  const { end } = groups.at(-1) as Group;
  const spelling = text.toString("latin1", start, end);
  if (!NATIONAL.test(spelling) || DATE.test(spelling)) return undefined;
  if (spelling.startsWith("(0") && digits >= 8 && digits <= 12) return { start, end, score: 0.6 };
  if (!isLabelled(text, start, LABEL)) return undefined;
  return { start, end, score: groups.length > 1 ? 0.7 : 0.5 };
}
