/**
 * The calls that are under way, so that the process can stop in good order: each is told, and those that outlast the time are broken and
 * recorded as interrupted. Must not know what they carry.
 */
import type { Departure } from "../departure.ts";
import type { Reply } from "./call.ts";

interface OpenCall {
  readonly reply: Reply;
  readonly gone: Departure;
}

/** A broken call leaves its record within moments; the process does not wait longer for one that does not. */
const SETTLE_MS = 1_000;

export class OpenCalls {
  readonly #open = new Set<OpenCall>();
  #stopping = false;
  #settled: (() => void) | undefined;

  /** Whether connections are to be closed after the answer. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** A call is under way until `work` is done. */
  async during(call: OpenCall, work: Promise<void>): Promise<void> {
    this.#open.add(call);
    try {
      await work;
    } finally {
      this.#open.delete(call);
      if (this.#open.size === 0) this.#settled?.();
    }
  }

  /** Resting streams end, the other calls go on to their answer. */
  stop(): void {
    this.#stopping = true;
    for (const { reply, gone } of this.#open) if (reply.stop()) gone.leave();
  }

  /** Gives up what is left: who waits for a server is told so. */
  interrupt(): void {
    for (const { reply, gone } of this.#open) {
      reply.interrupt();
      gone.leave();
    }
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, SETTLE_MS);
      this.#settled = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }
}
