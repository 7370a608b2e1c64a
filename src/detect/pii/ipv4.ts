/**
 * IPv4 addresses in dotted form. Must not take version numbers and object identifiers for addresses, and leaves out those that
 * name no host (loopback, unspecified, masks): they say nothing about anyone.
 */
import { isIP } from "node:net";
import { BELONGS, BREAK, continuesWord, isAlphanumeric, isDigit, isLabelled, isLetter } from "../bytes.ts";
import type { Detector, Match } from "../detector.ts";

const DOT = 0x2e;
const HYPHEN = 0x2d;
const SLASH = 0x2f;
const VERSION = /\b(?:v|ver|versions?|releases?|build|rev|revision|firmware|oid|section|chapter)\b[^a-z0-9]*$/;

export const ipv4: Detector = {
  kind: "ipv4",
  category: "pii",
  description: "IPv4 address of a host",
  label: "IP",
  source: "RFC 6943 section 3.1.1 (strict dotted decimal); RFC 6890 for the special ranges",
  gate: "[0-9]\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]",
  find(text, limit) {
    const matches: Match[] = [];
    for (let dot = text.indexOf(DOT); dot !== -1 && matches.length < limit; ) {
      const run = dottedRun(text, dot);
      const match = run.parts === 4 ? addressIn(text, run.start, run.end) : undefined;
      if (match !== undefined) matches.push(match);
      dot = text.indexOf(DOT, Math.max(dot + 1, run.end));
    }
    return matches;
  },
};

/** The digits and dots around a dot: how many numbers they are, and where. */
function dottedRun(text: Buffer, dot: number): { start: number; end: number; parts: number } {
  let start = dot;
  while (dot - start < 4 && isDigit(text[start - 1])) start -= 1;
  let end = dot;
  let parts = start === dot ? 0 : 1;
  while (text[end] === DOT && isDigit(text[end + 1])) {
    end += 1;
    while (isDigit(text[end])) end += 1;
    parts += 1;
  }
  return { start: start === dot ? dot + 1 : start, end, parts };
}

function addressIn(text: Buffer, start: number, end: number): Match | undefined {
  if (continuesWord(text, start) || (text[start - 1] === DOT && isAlphanumeric(text[start - 2]))) return undefined;
  const after = text[end];
  if (isLetter(after) || after === 0x5f) return undefined;
  // "1.2.3.4-beta", "1.2.3.4.tgz"
  if ((after === HYPHEN || after === DOT) && isLetter(text[end + 1])) return undefined;
  const address = text.toString("latin1", start, end);
  if (isIP(address) !== 4 || namesNoHost(address)) return undefined;
  if (isVersion(text, start, address)) return undefined;
  const alone = isEdge(text[start - 1]) && isEdge(after);
  return { start, end, score: alone ? 0.9 : 0.8 };
}

function isEdge(byte: number | undefined): boolean {
  return byte === BREAK || byte === BELONGS;
}

function namesNoHost(address: string): boolean {
  return address.startsWith("0.") || address.startsWith("127.") || address.startsWith("255.");
}

/** "version 1.2.3.4", "Chrome/126.0.0.0". */
function isVersion(text: Buffer, start: number, address: string): boolean {
  if (text[start - 1] === SLASH && isLetter(text[start - 2]) && address.endsWith(".0")) return true;
  return isLabelled(text, start, VERSION);
}
