/**
 * A body between a pushing socket and a pulling reader: pauses the socket while chunks wait, so that a slow reader never grows memory.
 * Must not look at the bytes.
 */
import { type Failure, Fault } from "../errors.ts";

export interface BodySource {
  pause(): void;
  resume(): void;
  /** Lets go of the connection. */
  abort(): void;
}

/** A body that nobody reads is taken off the wire so far and so long, that the connection can be used again; then it is let go. */
const SKIPPED_BYTES = 65_536;
const SKIPPED_MS = 1000;

export class BodyQueue implements AsyncIterable<Buffer> {
  readonly #source: BodySource;
  readonly #chunks: Buffer[] = [];
  #state: "open" | "ended" | Failure = "open";
  #wake: (() => void) | undefined;
  #skipped: number | undefined;
  #timer: NodeJS.Timeout | undefined;

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
    if (this.#wake === undefined) this.#source.pause();
    this.#notify();
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

  /** Lets go of the connection at once. */
  abort(): void {
    if (this.#state === "open") this.#source.abort();
  }

  /** Reads the rest without keeping it, for a while. */
  skip(): void {
    this.#skipped = 0;
    this.#chunks.length = 0;
    if (this.#state !== "open") return;
    this.#timer = setTimeout(() => {
      this.abort();
    }, SKIPPED_MS);
    this.#source.resume();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          yield chunk;
        } else if (this.#state === "ended") {
          return;
        } else if (this.#state !== "open") {
          throw new Fault(this.#state);
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
            this.#source.resume();
          });
        }
      }
    } finally {
      this.abort();
    }
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
