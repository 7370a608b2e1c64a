/**
 * How much the process has taken on, and whether it takes more: calls in flight, bytes held for them, and how late its event loop is.
 * What does not fit is refused before its body is read, so that overload costs a refusal instead of memory. Must not know what is carried.
 */
import { type Failure, fail, Fault, ok, type Result } from "../errors.ts";
import type { Body } from "../mcp/body.ts";

export interface LoadLimits {
  readonly lag_ms: number;
  readonly in_flight: number;
  readonly buffered: number;
}

/** Shedding ends when everything is back below this part of its limit: at the limit itself it would start and end with each call. */
const CALM = 0.8;
/** The loop is asked so often. Only a delay that stands is overload: one long message makes one late tick. */
const TICK_MS = 100;
const LATE_TICKS = 3;
/** What is under way may fill the memory so much further: refusing it would waste what was done already. */
const UNDER_WAY = 2;

const NO_ROOM: Failure = { code: "ERR_OVERLOADED", detail: "limits.buffered" };

export class Load {
  readonly #limits: () => LoadLimits;
  readonly #ticks: () => number;
  #calls = 0;
  #bytes = 0;
  #late = 0;
  #shedding = false;
  #timer: NodeJS.Timeout | undefined;

  /** `limits`: those of the newest configuration. `ticks`: monotonic milliseconds. */
  constructor(limits: () => LoadLimits, ticks: () => number) {
    this.#limits = limits;
    this.#ticks = ticks;
  }

  /** Calls whose body is complete and whose answer is not. Open streams are none. */
  get calls(): number {
    return this.#calls;
  }

  /** Bytes of messages that are held. */
  get bytes(): number {
    return this.#bytes;
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
        : this.#calls >= Math.max(1, in_flight * part)
          ? "limits.in_flight"
          : this.#bytes >= buffered * part
            ? "limits.buffered"
            : undefined;
    this.#shedding = full !== undefined;
    if (full !== undefined) return fail({ code: "ERR_OVERLOADED", detail: full });
    return ok(
      new Visit(
        (calls) => {
          this.#calls += calls;
        },
        (bytes) => {
          if (bytes > 0 && this.#bytes + bytes > this.#limits().buffered * UNDER_WAY) return false;
          this.#bytes += bytes;
          return true;
        },
      ),
    );
  }
}

/** What one request has of the process, until it leaves. */
export class Visit {
  readonly #count: (calls: number) => void;
  readonly #weigh: (bytes: number) => boolean;
  #counted = 0;
  #kept = 0;
  #held = 0;
  #left = false;

  constructor(count: (calls: number) => void, weigh: (bytes: number) => boolean) {
    this.#count = count;
    this.#weigh = weigh;
  }

  /** The request is complete: from now on it is a call in flight. */
  begin(): void {
    if (!this.#left) this.#setCounted(1);
  }

  /** The answer is a stream, which may rest for hours. */
  rest(): void {
    this.#setCounted(0);
  }

  /** So many more bytes of the request. False when there is no room for them. */
  keep(bytes: number): boolean {
    if (this.#left) return false;
    if (!this.#weigh(bytes)) return false;
    this.#kept += bytes;
    return true;
  }

  /** So many bytes of the answer are held now. False when there is no room for them. */
  hold(bytes: number): boolean {
    if (this.#left) return false;
    if (!this.#weigh(bytes - this.#held)) return false;
    this.#held = bytes;
    return true;
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#setCounted(0);
    this.#weigh(-this.#kept - this.#held);
  }

  #setCounted(counted: number): void {
    this.#count(counted - this.#counted);
    this.#counted = counted;
  }
}

/** A request's body whose chunks are held while the request is there; complete, it is in flight. */
export function weighed(body: Body, visit: Visit): Body {
  return {
    async each(take) {
      let room = true;
      await body.each((chunk) => {
        room = visit.keep(chunk.length);
        return room && take(chunk);
      });
      if (!room) throw new Fault(NO_ROOM);
      visit.begin();
    },
  };
}
