/**
 * E-mail addresses: an `@` between a plausible local part and a host whose suffix is known.
 * Must find the address, not the sentence around it: letters of other scripts in front of an ASCII local part are left alone.
 */
import { parse } from "tldts";
import { BELONGS, isAlphanumeric } from "../bytes.ts";
import type { Detector, Match, Misses } from "../detector.ts";

/** RFC 5321 section 4.5.3.1. */
const MAX_LOCAL = 64;
const MAX_DOMAIN = 255;

const AT = 0x40;
const DOT = 0x2e;
const HYPHEN = 0x2d;
const BACKSLASH = 0x5c;
const ESCAPE_LETTERS = new Set(Buffer.from("nrt"));
/** RFC 5322 allows `&=?/{|}` and the backquote as well; in text they nearly always stand between an address and something else. */
const LOCAL_PUNCTUATION = new Set(Buffer.from(".!#$%'*+-^_~"));
/** Legal at the edge of a local part, but in running text mostly punctuation around the address. */
const EDGE_PUNCTUATION = new Set(Buffer.from(".!#$%'*+-^~"));
/** Letters of these stand in addresses; other scripts are written without spaces, so a sentence would be taken for a local part. */
const SPACED_SCRIPTS =
  /^[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Devanagari}\p{Script=Armenian}\p{Script=Georgian}\p{Script=Hangul}\p{M}]$/u;
/** A last label of Latin and look-alike letters is a suffix in disguise ("\u0441om"). */
const DISGUISED = /\.(?=[^.]*[a-z])(?=[^.]*[\p{Script=Greek}\p{Script=Cyrillic}])[^.]+$/u;
/** RFC 2606, RFC 6762 and what companies use inside: no public suffix, but addresses all the same. */
const PRIVATE_SUFFIXES = new Set([
  "internal",
  "local",
  "localdomain",
  "corp",
  "lan",
  "intranet",
  "home",
  "test",
  "example",
  "invalid",
  "onion",
]);

export const email: Detector = {
  kind: "email",
  category: "pii",
  description: "E-mail address",
  label: "EMAIL",
  source: "RFC 5321 section 4.1.2, RFC 6531 for other scripts; https://publicsuffix.org",
  gate: "[^\\s@]@[^\\s@]",
  find(text, limit, misses) {
    const matches: Match[] = [];
    for (let at = text.indexOf(AT); at !== -1 && matches.length < limit && misses.left >= 0; at = text.indexOf(AT, at + 1)) {
      const match = addressAround(text, at, matches.at(-1)?.end ?? 0, misses);
      if (match !== undefined) matches.push(match);
    }
    return matches;
  },
};

function addressAround(text: Buffer, at: number, floor: number, misses: Misses): Match | undefined {
  const start = localStart(text, at, floor);
  if (start === at) return undefined;
  const hosts = hostsFrom(text, at + 1);
  for (const host of hosts) {
    const { domain, isIcann, publicSuffix } = parse(host.toLowerCase(), { validateHostname: false, allowPrivateDomains: false });
    if (domain === null || publicSuffix === null) continue;
    const score = isIcann === true ? 0.95 : PRIVATE_SUFFIXES.has(publicSuffix) ? 0.7 : 0;
    if (score > 0) return { start, end: endOf(at, host), score, domain };
  }
  const [whole] = hosts;
  if (whole === undefined) return undefined;
  if (!DISGUISED.test(whole)) {
    misses.left -= 1;
    return undefined;
  }
  return { start, end: endOf(at, whole), score: 0.6, domain: whole.toLowerCase() };
}

function endOf(at: number, host: string): number {
  return at + 1 + Buffer.byteLength(host);
}

function localStart(text: Buffer, at: number, floor: number): number {
  const least = Math.max(floor, at - MAX_LOCAL);
  let start = at;
  while (start > least) {
    const byte = text[start - 1] as number;
    if (isAlphanumeric(byte) || LOCAL_PUNCTUATION.has(byte)) start -= 1;
    else if (byte < 0x80) break;
    else {
      const width = letterBefore(text, start);
      if (width === 0 || start - width < least) break;
      start -= width;
    }
  }
  // The `n` of a literal `\n` belongs to the text around.
  if (text[start - 1] === BACKSLASH && ESCAPE_LETTERS.has(text[start] as number) && start < at - 1) start += 1;
  while (start < at && EDGE_PUNCTUATION.has(text[start] as number)) start += 1;
  return text[at - 1] === DOT ? at : start;
}

/** Width of the letter that ends at `end`, when it is of a script that addresses use; else 0. */
function letterBefore(text: Buffer, end: number): number {
  let start = end - 1;
  while (start > end - 4 && ((text[start] as number) & 0xc0) === 0x80) start -= 1;
  return SPACED_SCRIPTS.test(text.toString("utf8", start, end)) ? end - start : 0;
}

/** Readings of what stands behind the `@`: as far as it goes, without letters of another script, and without a last word. */
function hostsFrom(text: Buffer, from: number): string[] {
  const most = Math.min(text.length, from + MAX_DOMAIN);
  let end = from;
  let dotted = false;
  while (end < most) {
    const byte = text[end] as number;
    if (byte === DOT) dotted = true;
    if (isAlphanumeric(byte) || byte === HYPHEN || byte === DOT) end += 1;
    else if (byte < 0x80 || byte >= BELONGS) break;
    else end += byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
  }
  if (!dotted) return [];
  const whole = /^[\p{L}\p{M}\p{N}.-]*/u.exec(text.toString("utf8", from, end))?.[0] ?? "";
  const ascii = /^[A-Za-z0-9.-]*/.exec(whole)?.[0] ?? "";
  const hosts = [whole, ascii, ascii.replace(/\.[^.]*$/, "")].map((host) => host.replace(/[.-]+$/, ""));
  // A suffix never starts with a digit: "icon@1.2".
  return [...new Set(hosts)].filter((host) => /[^.]\.[^.0-9][^.]*$/.test(host));
}
