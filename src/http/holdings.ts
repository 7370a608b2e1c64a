/**
 * What is held for the calls under way, in all and by each caller: how many calls, and how many bytes. Must not decide who is served.
 */
import type { Failure } from "../errors.ts";

export interface HoldingLimits {
  readonly in_flight: number;
  readonly buffered: number;
}

/** What one caller has of the process. */
export interface Account {
  /** Its requests that are there, complete or not. */
  visits: number;
  calls: number;
  bytes: number;
  /** Of the bytes, those beyond its share. */
  beyond: number;
}

/** What is under way may fill the memory so much further: refusing it would waste what was done already. */
const UNDER_WAY = 2;
/** What one caller may have of what is allowed to all: the rest is there for the others, whatever it does. */
const SHARE = 0.75;

export class Holdings {
  readonly #limits: () => HoldingLimits;
  /** By flow. */
  readonly #accounts = new Map<string, Account>();
  #calls = 0;
  #bytes = 0;
  #beyond = 0;

  constructor(limits: () => HoldingLimits) {
    this.#limits = limits;
  }

  /** Calls whose body is complete and whose answer is not. Open streams are none. */
  get calls(): number {
    return this.#calls;
  }

  /** Bytes of messages that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The same, of each caller no more than its share: what others are refused by. */
  get shares(): number {
    return this.#bytes - this.#beyond;
  }

  /** The account of a caller, from its first request on until its last has left. */
  open(flow: string): Account {
    const account = this.#accounts.get(flow) ?? { visits: 0, calls: 0, bytes: 0, beyond: 0 };
    if (account.visits === 0) this.#accounts.set(flow, account);
    account.visits += 1;
    return account;
  }

  close(flow: string, account: Account): void {
    account.visits -= 1;
    if (account.visits === 0) this.#accounts.delete(flow);
  }

  /** Why a caller may not send one more request; undefined when it may. */
  beyondShare({ calls, bytes }: Account): Failure | undefined {
    const { in_flight, buffered } = this.#limits();
    if (calls >= Math.max(1, in_flight * SHARE)) return { code: "ERR_OVERLOADED", detail: "limits.in_flight, by one caller" };
    return bytes >= buffered * SHARE ? { code: "ERR_OVERLOADED", detail: "limits.buffered, by one caller" } : undefined;
  }

  /** Whether a caller may send so many more bytes. A message that is all it has (`own`) is within its share. */
  maySend({ bytes }: Account, own: number, more: number): boolean {
    return bytes === own || bytes + more <= this.#limits().buffered * SHARE;
  }

  /** Whether so many more bytes may be held for a caller's answers; as for `maySend`. Its share is one of what may be under way. */
  mayHold({ bytes }: Account, own: number, more: number): boolean {
    return more <= 0 || bytes === own || bytes + more <= this.#limits().buffered * UNDER_WAY * SHARE;
  }

  /** So many bytes more are a caller's. */
  charge(account: Account, bytes: number): void {
    account.bytes += bytes;
    const beyond = Math.max(0, account.bytes - this.#limits().buffered * SHARE);
    this.#beyond += beyond - account.beyond;
    account.beyond = beyond;
  }

  /** So many calls more. */
  count(calls: number): void {
    this.#calls += calls;
  }

  /** So many bytes more. False, and nothing done, when there is no room for them. */
  weigh(bytes: number): boolean {
    if (bytes > 0 && this.#bytes + bytes > this.#limits().buffered * UNDER_WAY) return false;
    this.#bytes += bytes;
    return true;
  }
}
