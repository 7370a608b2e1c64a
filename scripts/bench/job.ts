/** What the load generator is told and what it reports: the words between it and its parent. */
import type { AnswerKind } from "./messages.ts";

/** What must become of every answer. */
export type Expected = "same" | "redacted" | "denied";

export interface Job {
  readonly port: number;
  /** Requests take turns on these. */
  readonly paths: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** Open loop: that many calls each second, whatever becomes of them. Absent: each connection calls again as soon as it is answered. */
  readonly perSecond?: number;
  /** Bytes of text in the arguments. */
  readonly bytes: number;
  /** Every call names another tool. */
  readonly varied: boolean;
  readonly answer: AnswerKind;
  readonly expected: Expected;
  /** Sessions of 2025-11-25 to open; 0: calls of 2026-07-28, which has none. */
  readonly sessions: number;
}

/** How many answers were what. */
export interface Counts {
  readonly same: number;
  readonly redacted: number;
  readonly denied: number;
  /** 503: the proxy had too much to do and said so. */
  readonly shed: number;
  readonly wrong: number;
}

export interface Measured extends Counts {
  readonly seconds: number;
  /** Calls without an answer. */
  readonly lost: number;
  /** New sessions: the handshake of each is counted nowhere else. */
  readonly opened: number;
  /** The first few things that were not as expected. */
  readonly problems: readonly string[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Calls that were carried and answered, rightly or not. */
export function answered({ same, redacted, denied, wrong }: Counts): number {
  return same + redacted + denied + wrong;
}
