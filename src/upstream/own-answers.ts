/**
 * Answers that Sluice itself gives a server whose request it refused: POSTed beside the calls, bounded, so that a server that asks without
 * end and takes no answer fills nobody's memory. Must not send anything else.
 */
import type { ErrorCode, Result } from "../errors.ts";
import { faultName, type Logger } from "../observe/logger.ts";

const UNDER_WAY = 32;
const LONGEST_MS = 10_000;

/** What the server said to it. */
interface Taken {
  readonly status: number;
}

export class OwnAnswers {
  readonly #log: Logger;
  readonly #failed: (server: string, code: ErrorCode) => void;
  readonly #underWay = new Map<string, number>();

  /** `failed` counts an answer that did not arrive. */
  constructor(log: Logger, failed: (server: string, code: ErrorCode) => void) {
    this.#log = log;
    this.#failed = failed;
  }

  /** Starts sending; a server that has too many of them unanswered is told no more until it takes some. */
  send(server: string, post: (signal: AbortSignal) => Promise<Result<Taken>>): void {
    const count = this.#underWay.get(server) ?? 0;
    if (count >= UNDER_WAY) {
      this.#log.debug({ server }, "a server takes no answers to its refused requests");
      return;
    }
    this.#underWay.set(server, count + 1);
    void this.#post(server, post);
  }

  async #post(server: string, post: (signal: AbortSignal) => Promise<Result<Taken>>): Promise<void> {
    try {
      const sent = await post(AbortSignal.timeout(LONGEST_MS));
      if (sent.ok) {
        if (sent.value.status === 401 || sent.value.status === 403) this.#failed(server, "ERR_UPSTREAM_CREDENTIAL");
      } else {
        this.#failed(server, sent.failure.code === "ERR_CLIENT_GONE" ? "ERR_UPSTREAM_TIMEOUT" : sent.failure.code);
        this.#log.warn({ server, code: sent.failure.code }, "a server could not be told that its request was refused");
      }
    } catch (fault) {
      this.#failed(server, "ERR_UPSTREAM");
      this.#log.error({ server, fault: faultName(fault) }, "a server could not be told that its request was refused");
    }
    const left = (this.#underWay.get(server) ?? 1) - 1;
    if (left === 0) this.#underWay.delete(server);
    else this.#underWay.set(server, left);
  }
}
