/**
 * The facts about one HTTP exchange and about one message in it. Written once, never pooled, never changed: each stage of the
 * pipeline adds its own result beside them.
 */
import type { CredentialHeader } from "./authn/authenticator.ts";
import type { ServerConfig } from "./config/config.ts";
import type { ErrorCode, Failure } from "./errors.ts";
import type { Findings } from "./detect/detector.ts";
import type { Message, RpcId } from "./mcp/message.ts";
import type { Decision, Effect } from "./policy/decision.ts";
import type { Direction, PrincipalFacts } from "./policy/input.ts";

/** Which family of revisions an exchange speaks: sessions and `initialize`, or 2026-07-28 (stateless). */
export type Era = "legacy" | "modern";

/** One HTTP request of a client, from authentication on. */
export interface Exchange {
  /** Random id; decision ids are derived from it. */
  readonly id: string;
  /** A new decision id each time: unique per message, and says which exchange it belongs to. */
  readonly nextDecisionId: () => string;
  readonly server: ServerConfig;
  readonly principal: PrincipalFacts;
  readonly ip: string;
  /** Whose work it is (`flowOf`): what state, limits and blame go by. */
  readonly flow: string;
  readonly userAgent: string | undefined;
  /** `Mcp-Session-Id`, legacy only. */
  readonly session: string | undefined;
  readonly era: Era;
  readonly revision: string | undefined;
  /** Headers that held Sluice's own credential and must never be forwarded. */
  readonly consumed: readonly CredentialHeader[];
  /** The client's `Mcp-Param-*` headers, as a flat list: they say again what arguments say. */
  readonly paramHeaders: readonly string[];
  /** Request headers that policy may read. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Decision ids of an exchange: its own id and a number from 1. */
export function decisionIds(exchangeId: string): () => string {
  let last = 0;
  return () => `${exchangeId}-${++last}`;
}

/** Name of the server that sends messages of this direction; undefined: the client does. */
export function senderOf({ server }: Pick<Exchange, "server">, direction: Direction): string | undefined {
  return direction === "server_to_client" ? server.name : undefined;
}

/** One message on its way. */
export interface Transaction {
  readonly exchange: Exchange;
  /** Unique per message. */
  readonly decisionId: string;
  readonly direction: Direction;
  readonly message: Message;
  /** Of a result or error: the request that it answers. */
  readonly answers: AnsweredRequest | undefined;
  /** Unix milliseconds at which the message was complete. */
  readonly now: number;
}

/** A request, as far as its answer needs it. */
export interface AnsweredRequest {
  readonly method: string;
  /** The whole request, absent when it was too large to keep. */
  readonly message: Message | undefined;
}

/** What a POST carried to the server, and what has become of it: the two members that change. */
export interface Asked {
  /** Absent for a notification, which only an error without an id can answer. */
  readonly id: RpcId | undefined;
  readonly request: AnsweredRequest;
  /** The answer is outstanding. */
  open: boolean;
  /** An event with an id came on its stream, whether or not the client got the id: the answer may come once more on another one. */
  resumable: boolean;
}

/** What becomes of a message. */
export interface Outcome {
  /** The lattice's result, over the message and the entries of a list in it. */
  readonly effect: Effect;
  /** What may leave: the original buffer itself when nothing was changed; absent when nothing may. */
  readonly bytes: Buffer | undefined;
  /** Why nothing may leave. */
  readonly reason: ErrorCode | undefined;
  /** For the operator: what went wrong, without payload. */
  readonly detail: string | undefined;
  readonly decisionId: string;
  /** Ids of the rules that blocked, for the wire. */
  readonly rules: readonly string[];
  /** Seconds. */
  readonly retryAfter: number | undefined;
  readonly decision: Decision | undefined;
  readonly findings: Findings | undefined;
  /** Of a list result: its size, and what was taken out. */
  readonly list: { readonly total: number; readonly hidden: readonly HiddenItem[] } | undefined;
}

export interface HiddenItem {
  readonly name: string;
  readonly rules: readonly string[];
}

/** The outcome of a message that could not be judged to the end: denied. */
export function withheld(transaction: Transaction, failure: Failure): Outcome {
  return {
    effect: "error",
    bytes: undefined,
    reason: failure.code,
    detail: failure.detail,
    decisionId: transaction.decisionId,
    rules: [],
    retryAfter: undefined,
    decision: undefined,
    findings: undefined,
    list: undefined,
  };
}
