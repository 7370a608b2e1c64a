/**
 * What a policy decided: the checked form of the engine's answer, and the lattice that turns collected effects into one.
 * error > deny > hold > redact, rewrite > allow. Must not evaluate anything and must not touch the message.
 */
import type { ErrorCode } from "../errors.ts";

/** The lattice's result. */
export type Effect = "allow" | "rewrite" | "redact" | "hold" | "deny" | "error";

export type RuleEffect = "allow" | "deny" | "redact" | "rewrite" | "hold" | "label" | "limit" | "warn";

export type RedactWith = "mask" | "replace" | "hash" | "drop" | "partial";

/** A rule that contributed. `message` is the rule's `msg` or METADATA title; it may quote traffic and never goes on the wire. */
export interface Rule {
  readonly policy: string;
  readonly effect: RuleEffect;
  readonly id: string;
  readonly message?: string;
  readonly severity?: string;
  readonly tags?: readonly string[];
}

/** One redaction: `findings` = those finding numbers; `path` compiled at load when literal; `kinds` limits it to findings of these kinds. */
export interface Redaction {
  readonly rule: string;
  readonly with: RedactWith;
  readonly findings?: readonly number[];
  readonly kinds?: readonly string[];
  readonly path?: PathExpression;
}

export interface Rewrite {
  readonly rule: string;
  readonly op: "replace" | "remove" | "add";
  readonly path: PathExpression;
  readonly value?: unknown;
}

/** A JSON Pointer (`/…`), a JSONPath (`$…`) or an array of segments; segments are names, or indexes as numbers. */
export type PathExpression = string | readonly (string | number)[];

/** What the policy says of one message (or list item), checked and reduced. */
export interface Decision {
  readonly effect: Effect;
  /** Set when `effect` is deny, hold or error: why. */
  readonly reason?: ErrorCode;
  /** For the operator's log when `effect` is error: what was wrong with the policy's answer. No payload. */
  readonly detail?: string;
  readonly matched: readonly Rule[];
  /** Effects of packages (or of everything) in observe mode: recorded, not carried out. */
  readonly would: readonly Rule[];
  /** With observe mode in play: what the decision would have been without it. Absent when it would have been the same. */
  readonly wouldBe?: { readonly effect: Effect; readonly reason?: ErrorCode };
  /** Ids of rules that matched and were lifted by a waiver. */
  readonly waived?: readonly string[];
  readonly grants: readonly Rule[];
  readonly redactions: readonly Redaction[];
  readonly rewrites: readonly Rewrite[];
  readonly labels: readonly string[];
  readonly limits: readonly { rule: string; key: string; cost: number; per_s: number; max: number }[];
  readonly revision: string;
}
