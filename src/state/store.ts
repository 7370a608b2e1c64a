/**
 * What Sluice remembers between messages, behind one asynchronous interface: in the process today, in a supervisor or Redis later.
 * Must not hold payload in the clear beyond what its methods say.
 */
import type { Direction } from "../policy/input.ts";

/** The request that an answer is matched with. `body` is the request's own bytes, absent when it was too large to keep. */
export interface Outstanding {
  readonly method: string;
  readonly body: Buffer | undefined;
  readonly answered: boolean;
  /** Another request had the same id: which of them an answer on another connection belongs to cannot be told. */
  readonly ambiguous?: true;
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

export interface Store {
  /**
   * Takes all of the limits or none; with none, says after how many seconds the longest wait is over. Limits on one key count together.
   * `flow`: whose counters these are.
   */
  consume(
    limits: readonly LimitRequest[],
    ticks: number,
    flow?: string,
  ): Promise<{ granted: true } | { granted: false; key: string; retry_after_s: number }>;
  /** Units in use of the limits that the flow has consumed, by key and rounded up, for policy to read. */
  counters(flow: string, ticks: number): Promise<Readonly<Record<string, number>>>;
  labels(flow: string): Promise<readonly string[]>;
  /** Labels are monotone: added, never taken away. Rejects when there is no room for one: the message must then not pass. */
  addLabels(flow: string, labels: readonly string[]): Promise<void>;
  /** Stable number, from 1, of a value (given as keyed digest) among the values of its label in a flow. */
  ordinals(flow: string, values: readonly { label: string; digest: string }[]): Promise<readonly number[]>;
  /** Binds a session id to its principal on first sight; answers the owner. */
  sessionOwner(server: string, session: string, principal: string): Promise<string>;
  endSession(server: string, session: string): Promise<void>;
  /** Requests on their way, by the scope that they were sent in and their id. */
  remember(scope: Scope, id: string, request: Outstanding): Promise<void>;
  recall(scope: Scope, id: string): Promise<Outstanding | undefined>;
  /** Adds the definitions seen in a list (or a page of one), as JSON text: facts for policy on the calls that follow. */
  define(scope: string, definitions: ReadonlyMap<string, string>): Promise<void>;
  definition(scope: string, key: string): Promise<string | undefined>;
}
