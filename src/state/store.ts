/**
 * What Sluice remembers between messages, behind one asynchronous interface: in the process, in the supervisor, or in Redis later.
 * Must not hold payload in the clear beyond what its methods say.
 */
import type { Direction } from "../policy/input.ts";

/** The request that an answer is matched with. */
export interface Outstanding {
  readonly method: string;
  /** The request's own bytes. */
  readonly body: Buffer;
}

/** Where ids are unique: one side's requests in one session of one principal with one server. */
export interface Scope {
  readonly direction: Direction;
  readonly server: string;
  readonly principal: string;
  /** Empty without a session. */
  readonly session: string;
}

export interface LimitRequest {
  readonly key: string;
  readonly cost: number;
  /** Refill of the bucket, in units per second. */
  readonly per_s: number;
  /** Size of the bucket, in units. */
  readonly max: number;
}

/** All units or none were taken; with none, after how many seconds the longest wait is over. */
export type Consumption = { granted: true } | { granted: false; key: string; retry_after_s: number };

/** What is known of a flow before one of its messages is judged. */
export interface FlowFacts {
  readonly labels: readonly string[];
  /** Units in use of the limits that the flow has consumed, by key and rounded up. */
  readonly counters: Readonly<Record<string, number>>;
  /** As a list showed it, as JSON text. */
  readonly definition: string | undefined;
}

/**
 * Each method is one step that nothing comes between, also when several workers call at once; each costs one round trip where the store is
 * elsewhere. Ages and refills are measured on the store's own clock: the clocks of two processes have nothing to do with each other.
 * A method that rejects has perhaps been carried out: the message that it was for must not pass.
 */
export interface Store {
  /** `defined`: whose definition is wanted as well. */
  facts(flow: string, defined?: { readonly catalogue: string; readonly key: string }): FlowFacts | Promise<FlowFacts>;
  /** Takes all of the limits or none. Limits on one key count together. `flow`: whose counters these are. */
  consume(limits: readonly LimitRequest[], flow?: string): Promise<Consumption>;
  /** Labels are monotone: added, never taken away. Rejects when there is no room for one: the message must then not pass. */
  addLabels(flow: string, labels: readonly string[]): Promise<void>;
  /** Stable number, from 1, of a value (given as keyed digest) among the values of its label in a flow. */
  ordinals(flow: string, values: readonly { label: string; digest: string }[]): Promise<readonly number[]>;
  /** Binds a session id to its principal on first sight; answers the owner. */
  sessionOwner(server: string, session: string, principal: string): Promise<string>;
  endSession(server: string, session: string): Promise<void>;
  /**
   * A request goes on its way, under an id of the scope that it was sent in. The same bytes once more are a replay, which can be answered
   * anew. Other bytes under an id of the same session make both unanswerable: which of them an answer belongs to cannot be told.
   */
  remember(scope: Scope, id: string, request: Outstanding): Promise<void>;
  /** A request that an answer may be judged with, however often. Undefined when there is none, or too little is known of it. */
  recall(scope: Scope, id: string): Promise<Outstanding | undefined>;
  /** The same, once: whoever comes first takes it. */
  settle(scope: Scope, id: string): Promise<Outstanding | undefined>;
  /** No other answer to a client's request can come. Nothing depends on it: what is not forgotten only takes room for a time. */
  forget(scope: Scope, id: string): Promise<void>;
  /** Adds the definitions seen in a list (or a page of one), as JSON text: facts for policy on the calls that follow. */
  define(catalogue: string, definitions: ReadonlyMap<string, string>): Promise<void>;
}
