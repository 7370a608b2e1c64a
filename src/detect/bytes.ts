/**
 * What detectors ask about single bytes of searched text, and about what stands in front of a match.
 * Must not know any kind of data.
 */

/** Ends a piece of text; the searched text also begins with one, so that every match has a byte before it. */
export const BREAK = 0xff;
/** Stands between a key and its scalar value. */
export const BELONGS = 0xfe;

const DIGIT = 1;
const LETTER = 2;
const CLASSES = new Uint8Array(256);
for (let byte = 0x30; byte <= 0x39; byte += 1) CLASSES[byte] = DIGIT;
for (let byte = 0x41; byte <= 0x5a; byte += 1) CLASSES[byte] = CLASSES[byte + 0x20] = LETTER;

export const isDigit = (byte: number | undefined): boolean => byte !== undefined && CLASSES[byte] === DIGIT;
/** The next digit from a place on, or the text's length. The loop in which clean text spends its time: nothing but a comparison a byte. */
export function nextDigit(text: Buffer, from: number): number {
  const { length } = text;
  for (let at = from; at < length; at += 1) {
    const byte = text[at] as number;
    if (byte <= 0x39 && byte >= 0x30) return at;
  }
  return length;
}

export const isLetter = (byte: number | undefined): boolean => byte !== undefined && CLASSES[byte] === LETTER;
export const isAlphanumeric = (byte: number | undefined): boolean => byte !== undefined && CLASSES[byte] !== 0;

const BACKSLASH = 0x5c;
const SHORT_ESCAPES = new Set(Buffer.from("nrtbf"));

/**
 * Whether the byte in front of `start` is a letter, digit or underscore that continues a word. The `n` of a literal `\n` is not:
 * JSON inside a JSON string is full of them, and a value behind one must not hide.
 */
export function continuesWord(text: Buffer, start: number): boolean {
  const before = text[start - 1];
  if (!isAlphanumeric(before) && before !== 0x5f) return false;
  return !(text[start - 2] === BACKSLASH && SHORT_ESCAPES.has(before as number));
}

/** How far back a label may stand from the value that it names, in bytes. */
const LABEL_REACH = 40;
const CAMEL = /([a-z0-9])([A-Z])/g;

/**
 * Whether `label` matches the text in front of a match: the same piece and, for a scalar value, its key; split into lower-case words
 * (`cardNumber`, `card_number` and "Card Number:" alike).
 */
export function isLabelled(text: Buffer, start: number, label: RegExp): boolean {
  let from = start;
  const least = Math.max(0, start - LABEL_REACH);
  while (from > least && text[from - 1] !== BREAK) from -= 1;
  if (from === start) return false;
  // A word cut in half at the window's edge could look like a label ("…notssn").
  if (from === least) while (from < start && isAlphanumeric(text[from])) from += 1;
  // Text full of numbers asks this for each of them, and no label is without a letter.
  if (!hasLetter(text, from, start)) return false;
  return label.test(asciiWords(text, from, start) ?? words(text.toString("utf8", from, start)));
}

function words(text: string): string {
  return text.replaceAll(CAMEL, "$1 $2").replaceAll("_", " ").toLowerCase();
}

const UNDERSCORE = 0x5f;
const SPACE = 0x20;
/** Room for a space in front of every letter. */
const scratch = Buffer.alloc(2 * LABEL_REACH);

/** The same as `words`, byte by byte, which costs half as much; undefined when there is anything but ASCII. */
function asciiWords(text: Buffer, from: number, to: number): string | undefined {
  let length = 0;
  let before = 0;
  for (let at = from; at < to; at += 1) {
    const byte = text[at] as number;
    if (byte >= 0x80) return undefined;
    if (byte >= 0x41 && byte <= 0x5a) {
      if (isDigit(before) || (before >= 0x61 && before <= 0x7a)) scratch[length++] = SPACE;
      scratch[length++] = byte + 0x20;
    } else scratch[length++] = byte === UNDERSCORE ? SPACE : byte;
    before = byte;
  }
  return scratch.toString("latin1", 0, length);
}

function hasLetter(text: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) if (isLetter(text[at])) return true;
  return false;
}
