/**
 * PEM private keys, the whole block: with real line breaks, with literal `\n` (twice escaped), and cut off before its end.
 * Must not fire where a key is only talked about: there has to be a body.
 */
import { BELONGS, BREAK, isAlphanumeric } from "../bytes.ts";
import { findByPattern } from "../candidates.ts";
import type { Detector } from "../detector.ts";

const BODY_PUNCTUATION = new Set(Buffer.from("+/=\r\n\t \\,:.()<>@\"'"));
const LEAST_BODY = 24;
const QUOTE = 0x22;
const HYPHEN = 0x2d;
const END = "-----END ";
/** "-----END " and what follows it. */
const LONGEST_END = 64;

export const privateKey: Detector = {
  kind: "private_key",
  category: "secret",
  description: "Private key in PEM form (PKCS #1, PKCS #8, SEC 1, OpenSSH, PGP)",
  label: "PRIVATE_KEY",
  source: "RFC 7468; RFC 9580 section 6.2",
  gate: "PRIVATE KEY",
  find: findByPattern("-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----", (text, start, end) => {
    const bodyEnd = endOfBody(text, end);
    if (countBase64(text, end, bodyEnd) < LEAST_BODY) return end;
    return { start, end: endOfBlock(text, end, bodyEnd), score: 0.99 };
  }),
};

/** Up to five hyphens, or to what no body contains. Single hyphens stand in headers ("DEK-Info: AES-128-CBC"). */
function endOfBody(text: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const byte = text[at];
    if (byte === undefined || byte === BREAK || byte === BELONGS) return at;
    if (byte === HYPHEN && text[at + 1] === HYPHEN) return at;
    if (byte !== HYPHEN && !isAlphanumeric(byte) && !BODY_PUNCTUATION.has(byte)) return at;
    at += 1;
  }
}

function endOfBlock(text: Buffer, bodyStart: number, bodyEnd: number): number {
  if (text.toString("latin1", bodyEnd, bodyEnd + END.length) !== END) {
    // Cut off: quotes inside a body are source code that joins lines, but without an end the first one closes a string.
    const quote = text.subarray(bodyStart, bodyEnd).indexOf(QUOTE);
    return quote === -1 ? bodyEnd : bodyStart + quote;
  }
  const rest = text.toString("latin1", bodyEnd + END.length, bodyEnd + LONGEST_END);
  const length = /^[A-Z0-9 ]*(?:-----)?/.exec(rest)?.[0].length ?? 0;
  return bodyEnd + END.length + length;
}

/** Bytes of the longest stretch of base64. Prose has none of this length. */
function countBase64(text: Buffer, from: number, to: number): number {
  let longest = 0;
  for (let at = from, length = 0; at < to; at += 1) {
    length = isAlphanumeric(text[at]) || text[at] === 0x2b || text[at] === 0x2f ? length + 1 : 0;
    if (length > longest) longest = length;
  }
  return longest;
}
