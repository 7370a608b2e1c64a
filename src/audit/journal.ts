/**
 * Brings records to the sink, before their messages leave. Messages that are judged in one turn of the event loop share one write: a
 * write costs the same for one line and for ten. Until it is written a message counts as being judged, so that it is on record exactly
 * once whatever happens meanwhile.
 * Must not know what a record says, and lets a message go on without its record only when the operator chose so.
 */
import type { Config } from "../config/config.ts";
import type { Logger } from "../observe/logger.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Outcome } from "../transaction.ts";
import type { InFlight, Slot } from "../watch/in-flight.ts";
import type { AuditSink } from "./sink.ts";

export interface JournalParts {
  readonly sink: AuditSink;
  readonly onError: Config["audit"]["on_error"];
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** What is under way, for whoever has to record it when this process cannot. */
  readonly inFlight: InFlight;
}

/** The record of a judged message. */
export interface Judged {
  /** Undefined: nobody else would record it, and it is written at once. */
  readonly slot: Slot | undefined;
  /** Of the record, as JSON. */
  readonly members: string;
  /** Moves the message's entry on, once the record is written, or not. `mayPass`: whether the message may go on. */
  readonly settle: (mayPass: boolean) => Outcome;
}

interface Waiting {
  readonly slot: Slot;
  readonly line: string;
  readonly settle: (mayPass: boolean) => Outcome;
  readonly resolve: (outcome: Outcome | Promise<Outcome>) => void;
  settled: Outcome | Promise<Outcome> | undefined;
}

export class Journal {
  readonly #parts: JournalParts;
  /** Judged in this turn of the event loop. */
  #waiting: Waiting[] = [];
  #failing = false;

  constructor(parts: JournalParts) {
    this.#parts = parts;
  }

  /** Writes a message's record together with others of this turn of the event loop. Resolves in the order of the calls. */
  share({ slot, members, settle }: Judged): Promise<Outcome> | Outcome {
    if (slot === undefined) return settle(this.write(members));
    const line = this.#line(members);
    if (this.#waiting.length === 0) setImmediate(this.#flush);
    return new Promise((resolve) => {
      this.#waiting.push({ slot, line, settle, resolve, settled: undefined });
    });
  }

  /** Writes a message's record now, behind those that wait. */
  now({ slot, members, settle }: Judged): Outcome {
    const { inFlight } = this.#parts;
    this.#flush();
    if (slot !== undefined) inFlight.judged(slot);
    const settled = settle(this.write(members));
    inFlight.alive();
    return settled;
  }

  /** Writes one record. Answers whether what it is about may go on. */
  write(members: string): boolean {
    const { sink, inFlight } = this.#parts;
    inFlight.alive();
    const written = sink.write(this.#line(members));
    return written.ok ? this.#works() : this.#fails(written.failure.detail);
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const { sink, inFlight } = this.#parts;
    inFlight.alive();
    for (const { slot } of waiting) inFlight.judged(slot);
    const { written, failure } = sink.writeAll(waiting.map(({ line }) => line));
    for (const [at, each] of waiting.entries()) {
      const mayPass = at < written ? this.#works() : this.#fails(failure?.detail);
      try {
        each.settled = each.settle(mayPass);
      } catch (fault) {
        // Only this message fails: those behind it must not wait for ever.
        each.settled = Promise.reject(fault instanceof Error ? fault : new Error("a record could not be settled"));
      }
    }
    // All entries are where they belong before this look: what is on record as sent and is not, is found there.
    inFlight.alive();
    for (const { resolve, settled } of waiting) if (settled !== undefined) resolve(settled);
  };

  #line(members: string): string {
    return `{"schema":"sluice.audit/v1","time":"${timeText(this.#parts.clock())}",${members}}`;
  }

  #works(): true {
    if (this.#failing) this.#parts.log.info("audit records are written again");
    this.#failing = false;
    return true;
  }

  #fails(detail: string | undefined): boolean {
    const { metrics, log, onError } = this.#parts;
    metrics.auditFailure();
    if (!this.#failing) log.error({ detail, on_error: onError }, "the audit record cannot be written");
    this.#failing = true;
    return onError === "allow";
  }
}

let timed = { ms: Number.NaN, text: "" };

/** RFC 3339, UTC, of unix milliseconds: many records fall into one. */
function timeText(ms: number): string {
  if (ms !== timed.ms) timed = { ms, text: new Date(ms).toISOString() };
  return timed.text;
}
