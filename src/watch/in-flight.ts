/**
 * The messages under way, in memory that the watchdog thread reads when the event loop stands still: what each record begins with, and
 * whose work is being done. Every entry is recorded by whoever moves it on first: the loop or the thread.
 * Must not know what a record means, and must not wait for anything but the end.
 */
import { bytesFor, CURRENT_AT, CURRENT_BYTES, ENTRIES_AT, ENTRY_WORDS, STATE, TEXT_BYTES, textsAt, WORD } from "./layout.js";

/** Messages that may be under way at once; the memory is taken from the machine only as entries are used. */
export const CAPACITY = 4096;
/** Longest wait for the end, in milliseconds: the thread that announced it may be gone itself. */
const PARKED_MS = 30_000;

/**
 * Makes what does a flow's work, up to its first wait, so that it is known whose work it is. `server`: the one whose message to the flow is
 * worked on.
 */
export type Working = (flow: string, server?: string) => <T>(work: () => T) => T;

/** Index of an entry. */
export type Slot = number;

interface InFlightOptions {
  readonly capacity?: number;
  /** What the loop does once the thread has given the process up. Must not return; without it the loop stands still until the end. */
  readonly end?: () => never;
  /**
   * Told how long a piece of work took the loop, in milliseconds of processor time: to within two ticks of the thread's clock, so that most
   * short pieces take none and some a whole tick; and only where there is a thread.
   */
  readonly took?: (ms: number, flow: string, server: string | undefined) => void;
}

export class InFlight {
  readonly memory: SharedArrayBuffer;
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #bytes: Buffer;
  readonly #textsAt: number;
  readonly #end: () => never;
  readonly #took: NonNullable<InFlightOptions["took"]>;
  /** Entries that nobody uses, the one used last on top: few are ever touched. */
  readonly #free: Int32Array;
  #top: number;
  /** The text at CURRENT_AT. */
  #flow = "";
  #flowBytes = 0;

  constructor({ capacity = CAPACITY, end, took }: InFlightOptions = {}) {
    this.capacity = capacity;
    this.#took = took ?? ((): void => {});
    this.memory = new SharedArrayBuffer(bytesFor(capacity));
    this.#words = new Int32Array(this.memory, 0, ENTRIES_AT / 4 + capacity * ENTRY_WORDS);
    this.#bytes = Buffer.from(this.memory);
    this.#textsAt = textsAt(capacity);
    this.#end = end ?? ((): never => park(this.#words));
    this.#free = Int32Array.from({ length: capacity }, (_, at) => capacity - 1 - at);
    this.#top = capacity;
  }

  /** The event loop turns. */
  beat(): void {
    this.#words[WORD.BEAT] = ((this.#words[WORD.BEAT] ?? 0) + 1) | 0;
    this.alive();
  }

  /** Returns only in a process that goes on: what the thread has given up must do nothing more. */
  alive(): void {
    if (Atomics.load(this.#words, WORD.DOOMED) !== 0) this.#end();
  }

  /** A message begins to be judged. `head`: what its record begins with; undefined: there is no room. */
  enter(head: string): Slot | undefined {
    this.beat();
    if (this.#top === 0) return undefined;
    const slot = this.#free[--this.#top] as number;
    if (slot >= (this.#words[WORD.USED] as number)) Atomics.store(this.#words, WORD.USED, slot + 1);
    this.#write(slot, head);
    Atomics.store(this.#words, stateOf(slot), STATE.JUDGING);
    return slot;
  }

  /** The answer to a forwarded request begins to be judged: it takes the request's entry over. */
  answer(slot: Slot, head: string): void {
    this.#move(slot, STATE.FORWARDED, STATE.RECORDING);
    this.#write(slot, head);
    Atomics.store(this.#words, stateOf(slot), STATE.JUDGING);
  }

  /** The record of a judged message is about to be written. */
  judged(slot: Slot): void {
    this.#move(slot, STATE.JUDGING, STATE.RECORDING);
  }

  /** The record of a request is written. Its bytes may leave after a look whether the loop is `alive`: the thread that gives up after that finds the entry. */
  forwarded(slot: Slot): void {
    Atomics.store(this.#words, stateOf(slot), STATE.FORWARDED);
  }

  /** The failure of a forwarded request is about to be recorded, or its call has ended. */
  failed(slot: Slot): void {
    this.#move(slot, STATE.FORWARDED, STATE.RECORDING);
  }

  /** The record is written and nothing is expected any more. */
  leave(slot: Slot): void {
    Atomics.store(this.#words, stateOf(slot), STATE.FREE);
    this.#free[this.#top++] = slot;
  }

  /**
   * Marks a flow's work, as far as it is done before the first wait: whoever's work it was when the loop stood still is the one to blame.
   * Within another's work nothing is marked anew.
   */
  readonly working: Working = (flow, server) => (work) => this.#mark(flow, server, work);

  #mark<T>(flow: string, server: string | undefined, work: () => T): T {
    if (this.#words[WORD.CURRENT] !== 0) return work();
    if (flow !== this.#flow) {
      this.#flow = flow;
      const written = this.#bytes.write(flow, CURRENT_AT, CURRENT_BYTES, "utf8");
      // A name that does not fit is nobody's: a part of it could be somebody else's.
      this.#flowBytes = written > CURRENT_BYTES - 4 ? 0 : written;
    }
    Atomics.store(this.#words, WORD.CURRENT, this.#flowBytes);
    const began = this.#words[WORD.CLOCK] as number;
    try {
      return work();
    } finally {
      Atomics.store(this.#words, WORD.CURRENT, 0);
      this.alive();
      const ms = ((this.#words[WORD.CLOCK] as number) - began) | 0;
      if (ms > 0) this.#took(ms, flow, server);
    }
  }

  /** Opens the thread's audit file anew. */
  reopen(): void {
    Atomics.add(this.#words, WORD.REOPEN, 1);
  }

  /** How long the loop may stand still, in milliseconds. */
  stallAfter(ms: number): void {
    Atomics.store(this.#words, WORD.STALL_MS, ms);
  }

  /** Takes everything under way, each once: for the last records of a process that ends on a fault of its own. */
  drain(take: (head: string, forwarded: boolean) => void): void {
    const used = this.#words[WORD.USED] as number;
    for (let slot = 0; slot < used; slot += 1) {
      const state = Atomics.load(this.#words, stateOf(slot));
      if (state !== STATE.JUDGING && state !== STATE.FORWARDED) continue;
      if (Atomics.compareExchange(this.#words, stateOf(slot), state, STATE.TAKEN) !== state) continue;
      const start = this.#textsAt + slot * TEXT_BYTES;
      take(this.#bytes.toString("utf8", start, start + (this.#words[stateOf(slot) + 1] as number)), state === STATE.FORWARDED);
    }
  }

  #write(slot: Slot, head: string): void {
    const written = this.#bytes.write(head, this.#textsAt + slot * TEXT_BYTES, TEXT_BYTES, "utf8");
    this.#words[stateOf(slot) + 1] = written;
  }

  #move(slot: Slot, from: number, to: number): void {
    if (Atomics.compareExchange(this.#words, stateOf(slot), from, to) !== from) this.#end();
  }
}

const stateOf = (slot: Slot): number => ENTRIES_AT / 4 + slot * ENTRY_WORDS;

/** Stands still until the process is ended from outside. Nothing that the loop would do now may happen. */
function park(words: Int32Array): never {
  Atomics.wait(words, WORD.NEVER, 0, PARKED_MS);
  process.kill(process.pid, "SIGKILL");
  // A signal of one's own is delivered before the call returns.
  throw new Error("the process outlived its end");
}
