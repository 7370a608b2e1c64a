/**
 * The strict JSON reader (RFC 8259): one pass over the bytes, fed chunk by chunk, that accepts only documents with exactly one
 * meaning and records the span of every value. Must not know JSON-RPC or MCP, and must never quote what it read.
 *
 * Long because the scan is one function on purpose: its state lives in local variables, which is what makes it fast.
 * A token that is cut by the end of a chunk is gone on with where it was left, never read again from its start; only an escape or
 * a UTF-8 sequence (at most twelve bytes) is. So the answer and the work do not depend on how the bytes arrive.
 */
import { fail, ok, type Result } from "../../errors.ts";
import {
  ARRAY,
  ESCAPED,
  FALSE,
  JsonDocument,
  KEY,
  KIND_MASK,
  NULL,
  NUMBER,
  OBJECT,
  STRIDE,
  STRIDE_BITS,
  STRING,
  TRUE,
  WIDE,
} from "./document.ts";
import {
  INCOMPLETE,
  LONE_SURROGATE,
  NUMBER_ENDS,
  NUMBER_EXPONENT,
  NUMBER_INTEGER,
  NUMBER_SIGN,
  NUMBER_STEPS,
  NUMBER_ZERO,
  escapeSequence,
  skipLetters,
  skipPlain,
  utf8Sequence,
} from "./grammar.ts";
import { OpenKeys } from "./keys.ts";

/**
 * Bounds of one document: `bytes` and `string` in bytes (a string's between its quotes, as sent; a number's digits count the same),
 * `nodes` counts values and keys, `depth` counts containers (a scalar alone has depth 0). A key is also bound by `LONGEST_KEY`.
 */
export interface JsonLimits {
  readonly bytes: number;
  readonly depth: number;
  readonly nodes: number;
  readonly string: number;
}

/** Why a document is refused, and at which byte. `tooLarge`: it is over one of the limits. Never quotes the document. */
export interface JsonFault {
  readonly reason: string;
  readonly offset: number;
  readonly tooLarge: boolean;
}

// What the scan expects next. From IN_STRING on it is inside a token, whose node is the last one on the tape.
const EXPECT_VALUE = 0;
const EXPECT_VALUE_OR_END = 1;
const EXPECT_KEY = 2;
const EXPECT_KEY_OR_END = 3;
const EXPECT_COLON = 4;
const EXPECT_COMMA_OR_END = 5;
const EXPECT_NOTHING = 6;
const IN_STRING = 7;
const IN_NUMBER = 8;
const IN_LITERAL = 9;

const NO_BYTES: Buffer = Buffer.alloc(0);
const NO_WORDS: Int32Array = new Int32Array(0);
const FIRST_TAPE = 64 * STRIDE;

const NOTHING_OPEN = -1;
/** A number with no more bytes and an exponent of at most two digits is always finite. */
const SURELY_FINITE = 200;
// Spans and node numbers are kept in 31 bits, with room for the four words of a node.
const MOST_BYTES = 0x7fff_fff0;
const MOST_NODES = 0x0fff_ffff;
/** Bytes of a key between its quotes, as sent. Whatever says where it stands in a document repeats the keys around it. */
const LONGEST_KEY = 16_384;

const LITERALS: Readonly<Record<number, Buffer>> = {
  [TRUE]: Buffer.from("true"),
  [FALSE]: Buffer.from("false"),
  [NULL]: Buffer.from("null"),
};

/** Reads one document that arrives in chunks. After a fault every further call answers the same fault. */
export class JsonReader {
  readonly #limits: JsonLimits;
  #buffer = NO_BYTES;
  /** The buffer, four bytes at a time. */
  #words = NO_WORDS;
  #length = 0;
  #tape = NO_WORDS;
  #fault: JsonFault | undefined;
  #answer: Result<JsonDocument, JsonFault> | undefined;
  // Where the scan stands between two chunks.
  #position = 0;
  #size = 0;
  #state = EXPECT_VALUE;
  #open = NOTHING_OPEN;
  #depth = 0;
  #numberState = 0;
  readonly #keys = new OpenKeys();

  constructor(limits: JsonLimits) {
    this.#limits = {
      bytes: Math.min(limits.bytes, MOST_BYTES),
      depth: limits.depth,
      nodes: Math.min(limits.nodes, MOST_NODES),
      string: limits.string,
    };
  }

  /** Takes the next chunk (copied); answers a fault as soon as the document cannot be accepted any more. Throws after `finish`. */
  push(chunk: Uint8Array): JsonFault | undefined {
    if (this.#answer !== undefined) throw new Error("the document is finished");
    if (this.#fault !== undefined) return this.#fault;
    const room = this.#limits.bytes - this.#length;
    // What fits is still read, so that the fault is the same however the bytes arrive; what does not fit is never kept.
    this.#append(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.#fault = this.#scan() ?? (chunk.length > room ? tooLarge("more bytes than the limit", this.#limits.bytes) : undefined);
    return this.#fault;
  }

  /** Says that nothing more comes. */
  finish(): Result<JsonDocument, JsonFault> {
    this.#answer ??= this.#finish();
    return this.#answer;
  }

  #finish(): Result<JsonDocument, JsonFault> {
    if (this.#fault !== undefined) return fail(this.#fault);
    if (this.#state === IN_NUMBER && this.#open === NOTHING_OPEN && NUMBER_ENDS[this.#numberState] === true) {
      this.#fault = this.#endNumber(this.#tape, (this.#size - 1) << STRIDE_BITS, this.#length);
      if (this.#fault !== undefined) return fail(this.#fault);
      this.#state = EXPECT_NOTHING;
    }
    if (this.#state !== EXPECT_NOTHING) {
      this.#fault = malformed(this.#size === 0 ? "no value" : "the document ends too early", this.#length);
      return fail(this.#fault);
    }
    return ok(new JsonDocument(this.#buffer.subarray(0, this.#length), this.#tape, this.#size));
  }

  /** Keeps room behind the data for the scan's sentinel, a NUL that no rule accepts, and fills up the last word. */
  #append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length >= this.#buffer.length) {
      const room = this.#length === 0 ? length : Math.max(length, this.#buffer.length * 2);
      const grown = allocate(room + 4 - (room % 4));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
      this.#words = new Int32Array(grown.buffer, grown.byteOffset, grown.length / 4);
    }
    this.#buffer.set(chunk, this.#length);
    this.#buffer[length] = 0;
    this.#length = length;
  }

  #scan(): JsonFault | undefined {
    const bytes = this.#buffer;
    const words = this.#words;
    const keys = this.#keys;
    const end = this.#length;
    const maxNodes = this.#limits.nodes;
    const maxDepth = this.#limits.depth;
    const maxString = this.#limits.string;
    const maxKey = Math.min(maxString, LONGEST_KEY);
    let tape = this.#tape;
    let at = this.#position;
    let size = this.#size;
    let state = this.#state;
    let open = this.#open;
    let depth = this.#depth;

    scan: for (;;) {
      let byte = bytes[at] as number;
      if (state < IN_STRING) {
        while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) {
          at += 1;
          byte = bytes[at] as number;
        }
        if (at >= end) break;
        if (state === EXPECT_COMMA_OR_END) {
          const object = ((tape[open << STRIDE_BITS] as number) & KIND_MASK) === OBJECT;
          if (byte === 0x2c) {
            at += 1;
            state = object ? EXPECT_KEY : EXPECT_VALUE;
            continue;
          }
          if (byte !== (object ? 0x7d : 0x5d)) return malformed("a comma or the end of the container is expected", at);
        } else if (state === EXPECT_COLON) {
          if (byte !== 0x3a) return malformed("a colon is expected", at);
          at += 1;
          state = EXPECT_VALUE;
          continue;
        } else if (state === EXPECT_NOTHING) return malformed("something follows the document", at);
        const closes =
          state === EXPECT_COMMA_OR_END ||
          (byte === 0x5d && state === EXPECT_VALUE_OR_END) ||
          (byte === 0x7d && state === EXPECT_KEY_OR_END);
        if (closes) {
          const slot = open << STRIDE_BITS;
          const parent = tape[slot + 3] as number;
          keys.close(tape, open);
          at += 1;
          tape[slot + 2] = at;
          tape[slot + 3] = size;
          open = parent;
          depth -= 1;
          state = open === NOTHING_OPEN ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
          continue;
        }
        if (size >= maxNodes) return tooLarge("more values than the limit", at);
        const slot = size << STRIDE_BITS;
        if (slot + STRIDE > tape.length) tape = this.#growTape();
        tape[slot + 1] = at;
        if (byte === 0x22) {
          tape[slot] = state === EXPECT_KEY || state === EXPECT_KEY_OR_END ? STRING | KEY : STRING;
          state = IN_STRING;
          at += 1;
        } else if (state === EXPECT_KEY || state === EXPECT_KEY_OR_END) return malformed("a key is expected", at);
        else if (byte === 0x7b || byte === 0x5b) {
          if (depth >= maxDepth) return tooLarge("nested deeper than the limit", at);
          depth += 1;
          tape[slot] = byte === 0x7b ? OBJECT : ARRAY;
          // While a container is open these words hold its last key (0: none yet) and its parent.
          tape[slot + 2] = 0;
          tape[slot + 3] = open;
          open = size;
          state = byte === 0x7b ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
          size += 1;
          at += 1;
          continue;
        } else if ((byte >= 0x30 && byte <= 0x39) || byte === 0x2d) {
          tape[slot] = NUMBER;
          this.#numberState = byte === 0x2d ? NUMBER_SIGN : byte === 0x30 ? NUMBER_ZERO : NUMBER_INTEGER;
          state = IN_NUMBER;
          at += 1;
        } else {
          const literal = byte === 0x74 ? TRUE : byte === 0x66 ? FALSE : byte === 0x6e ? NULL : undefined;
          if (literal === undefined) return malformed(byte === 0xef && at === 0 ? "a byte order mark" : "a value is expected", at);
          tape[slot] = literal;
          state = IN_LITERAL;
        }
        size += 1;
      }

      // Inside a token: go on to its end, or to the end of what is there.
      const slot = (size - 1) << STRIDE_BITS;
      const start = tape[slot + 1] as number;
      if (state === IN_STRING) {
        const most = ((tape[slot] as number) & KEY) === 0 ? maxString : maxKey;
        for (;;) {
          at = skipPlain(bytes, words, at);
          byte = bytes[at] as number;
          if (byte === 0x22) break;
          let step: number;
          if (byte === 0x5c) {
            step = escapeSequence(bytes, at, end);
            tape[slot] = (tape[slot] as number) | ESCAPED;
          } else if (byte > 0x7f) {
            tape[slot] = (tape[slot] as number) | WIDE;
            const behind = skipLetters(bytes, at);
            if (behind > at) {
              at = behind;
              continue;
            }
            step = utf8Sequence(bytes, at, end);
          } else if (at >= end) step = INCOMPLETE;
          else return tooLong(start + 1, at, most) ?? malformed("a control character in a string", at);
          if (step > 0) at += step;
          else if (step === INCOMPLETE) {
            const fault = tooLong(start + 1, at, most);
            if (fault !== undefined) return fault;
            break scan;
          } else {
            const wrong = step === LONE_SURROGATE ? at : at - step - 1;
            const reason = step === LONE_SURROGATE ? "a lone surrogate" : byte === 0x5c ? "an invalid escape" : "invalid UTF-8";
            return tooLong(start + 1, wrong, most) ?? malformed(reason, wrong);
          }
        }
        const fault = tooLong(start + 1, at, most);
        if (fault !== undefined) return fault;
        at += 1;
        tape[slot + 2] = at;
        if (((tape[slot] as number) & KEY) === 0) state = open === NOTHING_OPEN ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
        else {
          const reason = keys.add(bytes, tape, open, size - 1);
          if (reason !== undefined) return malformed(reason, start);
          state = EXPECT_COLON;
          if (bytes[at] === 0x3a) {
            at += 1;
            state = EXPECT_VALUE;
          }
        }
      } else if (state === IN_NUMBER) {
        let numberState = this.#numberState;
        for (;;) {
          byte = bytes[at] as number;
          const next = NUMBER_STEPS[(numberState << 8) | byte] as number;
          if (next === 0) break;
          numberState = next;
          at += 1;
        }
        this.#numberState = numberState;
        if (at >= end) {
          const fault = tooLong(start, at, maxString);
          if (fault !== undefined) return fault;
          break;
        }
        if (NUMBER_ENDS[numberState] !== true) return tooLong(start, at, maxString) ?? malformed("a digit is expected", at);
        if (at - start > SURELY_FINITE || at - start > maxString || numberState === NUMBER_EXPONENT) {
          const fault = this.#endNumber(tape, slot, at);
          if (fault !== undefined) return fault;
        } else tape[slot + 2] = at;
        state = open === NOTHING_OPEN ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
      } else {
        const literal = LITERALS[tape[slot] as number] as Buffer;
        while (at - start < literal.length && bytes[at] === literal[at - start]) at += 1;
        if (at - start === literal.length) {
          tape[slot + 2] = at;
          state = open === NOTHING_OPEN ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
        } else if (at >= end) break;
        else return malformed("a value is expected", start);
      }
    }

    this.#position = at;
    this.#size = size;
    this.#state = state;
    this.#open = open;
    this.#depth = depth;
    return undefined;
  }
  #growTape(): Int32Array {
    const memory = allocate(Math.max(this.#tape.length * 2, FIRST_TAPE) * 4);
    const grown = new Int32Array(memory.buffer, memory.byteOffset, memory.length / 4);
    grown.set(this.#tape);
    this.#tape = grown;
    return grown;
  }

  /** Ends the number whose node is at `slot`: it has to be finite as a double, or readers would not agree on it. */
  #endNumber(tape: Int32Array, slot: number, end: number): JsonFault | undefined {
    const start = tape[slot + 1] as number;
    const fault = tooLong(start, end, this.#limits.string);
    if (fault !== undefined) return fault;
    tape[slot + 2] = end;
    const short = end - start <= SURELY_FINITE;
    if (short && this.#numberState !== NUMBER_EXPONENT) return undefined;
    // An exponent of three digits or more ends in three digits.
    if (short && !(isDigit(this.#buffer[end - 3]) && isDigit(this.#buffer[end - 2]))) return undefined;
    return Number.isFinite(Number(this.#buffer.toString("latin1", start, end)))
      ? undefined
      : malformed("a number that is not finite", start);
  }
}

/** Reads a document that is there as a whole. */
export function readJson(bytes: Uint8Array, limits: JsonLimits): Result<JsonDocument, JsonFault> {
  const reader = new JsonReader(limits);
  reader.push(bytes);
  return reader.finish();
}

const malformed = (reason: string, offset: number): JsonFault => ({ reason, offset, tooLarge: false });
const tooLarge = (reason: string, offset: number): JsonFault => ({ reason, offset, tooLarge: true });

/** A string or number is over its limit as soon as one byte more than that has been taken; that comes before any later fault in it. */
function tooLong(start: number, at: number, limit: number): JsonFault | undefined {
  return at - start > limit ? tooLarge("a string longer than the limit", start + limit) : undefined;
}

/**
 * Memory at a word's border. Little of it comes from the platform's buffer pool, much cheaper than memory of its own; what is in it is
 * anybody's old data, so nothing may be read before it is written.
 */
function allocate(bytes: number): Buffer {
  const pooled = Buffer.allocUnsafe(bytes);
  return pooled.byteOffset % 4 === 0 ? pooled : Buffer.allocUnsafeSlow(bytes);
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
