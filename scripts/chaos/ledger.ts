/**
 * The raw truth of a run: every message that a client sent and how it ended for that client, and every message that arrived at a server.
 * Told by both ends of the wire, never by Sluice. Must not judge.
 */

/** How a sending ended. `broken`: without an answer, because the connection did. `gone`: the client itself hung up. */
export type Ending = "answered" | "denied" | "errored" | "broken" | "gone";

export interface Sending {
  readonly marker: string;
  readonly principal: string;
  readonly server: string;
  readonly kind: "request" | "notification" | "answer" | "transport";
  readonly method: string;
  /** The JSON-RPC id when it is a number. */
  readonly rpcId: number | undefined;
  readonly startedMs: number;
  endedMs: number | undefined;
  ending: Ending | undefined;
  /** Where the answer came from Sluice. */
  decisionId: string | undefined;
  /** HTTP status, once there was one. */
  status: number | undefined;
  /** A code or a word for it, never text of a message. */
  note: string | undefined;
}

const MARKER = /"chaos\/marker":"([a-z]+)"/;
const LETTERS = 26;

export class Ledger {
  readonly sendings: Sending[] = [];
  /** When a marker arrived at a server, each time. */
  readonly arrivals = new Map<string, number[]>();
  /** Messages that no client sent: Sluice's own answers to servers. */
  own = 0;
  /** Things that may never happen, by what they are: each is a violation. */
  readonly alarms: string[] = [];
  #next = 0;
  /** Milliseconds since the run began. */
  readonly now: () => number;
  /** Unix milliseconds at which it did. */
  readonly beganAt = Date.now();

  constructor() {
    const began = performance.now();
    this.now = () => performance.now() - began;
  }

  /** Notes that a message is about to leave. */
  send(what: Pick<Sending, "principal" | "server" | "kind" | "method" | "rpcId">): Sending {
    const sending: Sending = {
      ...what,
      marker: this.#marker(),
      startedMs: this.now(),
      endedMs: undefined,
      ending: undefined,
      decisionId: undefined,
      status: undefined,
      note: undefined,
    };
    this.sendings.push(sending);
    return sending;
  }

  /** The first end counts, but for a broken stream that was resumed. */
  end(sending: Sending, ending: Ending, more: Partial<Pick<Sending, "decisionId" | "status" | "note">> = {}): void {
    if (sending.ending !== undefined && sending.ending !== "broken") return;
    Object.assign(sending, { ending, endedMs: this.now(), ...more });
  }

  arrived(body: string, headerMarker: string | undefined): void {
    const marker = headerMarker ?? MARKER.exec(body)?.[1];
    if (marker === undefined) {
      this.own += 1;
      return;
    }
    const times = this.arrivals.get(marker);
    if (times === undefined) this.arrivals.set(marker, [this.now()]);
    else times.push(this.now());
  }

  /** Letters only, and no word: nothing that a detector looks for. */
  #marker(): string {
    let left = this.#next++;
    let letters = "";
    do {
      letters = String.fromCharCode(97 + (left % LETTERS)) + letters;
      left = Math.floor(left / LETTERS);
    } while (left > 0);
    return `mk${letters}`;
  }
}

/** The name under which a marker travels: in `_meta` of a message, and as a header where there is no body. */
export const MARKER_META = "chaos/marker";
export const MARKER_HEADER = "x-chaos-marker";
