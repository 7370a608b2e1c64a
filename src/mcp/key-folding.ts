/**
 * How spellings of one key are told to be alike: the folded form of a key, and what a key shows without being folded. Pure. Must not know
 * which keys the protocol has.
 */

const UNDERSCORE = 0x5f;
/** What folding makes of an ASCII byte: its small letter, or 0 when it drops it (separators, control characters). Above ASCII: `WIDE`. */
const WIDE = 0xff;
const SMALL = new Uint8Array(256).fill(WIDE, 0x80);
for (let byte = 0x21; byte < 0x7f; byte += 1) {
  const letter = String.fromCharCode(byte);
  SMALL[byte] = letter === "-" || letter === "." ? 0 : letter.toLowerCase().charCodeAt(0);
}

/**
 * The form in which two spellings are taken for the same key: compatibility forms and case folded, marks, separators, control and
 * invisible characters dropped. Leading underscores stay: `meta` and `_meta` are two keys to most readers.
 */
export function fold(key: string): string {
  if (/^[a-z]*$/.test(key)) return key;
  const folded = key
    .normalize("NFKC")
    .toUpperCase()
    .toLowerCase()
    .normalize("NFKD")
    .replace(/[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{M}\p{Z}.-]/gu, "");
  const first = folded.search(/[^_]/);
  return first === -1 ? folded : folded.slice(0, first) + folded.slice(first).replaceAll("_", "");
}

/** What a key shows without being folded: what folding keeps of its ASCII letters, whatever else is in it. */
export interface Glance {
  /** Underscores in front. */
  readonly underscores: number;
  /** How many other letters there are; one more than asked for stands for any number. */
  readonly letters: number;
  /** The first of them, small; 0 when there is none, or something beyond ASCII in front of it. */
  readonly first: number;
  /** Whether there is anything beyond ASCII, as far as was looked. */
  readonly wide: boolean;
}

/** Looks no further than one letter more than `most`. */
export function glance(bytes: Buffer, start: number, end: number, most: number): Glance {
  let underscores = 0;
  let letters = 0;
  let first = 0;
  let wide = false;
  for (let at = start; at < end && letters <= most; at += 1) {
    const small = SMALL[bytes[at] as number] as number;
    if (small === WIDE) wide = true;
    else if (small === UNDERSCORE) underscores += letters === 0 ? 1 : 0;
    else if (small !== 0) {
      if (letters === 0 && !wide) first = small;
      letters += 1;
    }
  }
  return { underscores, letters, first, wide };
}

/** One number for what two ASCII spellings of one key have in common: a first sieve only. */
export function shapeOf({ underscores, letters, first }: Glance): number {
  return (underscores << 16) | (letters << 8) | first;
}

/** `fold` of ASCII, up to one letter more than `most`: linear, and for hostile text much cheaper. */
export function foldAscii(bytes: Buffer, start: number, end: number, most: number): string {
  let folded = "";
  let letters = 0;
  for (let at = start; at < end && letters <= most; at += 1) {
    const small = SMALL[bytes[at] as number] as number;
    if (small === 0 || (small === UNDERSCORE && letters > 0)) continue;
    if (small !== UNDERSCORE) letters += 1;
    folded += String.fromCharCode(small);
  }
  return folded;
}
