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

/** A body that nobody reads is taken off the wire up to this many bytes, so that the connection can be used again. */
const SKIPPED = 65_536;

export class BodyQueue implements AsyncIterable<Buffer> {
  readonly #source: BodySource;
  readonly #chunks: Buffer[] = [];
  #state: "open" | "ended" | Failure = "open";
  #wake: (() => void) | undefined;
  #skipped: number | undefined;

  constructor(source: BodySource) {
    this.#source = source;
  }

  push(chunk: Buffer): void {
    if (this.#skipped !== undefined) {
      this.#skipped += chunk.length;
      if (this.#skipped > SKIPPED) this.abort();
      return;
    }
    this.#chunks.push(chunk);
    if (this.#wake === undefined) this.#source.pause();
    this.#notify();
  }

  end(): void {
    this.#state = "ended";
    this.#notify();
  }

  break(failure: Failure): void {
    this.#state = failure;
    this.#notify();
  }

  /** Lets go of the connection at once. */
  abort(): void {
    if (this.#state === "open") this.#source.abort();
  }

  /** Reads the rest without keeping it. */
  skip(): void {
    this.#skipped = 0;
    this.#chunks.length = 0;
    if (this.#state === "open") this.#source.resume();
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

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
