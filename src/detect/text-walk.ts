/**
 * All text of a document in one buffer: every string, key and number, decoded, in document order, and the way back from a place in
 * that buffer to the node, the code point and the document's own bytes.
 * Must not know what is searched for, and must leave nothing out.
 *
 * One buffer, because a call into RE2 per string costs more than searching the string. Layout: BREAK, then for each piece its UTF-8
 * and a BREAK, or a BELONGS when the piece is a key whose value is a string or number (the piece that follows).
 */
import type { JsonDocument, Node } from "../mcp/json.ts";
import { BELONGS, BREAK } from "./bytes.ts";
import type { FindingOn } from "./detector.ts";

/** The searched text of one document. `nodes[i]` is the node of piece i, `starts[i]` where its text begins. */
export interface WalkedText {
  readonly text: Buffer;
  readonly nodes: readonly Node[];
  readonly starts: readonly number[];
}

const BACKSLASH = 0x5c;
const LOWER_U = 0x75;
const SHORT = new Uint8Array(256);
for (const [letter, byte] of Object.entries({ '"': 0x22, "\\": 0x5c, "/": 0x2f, b: 8, f: 12, n: 10, r: 13, t: 9 })) {
  SHORT[letter.charCodeAt(0)] = byte;
}

/** Decodes a whole document. Linear in its size; the text is never longer than the document by more than one byte a piece. */
export function walkText(document: JsonDocument): WalkedText {
  const { bytes, size } = document;
  const text = Buffer.allocUnsafe(bytes.length + size + 1);
  const nodes: Node[] = [];
  const starts: number[] = [];
  let at = 0;
  text[at++] = BREAK;
  for (let node = 0; node < size; node += 1) {
    const kind = document.kind(node);
    if (kind !== "string" && kind !== "number") continue;
    nodes.push(node);
    starts.push(at);
    const quote = kind === "string" ? 1 : 0;
    const start = document.start(node) + quote;
    const end = document.end(node) - quote;
    if (quote === 1 && document.escaped(node)) at = decode(bytes, start, end, text, at);
    else at = copy(bytes, start, end, text, at);
    text[at++] = document.isKey(node) && isScalar(document, node + 1) ? BELONGS : BREAK;
  }
  return { text: text.subarray(0, at), nodes, starts };
}

/** From here on a native copy is quicker than a loop. */
const LONG = 32;

function copy(from: Buffer, start: number, end: number, to: Buffer, into: number): number {
  if (end - start >= LONG) return into + from.copy(to, into, start, end);
  let at = into;
  for (let index = start; index < end; index += 1) to[at++] = from[index] as number;
  return at;
}

/** A plain text as a walked text of one piece. */
export function wrapText(utf8: Uint8Array): Buffer {
  const text = Buffer.allocUnsafe(utf8.length + 2);
  text[0] = BREAK;
  text.set(utf8, 1);
  text[utf8.length + 1] = BREAK;
  return text;
}

function isScalar(document: JsonDocument, node: Node): boolean {
  const kind = document.kind(node);
  return kind === "string" || kind === "number";
}

/** Decodes the inside of a JSON string that the reader accepted; answers where the text ends. */
function decode(from: Buffer, start: number, end: number, to: Buffer, into: number): number {
  let at = into;
  for (let index = start; index < end; ) {
    const byte = from[index] as number;
    if (byte !== BACKSLASH) {
      to[at++] = byte;
      index += 1;
      continue;
    }
    const unit = readEscape(from, index);
    at = writeCodePoint(unit.codePoint, to, at);
    index += unit.length;
  }
  return at;
}

/** The code point that the escape at `index` spells (a surrogate pair is one), and the length of the spelling. */
function readEscape(from: Buffer, index: number): { codePoint: number; length: number } {
  const letter = from[index + 1] as number;
  if (letter !== LOWER_U) return { codePoint: SHORT[letter] as number, length: 2 };
  const high = readHex(from, index + 2);
  if (high < 0xd800 || high > 0xdbff) return { codePoint: high, length: 6 };
  // The reader refuses lone surrogates, so the other half follows.
  const low = readHex(from, index + 8);
  return { codePoint: 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), length: 12 };
}

function readHex(from: Buffer, index: number): number {
  return Number.parseInt(from.toString("latin1", index, index + 4), 16);
}

function writeCodePoint(codePoint: number, to: Buffer, into: number): number {
  let at = into;
  if (codePoint < 0x80) to[at++] = codePoint;
  else {
    if (codePoint < 0x800) to[at++] = 0xc0 | (codePoint >> 6);
    else {
      if (codePoint < 0x10000) to[at++] = 0xe0 | (codePoint >> 12);
      else {
        to[at++] = 0xf0 | (codePoint >> 18);
        to[at++] = 0x80 | ((codePoint >> 12) & 0x3f);
      }
      to[at++] = 0x80 | ((codePoint >> 6) & 0x3f);
    }
    to[at++] = 0x80 | (codePoint & 0x3f);
  }
  return at;
}

/** Where a range of the searched text stands in the document. */
export interface Place {
  readonly node: Node;
  readonly on: FindingOn;
  /** Code points of the decoded piece. */
  readonly start: number;
  readonly end: number;
  /** Bytes of the document. */
  readonly rawStart: number;
  readonly rawEnd: number;
}

/**
 * Finds places of ranges that are asked for in ascending order. Keeps its position, so that a document with many findings in one
 * long string is walked once, not once per finding.
 */
export class Placer {
  readonly #document: JsonDocument;
  readonly #walked: WalkedText;
  #piece = -1;
  #plain = false;
  /** Position inside the piece, in the three measures. */
  #at = 0;
  #points = 0;
  #raw = 0;

  constructor(document: JsonDocument, walked: WalkedText) {
    this.#document = document;
    this.#walked = walked;
  }

  /** The place of bytes `start` to `end` of the text, which lie inside one piece and begin where the last range ended or later. */
  place(start: number, end: number): Place {
    this.#enter(start);
    const node = this.node;
    this.#advance(start);
    const from = { points: this.#points, raw: this.#raw };
    this.#advance(end);
    const kind = this.#document.kind(node);
    const on = kind === "number" ? "number" : this.#document.isKey(node) ? "key" : "value";
    return { node, on, start: from.points, end: this.#points, rawStart: from.raw, rawEnd: this.#raw };
  }

  get node(): Node {
    return this.#walked.nodes[this.#piece] as Node;
  }

  #enter(start: number): void {
    const piece = pieceAt(this.#walked, start);
    if (piece === this.#piece) return;
    this.#piece = piece;
    this.#at = this.#walked.starts[piece] as number;
    this.#points = 0;
    this.#plain = this.#document.plain(this.node);
    this.#raw = this.#document.start(this.node) + (this.#document.kind(this.node) === "string" ? 1 : 0);
  }

  #advance(to: number): void {
    const { text } = this.#walked;
    const { bytes } = this.#document;
    if (this.#plain) {
      const width = to - this.#at;
      this.#at += width;
      this.#points += width;
      this.#raw += width;
      return;
    }
    while (this.#at < to) {
      const lead = text[this.#at] as number;
      const width = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
      if (bytes[this.#raw] === BACKSLASH) this.#raw += readEscape(bytes, this.#raw).length;
      else this.#raw += width;
      this.#at += width;
      this.#points += 1;
    }
  }
}

/** Index of the piece that holds a position of the text. */
export function pieceAt(walked: WalkedText, position: number): number {
  let low = 0;
  let high = walked.starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((walked.starts[middle] as number) <= position) low = middle;
    else high = middle - 1;
  }
  return low;
}
