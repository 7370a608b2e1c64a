/**
 * How much the process has taken on, and whether it takes more: calls in flight, bytes held for them, and how late its event loop is.
 * What does not fit is refused before its body is read, so that overload costs a refusal instead of memory. Must not know what is carried.
 */
import { fail, ok, type Result } from "../errors.ts";
import { Holdings, type HoldingLimits } from "./holdings.ts";
import { Visit } from "./visit.ts";

export interface LoadLimits extends HoldingLimits {
  readonly lag_ms: number;
}

/** Shedding ends when everything is back below this part of its limit: at the limit itself it would start and end with each call. */
const CALM = 0.8;
/** The loop is asked so often. Only a delay that stands is overload: one long message makes one late tick. */
const TICK_MS = 100;
const LATE_TICKS = 3;

export class Load {
  readonly #limits: () => LoadLimits;
  readonly #ticks: () => number;
  readonly #holdings: Holdings;
  #late = 0;
  #lateMs = 0;
  #shedding = false;
  #timer: NodeJS.Timeout | undefined;

  /** `limits`: those of the newest configuration. `ticks`: monotonic milliseconds. */
  constructor(limits: () => LoadLimits, ticks: () => number) {
    this.#limits = limits;
    this.#ticks = ticks;
    this.#holdings = new Holdings(limits);
  }

  /** Calls whose body is complete and whose answer is not. Open streams are none. */
  get calls(): number {
    return this.#holdings.calls;
  }

  /** Bytes of messages that are held. */
  get bytes(): number {
    return this.#holdings.bytes;
  }

  /** How many milliseconds late the event loop was when it was looked at last. */
  get lateMs(): number {
    return this.#lateMs;
  }

  /** Begins to watch the event loop. */
  start(): void {
    let due = this.#ticks() + TICK_MS;
    this.#timer = setInterval(() => {
      const now = this.#ticks();
      this.tick(now - due);
      due = now + TICK_MS;
    }, TICK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Takes note of how many milliseconds late the loop was. */
  tick(lateMs: number): void {
    const { lag_ms } = this.#limits();
    this.#lateMs = lateMs;
    if (lateMs > lag_ms) this.#late += 1;
    else if (lateMs <= lag_ms * CALM) this.#late = 0;
  }

  /** Takes one more request, or says which limit is reached. */
  enter(): Result<Visit> {
    const { in_flight, buffered } = this.#limits();
    const part = this.#shedding ? CALM : 1;
    const full =
      this.#late >= LATE_TICKS
        ? "limits.lag_ms"
        : this.calls >= Math.max(1, in_flight * part)
          ? "limits.in_flight"
          : this.#holdings.shares >= buffered * part
            ? "limits.buffered"
            : undefined;
    this.#shedding = full !== undefined;
    if (full !== undefined) return fail({ code: "ERR_OVERLOADED", detail: full });
    return ok(new Visit(this.#holdings));
  }
}
