/**
 * Server-sent events, read and written to the WHATWG rules (HTML Living Standard, 9.2.6): splits a byte stream into whole events and
 * keeps each event's original bytes. Must not look into the data.
 */
import type { Result } from "../errors.ts";

/** One event: everything up to and including its blank line. */
export interface SseEvent {
  /** The event's bytes as they came. */
  readonly raw: Buffer;
  /** The `event` field's last value; undefined when the event has none. */
  readonly name: string | undefined;
  /** The `data` lines joined by U+000A; undefined when the event has no data line (a comment, a bare id, a retry). */
  readonly data: Buffer | undefined;
  /** The `id` field's last value (one that contains NUL is ignored, as the rules say). */
  readonly id: string | undefined;
  /** Text of the comment lines, without their colon. */
  readonly comments: readonly string[];
  /** Lines that are no field the standard knows (they mean nothing to a client and are dropped from what is rebuilt). */
  readonly unknown: number;
}

export interface SseFault {
  readonly reason: string;
}

/** Splits a stream, whatever its chunk boundaries, into events. */
export declare class SseParser {
  /** `maxEventBytes`: an event larger than this is a fault, found before it is whole. */
  constructor(maxEventBytes: number);
  /** Events completed by this chunk. After a fault every further call answers it. */
  push(chunk: Uint8Array): Result<SseEvent[], SseFault>;
  /** At the end of the stream: bytes of an event without its blank line are discarded (the standard's rule); says how many there were. */
  finish(): number;
}

/** The same event with other data: id, event name and retry stay as sent, comments stay, only data lines are new. */
export declare function withData(event: SseEvent, data: Buffer): Buffer;

/** What is left of an event whose data may not pass: its id (so that resumption works) and nothing else; empty when it has no id. */
export declare function withoutData(event: SseEvent): Buffer;

/** A new event of our own. `data` is one JSON document. */
export declare function writeEvent(data: Buffer): Buffer;
