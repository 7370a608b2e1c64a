/**
 * Server-sent events, read and written to the WHATWG rules (HTML Living Standard, 9.2.6): splits a byte stream into whole events and
 * keeps each event's original bytes. Must not look into the data.
 *
 * An event is handed out with the byte that completes it, never later. When that byte is a CR, a LF may still follow in the next chunk
 * and belongs to the same line ending. That LF then comes out at once as a blank event of its own: forwarded like any other it restores
 * the CRLF, and a client whose parser waits for the byte after a CR (eventsource-parser 3.1.1) gets its last event although the stream
 * ends there.
 */
import { isUtf8 } from "node:buffer";
import { fail, ok, type Result } from "../errors.ts";
import { CR, LF, lines, meaningful } from "./sse-lines.ts";

/**
 * One event: everything up to and including its blank line. Blank lines without an event before them make an event in which everything is
 * undefined or empty; a client sees nothing of it.
 */
export interface SseEvent {
  /** The event's bytes as they came. The raws of all events concatenate to the stream, byte for byte. */
  readonly raw: Buffer;
  /** Bytes before the first line: 3 for a byte order mark at the start of the stream, else 0. */
  readonly head: number;
  /** The `event` field's last value; undefined when the event has none or an empty one (the rules treat both as `message`). */
  readonly name: string | undefined;
  /** The `data` lines joined by U+000A; undefined when the event has no data line (a comment, a bare id, a retry); may be empty. */
  readonly data: Buffer | undefined;
  /** The `id` field's last value (one that contains NUL is ignored, as the rules say). May be empty: that resets the client's. */
  readonly id: string | undefined;
  /** Text of the comment lines, without their colon. */
  readonly comments: readonly string[];
  /**
   * Lines that mean nothing to a client: no field the standard knows, an id or event name that a later line replaces, an id with NUL, a
   * retry that is no number. No other member shows their text, so an event that has any must not be forwarded as it came, but rebuilt:
   * `rebuild` leaves them out.
   */
  readonly unknown: number;
}

export interface SseFault {
  readonly reason: string;
  /** Events that the same chunk completed before the fault. They are sound; in later answers there are none. */
  readonly before: readonly SseEvent[];
}

/** What a rebuilt event is to have otherwise than the original. */
export interface SseChanges {
  /** New data, or null for none. */
  readonly data?: Buffer | null;
  /** Leave a bare `:` of each comment. */
  readonly blankComments?: boolean;
  readonly dropId?: boolean;
  readonly dropName?: boolean;
}

/** Of one event. Each costs work beyond its bytes, and data that is not pretty-printed has one. */
const MAX_LINES = 100_000;

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const NEWLINE = Buffer.from("\n");
const DATA = Buffer.from("data: ");
const NOTHING = Buffer.alloc(0);

/** Splits a stream, whatever its chunk boundaries, into events. */
export class SseParser {
  readonly #max: number;
  /** Bytes of the event that is not whole yet; grows by doubling, so that a stream of one-byte chunks costs no more than its bytes. */
  #held = NOTHING;
  #size = 0;
  /** Bytes of the line that is not whole yet. */
  #line = 0;
  /** Lines of the event that is not whole yet. */
  #lines = 0;
  #afterCr = false;
  #firstLine = true;
  #firstEvent = true;
  #fault: SseFault | undefined;

  /** `maxEventBytes`: an event larger than this is a fault, found before it is whole. */
  constructor(maxEventBytes: number) {
    this.#max = maxEventBytes;
  }

  /** Events completed by this chunk, which must not be changed afterwards. After a fault every further call answers it. */
  push(chunk: Uint8Array): Result<SseEvent[], SseFault> {
    if (this.#fault !== undefined) return fail(this.#fault);
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const events: SseEvent[] = [];
    let from = 0;
    let at = 0;
    if (this.#afterCr && bytes.length > 0) {
      this.#afterCr = false;
      if (bytes[0] === LF) {
        at = 1;
        if (this.#size === 0) {
          from = 1;
          events.push(this.#event(bytes.subarray(0, 1)));
        }
      }
    }
    let cr = bytes.indexOf(CR, at);
    let lf = bytes.indexOf(LF, at);
    while (cr !== -1 || lf !== -1) {
      const end = cr !== -1 && (lf === -1 || cr < lf) ? cr : lf;
      const length = this.#line + end - at;
      const startsBlank = length === 0 && this.#size === 0 && end === from;
      at = startsBlank ? endOfBlanks(bytes, end) : endOfLine(bytes, end);
      this.#afterCr = at === bytes.length && bytes[at - 1] === CR;
      this.#line = 0;
      const blank = length === 0 || (length === BOM.length && this.#firstLine && this.#startsWithBom(bytes));
      this.#firstLine = false;
      this.#lines = blank ? 0 : this.#lines + 1;
      if (this.#lines > MAX_LINES) return this.#stop("event has too many lines", events);
      if (blank) {
        // Without the LF of a CRLF: whether that has arrived yet must make no difference.
        if (!startsBlank && this.#size + end + 1 - from > this.#max) return this.#stop("event too large", events);
        const raw = this.#take(bytes.subarray(from, at));
        from = at;
        if (!isUtf8(raw)) return this.#stop("event is not valid UTF-8", events);
        events.push(this.#event(raw));
      }
      if (cr !== -1 && cr < at) cr = bytes.indexOf(CR, at);
      if (lf !== -1 && lf < at) lf = bytes.indexOf(LF, at);
    }
    this.#line += bytes.length - at;
    this.#hold(bytes.subarray(from));
    return this.#size > this.#max ? this.#stop("event too large", events) : ok(events);
  }

  /** Bytes of the event that is not whole yet. */
  get held(): number {
    return this.#size;
  }

  /** At the end of the stream: bytes of an event without its blank line are discarded (the standard's rule); says how many there were. */
  finish(): number {
    const discarded = this.#size;
    this.#held = NOTHING;
    this.#size = 0;
    return discarded;
  }

  #event(raw: Buffer): SseEvent {
    const head = this.#firstEvent && raw.subarray(0, BOM.length).equals(BOM) ? BOM.length : 0;
    this.#firstEvent = false;
    return readEvent(raw, head);
  }

  #startsWithBom(bytes: Buffer): boolean {
    return Buffer.concat([this.#held.subarray(0, this.#size), bytes.subarray(0, BOM.length)])
      .subarray(0, BOM.length)
      .equals(BOM);
  }

  #stop(reason: string, before: SseEvent[]): Result<SseEvent[], SseFault> {
    this.#fault = { reason, before: [] };
    this.#held = NOTHING;
    this.#size = 0;
    return fail({ reason, before });
  }

  #take(rest: Buffer): Buffer {
    if (this.#size === 0) return rest;
    const raw = Buffer.concat([this.#held.subarray(0, this.#size), rest]);
    this.#held = NOTHING;
    this.#size = 0;
    return raw;
  }

  #hold(rest: Buffer): void {
    const size = this.#size + rest.length;
    // What goes beyond the limit ends in a fault: nothing of it is kept.
    if (size <= this.#max && rest.length > 0) {
      if (size > this.#held.length) {
        const larger = Buffer.allocUnsafeSlow(Math.min(this.#max, Math.max(size, this.#held.length * 2, 256)));
        this.#held.copy(larger, 0, 0, this.#size);
        this.#held = larger;
      }
      rest.copy(this.#held, this.#size);
    }
    this.#size = size;
  }
}

/** The event with some changes: lines with a meaning stay as sent, those without are left out, each line ends with U+000A. */
export function rebuild(event: SseEvent, changes: SseChanges): Buffer {
  const parts: Buffer[] = [];
  let dataWritten = changes.data === undefined || changes.data === null;
  const writeData = (): void => {
    if (!dataWritten && changes.data) parts.push(...dataLines(changes.data));
    dataWritten = true;
  };
  for (const line of meaningful(event.raw, lines(event.raw, event.head))) {
    if (line.field === "data") {
      writeData();
      if (changes.data !== undefined) continue;
    }
    if (line.field === "id" && changes.dropId) continue;
    if (line.field === "event" && changes.dropName) continue;
    const text = event.raw.subarray(line.start, line.field === "" && changes.blankComments ? line.start + 1 : line.end);
    parts.push(text, NEWLINE);
  }
  writeData();
  if (parts.length === 0) return NOTHING;
  parts.push(NEWLINE);
  return Buffer.concat(parts);
}

/** The same event with other data: id, event name and retry stay as sent, comments stay, only data lines are new. */
export function withData(event: SseEvent, data: Buffer): Buffer {
  return rebuild(event, { data });
}

/** What is left of an event whose data may not pass: its id (so that resumption works) and nothing else; empty when it has no id. */
export function withoutData(event: SseEvent): Buffer {
  if (event.id === undefined) return NOTHING;
  return Buffer.from(`id: ${event.id}\n\n`);
}

/** A new event of our own. `data` is one JSON document. */
export function writeEvent(data: Buffer): Buffer {
  return Buffer.concat([...dataLines(data), NEWLINE]);
}

function readEvent(raw: Buffer, head: number): SseEvent {
  const all = lines(raw, head);
  const kept = meaningful(raw, all);
  const comments: string[] = [];
  const data: Buffer[] = [];
  let name: string | undefined;
  let id: string | undefined;
  for (const line of kept) {
    if (line.field === "data") data.push(raw.subarray(line.value, line.end));
    else if (line.field === "") comments.push(raw.toString("utf8", line.value, line.end));
    else if (line.field === "event") name = raw.toString("utf8", line.value, line.end) || undefined;
    else if (line.field === "id") id = raw.toString("utf8", line.value, line.end);
  }
  return { raw, head, name, data: joined(data), id, comments, unknown: all.length - kept.length };
}

function joined(data: Buffer[]): Buffer | undefined {
  if (data.length < 2) return data[0];
  const parts: Buffer[] = [];
  for (const line of data) parts.push(line, NEWLINE);
  return Buffer.concat(parts.slice(0, -1));
}

/** One past the line ending at `at`. */
function endOfLine(bytes: Buffer, at: number): number {
  return bytes[at] === CR && bytes[at + 1] === LF ? at + 2 : at + 1;
}

/** One past the last of the line endings that follow each other from `at`: a flood of blank lines is one event, not thousands. */
function endOfBlanks(bytes: Buffer, at: number): number {
  let end = at;
  while (bytes[end] === LF || bytes[end] === CR) end += 1;
  return end;
}

/** Data lines without the blank line. A line break in JSON can only be white space, so that CR and CRLF may become line ends too. */
function dataLines(data: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let start = 0;
  for (let end = 0; end <= data.length; end += 1) {
    const byte = data[end];
    if (byte !== LF && byte !== CR && byte !== undefined) continue;
    parts.push(DATA, data.subarray(start, end), NEWLINE);
    if (byte === CR && data[end + 1] === LF) end += 1;
    start = end + 1;
  }
  return parts;
}
