/**
 * One request's stay: what it holds of the process from its head on, and gives back when it leaves. Must not know what is carried.
 */
import { type Failure, Fault } from "../errors.ts";
import type { Body } from "../mcp/body.ts";
import type { Account, Holdings } from "./holdings.ts";

const NO_ROOM: Failure = { code: "ERR_OVERLOADED", detail: "limits.buffered" };

/** What one request has of the process, until it leaves. */
export class Visit {
  readonly #holdings: Holdings;
  #flow = "";
  #account: Account | undefined;
  #counted = 0;
  #kept = 0;
  #held = 0;
  #left = false;

  constructor(holdings: Holdings) {
    this.#holdings = holdings;
  }

  /** It is known whose request it is. Answers why it may not go on, when its caller has its share already. */
  claim(flow: string): Failure | undefined {
    if (this.#left || this.#account !== undefined) return undefined;
    const account = this.#holdings.open(flow);
    const failure = this.#holdings.beyondShare(account);
    this.#flow = flow;
    this.#account = account;
    account.calls += this.#counted;
    this.#holdings.charge(account, this.#kept + this.#held);
    return failure;
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
    if (this.#account !== undefined && !this.#holdings.maySend(this.#account, this.#kept + this.#held, bytes)) return false;
    if (!this.#weigh(bytes)) return false;
    this.#kept += bytes;
    return true;
  }

  /** So many bytes of the answer are held now. False when there is no room for them. */
  hold(bytes: number): boolean {
    if (this.#left) return false;
    const more = bytes - this.#held;
    if (this.#account !== undefined && !this.#holdings.mayHold(this.#account, this.#kept + this.#held, more)) return false;
    if (!this.#weigh(more)) return false;
    this.#held = bytes;
    return true;
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#setCounted(0);
    this.#weigh(-this.#kept - this.#held);
    if (this.#account !== undefined) this.#holdings.close(this.#flow, this.#account);
  }

  #weigh(bytes: number): boolean {
    if (!this.#holdings.weigh(bytes)) return false;
    if (this.#account !== undefined) this.#holdings.charge(this.#account, bytes);
    return true;
  }

  #setCounted(counted: number): void {
    const more = counted - this.#counted;
    this.#holdings.count(more);
    if (this.#account !== undefined) this.#account.calls += more;
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
