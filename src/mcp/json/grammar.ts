/**
 * The byte-level grammar of RFC 8259 strings and numbers (and RFC 3629 UTF-8), as tables and pure functions over a buffer.
 * Must not keep state: a function that runs out of bytes says so and is asked again at the same place when there are more.
 */

/** 1 for the bytes that stand for themselves inside a string: ASCII without controls, quote and backslash. */
const PLAIN: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte < 0x80 && byte !== 0x22 && byte !== 0x5c ? 1 : 0,
);

/**
 * The place of the first byte from `at` on that is not plain; there has to be one. `words` is the same memory, four bytes at a time:
 * a word is skipped when no byte in it is above 0x7f (x), below 0x20 (the borrow of x − 0x20), a quote or a backslash (zero after xor).
 * A borrow can stop it one word early, never late.
 */
export function skipPlain(bytes: Uint8Array, words: Int32Array, at: number): number {
  while ((at & 3) !== 0) {
    if (PLAIN[bytes[at] as number] !== 1) return at;
    at += 1;
  }
  let word = at >> 2;
  for (;;) {
    const x = words[word] as number;
    const quote = (x ^ 0x22222222) - 0x01010101;
    const backslash = (x ^ 0x5c5c5c5c) - 0x01010101;
    if (((x | (x - 0x20202020) | quote | backslash) & 0x80808080) !== 0) break;
    word += 1;
  }
  at = word << 2;
  while (PLAIN[bytes[at] as number] === 1) at += 1;
  return at;
}

/** More bytes are needed before anything can be said. */
export const INCOMPLETE = 0;
/** An escaped surrogate without its other half. */
export const LONE_SURROGATE = -100;

/**
 * The place behind a run of well-formed letters of two or three bytes, as nearly all text beyond ASCII has them; `at` when there is none.
 * Only a short cut: `utf8Sequence` has the last word on what stands there.
 */
export function skipLetters(bytes: Uint8Array, at: number): number {
  for (;;) {
    const lead = bytes[at] as number;
    if (lead < 0xc2 || lead > 0xef || ((bytes[at + 1] as number) & 0xc0) !== 0x80) return at;
    if (lead < 0xe0) at += 2;
    else if (lead !== 0xe0 && lead !== 0xed && ((bytes[at + 2] as number) & 0xc0) === 0x80) at += 3;
    else return at;
  }
}

/** Length of the UTF-8 sequence at `at` (a byte above 0x7f), INCOMPLETE, or −n when the byte n − 1 places on is wrong. Unicode table 3-7. */
export function utf8Sequence(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at] as number;
  // C0 and C1 would be overlong; above F4 lies beyond U+10FFFF.
  if (lead < 0xc2 || lead > 0xf4) return -1;
  if (at + 1 >= end) return INCOMPLETE;
  const second = bytes[at + 1] as number;
  if (lead < 0xe0) return (second & 0xc0) === 0x80 ? 2 : -2;
  // E0 and F0: no overlong forms; ED: no surrogates; F4: nothing beyond U+10FFFF.
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return -2;
  if (at + 2 >= end) return INCOMPLETE;
  if (((bytes[at + 2] as number) & 0xc0) !== 0x80) return -3;
  if (lead < 0xf0) return 3;
  if (at + 3 >= end) return INCOMPLETE;
  return ((bytes[at + 3] as number) & 0xc0) === 0x80 ? 4 : -4;
}

/** Length of the escape at `at` (a backslash; a surrogate pair counts as one), INCOMPLETE, LONE_SURROGATE, or −n as in `utf8Sequence`. */
export function escapeSequence(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) return INCOMPLETE;
  const letter = bytes[at + 1] as number;
  if (letter !== 0x75) return SHORT_ESCAPES[letter] === 1 ? 2 : -2;
  const unit = hexUnit(bytes, at + 2, end);
  if (unit < 0) return unit === NO_UNIT ? INCOMPLETE : unit - 1;
  if (unit < 0xd800 || unit > 0xdfff) return 6;
  if (unit > 0xdbff) return LONE_SURROGATE;
  if (at + 6 >= end) return INCOMPLETE;
  if (bytes[at + 6] !== 0x5c) return LONE_SURROGATE;
  if (at + 7 >= end) return INCOMPLETE;
  if (bytes[at + 7] !== 0x75) return LONE_SURROGATE;
  const low = hexUnit(bytes, at + 8, end);
  if (low < 0) return low === NO_UNIT ? INCOMPLETE : low - 7;
  return low >= 0xdc00 && low <= 0xdfff ? 12 : LONE_SURROGATE;
}

const NO_UNIT = -1;

/** The 16-bit unit of four hexadecimal digits; NO_UNIT when they are not all there; −2 − n when the one n places on is none. */
function hexUnit(bytes: Uint8Array, at: number, end: number): number {
  let unit = 0;
  for (let digit = 0; digit < 4; digit += 1) {
    if (at + digit >= end) return NO_UNIT;
    const value = HEX[bytes[at + digit] as number] as number;
    if (value === NOT_HEX) return -2 - digit;
    unit = (unit << 4) | value;
  }
  return unit;
}

const SHORT_ESCAPES = Uint8Array.from({ length: 256 }, (_, byte) => ('"\\/bfnrt'.includes(String.fromCharCode(byte)) ? 1 : 0));
const NOT_HEX = 255;
const HEX = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? NOT_HEX : value;
});

/** States of a number; 0 is "ends here". */
export const NUMBER_SIGN = 1;
export const NUMBER_ZERO = 2;
export const NUMBER_INTEGER = 3;
const NUMBER_POINT = 4;
const NUMBER_FRACTION = 5;
const NUMBER_E = 6;
const NUMBER_E_SIGN = 7;
export const NUMBER_EXPONENT = 8;

/** Whether a number may end in this state. */
export const NUMBER_ENDS: readonly boolean[] = [false, false, true, true, false, true, false, false, true];

/** `NUMBER_STEPS[(state << 8) | byte]` is the state after one more byte. */
export const NUMBER_STEPS: Uint8Array = buildNumberSteps();

function buildNumberSteps(): Uint8Array {
  const steps = new Uint8Array(9 << 8);
  const on = (state: number, bytes: string, next: number): void => {
    for (const byte of Buffer.from(bytes)) steps[(state << 8) | byte] = next;
  };
  on(NUMBER_SIGN, "0", NUMBER_ZERO);
  on(NUMBER_SIGN, "123456789", NUMBER_INTEGER);
  on(NUMBER_INTEGER, "0123456789", NUMBER_INTEGER);
  for (const state of [NUMBER_ZERO, NUMBER_INTEGER]) on(state, ".", NUMBER_POINT);
  for (const state of [NUMBER_POINT, NUMBER_FRACTION]) on(state, "0123456789", NUMBER_FRACTION);
  for (const state of [NUMBER_ZERO, NUMBER_INTEGER, NUMBER_FRACTION]) on(state, "eE", NUMBER_E);
  on(NUMBER_E, "+-", NUMBER_E_SIGN);
  for (const state of [NUMBER_E, NUMBER_E_SIGN, NUMBER_EXPONENT]) on(state, "0123456789", NUMBER_EXPONENT);
  return steps;
}
