/**
 * A body between a pushing socket and a pulling reader: pauses the socket while chunks wait, so that a slow reader never grows memory.
 * Must not look at the bytes.
 */
import { type Failure, Fault } from "../errors.ts";
import type { Body } from "../mcp/body.ts";

export interface BodySource {
  pause(): void;
  resume(): void;
  /** Lets go of the connection. */
  abort(): void;
}

/** A body that nobody reads is taken off the wire so far and so long, that the connection can be used again; then it is let go. */
const SKIPPED_BYTES = 65_536;
const SKIPPED_MS = 1000;
/** Bytes that may wait before the socket is paused: most answers are there at once, and pausing costs more than keeping them. */
const WAITING_BYTES = 65_536;
/** Chunks that may: each costs memory and time of its own, and a server can make one of every byte. */
const WAITING_CHUNKS = 1024;

export class BodyQueue implements AsyncIterable<Buffer>, Body {
  readonly #source: BodySource;
  readonly #chunks: Buffer[] = [];
  #state: "open" | "ended" | Failure = "open";
  #wake: (() => void) | undefined;
  #waiting = 0;
  #paused = false;
  #skipped: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #weigh: ((held: number) => boolean) | undefined;
  /** Bytes that wait here or are held by whoever reads. */
  #held = 0;

  constructor(source: BodySource) {
    this.#source = source;
  }

  push(chunk: Buffer): void {
    if (this.#skipped !== undefined) {
      this.#skipped += chunk.length;
      if (this.#skipped > SKIPPED_BYTES) this.abort();
      return;
    }
    this.#timer?.refresh();
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
    this.#weighed(chunk.length);
    this.#notify();
    if (this.#paused || (this.#waiting <= WAITING_BYTES && this.#chunks.length <= WAITING_CHUNKS)) return;
    this.#paused = true;
    this.#source.pause();
  }

  end(): void {
    this.#settle("ended");
  }

  break(failure: Failure): void {
    this.#settle(failure);
  }

  /** Breaks when no chunk comes for `ms`: for a body that is read as a whole. */
  expectWithin(ms: number): void {
    if (this.#state !== "open") return;
    this.#timer = setTimeout(() => {
      this.#settle({ code: "ERR_UPSTREAM_TIMEOUT", detail: "the answer stopped half way" });
      this.#source.abort();
    }, ms);
  }

  /** `weigh` is told how much is held whenever that changes; once there is no room for it, the body breaks. */
  weigh(weigh: (held: number) => boolean): void {
    this.#weigh = weigh;
    this.#weighed(0);
  }

  /** The reader has done with all that it took but so many bytes. One that never says so holds everything. */
  keeps(bytes: number): void {
    this.#weighed(this.#waiting + bytes - this.#held);
  }

  /** Lets go of the connection at once. */
  abort(): void {
    if (this.#state === "open") this.#source.abort();
  }

  /** Reads the rest without keeping it, for a while. */
  skip(): void {
    this.#skipped = 0;
    this.#chunks.length = 0;
    this.#waiting = 0;
    if (this.#state !== "open") return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.abort();
    }, SKIPPED_MS);
    this.#flow();
  }

  /** The chunks as they come, without a pause between them: for a body that is read as a whole. */
  each(take: (chunk: Buffer) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = (): void => {
        for (let chunk = this.#take(); chunk !== undefined; chunk = this.#take()) {
          if (take(chunk)) continue;
          this.abort();
          return resolve();
        }
        if (this.#state === "ended") return resolve();
        if (this.#state !== "open") return reject(new Fault(this.#state));
        this.#wake = step;
        this.#flow();
      };
      step();
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        const chunk = this.#take();
        if (chunk !== undefined) {
          yield chunk;
        } else if (this.#state === "ended") {
          return;
        } else if (this.#state !== "open") {
          throw new Fault(this.#state);
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
            this.#flow();
          });
        }
      }
    } finally {
      this.abort();
    }
  }

  #take(): Buffer | undefined {
    const chunk = this.#chunks.shift();
    this.#waiting -= chunk?.length ?? 0;
    return chunk;
  }

  #flow(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#source.resume();
  }

  #weighed(more: number): void {
    this.#held += more;
    if (this.#weigh === undefined || this.#weigh(this.#held)) return;
    this.#weigh = undefined;
    this.#chunks.length = 0;
    this.#waiting = 0;
    this.#settle({ code: "ERR_NO_ROOM", detail: "limits.buffered" });
    this.#source.abort();
  }

  #settle(state: "ended" | Failure): void {
    clearTimeout(this.#timer);
    if (this.#state !== "open") return;
    this.#state = state;
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
