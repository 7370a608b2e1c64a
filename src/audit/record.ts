/**
 * The audit record, version 1: what was decided about one message and why. Redacted by construction: it is built from codes, rule ids,
 * kinds, offsets and names that passed `printable`; there is no member that could hold a message.
 * This type is the source of `policies/schema/audit.json`.
 */
import type { ErrorCode } from "../errors.ts";
import type { Finding } from "../detect/detector.ts";
import type { Rule } from "../policy/decision.ts";
import type { Direction, Phase, TargetKind } from "../policy/input.ts";

export interface AuditRecord {
  schema: "sluice.audit/v1";
  /** RFC 3339, UTC, milliseconds. */
  time: string;
  decision_id: string;
  exchange_id: string;
  server: string;
  principal: { id: string; method: string };
  client_ip: string;
  direction: Direction;
  /** `message`: one JSON-RPC message. `transport`: a GET or DELETE. `refused`: an HTTP request that held no message to judge. `synthetic`: an answer that Sluice gave because none came. */
  kind: "message" | "transport" | "refused" | "synthetic";
  phase?: Phase;
  /** MCP method, or HTTP method of a transport record. */
  method?: string;
  message_kind?: "request" | "notification" | "result" | "error";
  /** The JSON-RPC id when it is a number; strings can hold anything and are left out. */
  rpc_id?: number;
  target?: { kind: TargetKind; name: string };
  effect: "allow" | "rewrite" | "redact" | "hold" | "deny" | "error";
  /** Set when nothing was forwarded, or something else than what was sent. */
  reason?: ErrorCode;
  detail?: string;
  rules: AuditRule[];
  would?: AuditRule[];
  /** What the effect would be if observed packages were enforced, where that differs. */
  would_be?: string;
  /** Rules that a waiver set aside. */
  waived?: string[];
  grants?: string[];
  findings?: AuditFinding[];
  findings_capped?: true;
  /** Of a list: how many entries there were, how many were taken out, and which (the first hundred). */
  list?: { total: number; hidden_total: number; hidden: { name: string; rules: string[] }[] };
  bytes_in?: number;
  bytes_out?: number;
  /** Time to the decision. */
  latency_us?: number;
  /** Revision of the policy that decided. */
  revision?: string;
  upstream_status?: number;
}

export interface AuditRule {
  id: string;
  effect: string;
  severity?: string;
  /** The rule's message, searched by the detectors and cut to 200 characters. */
  message?: string;
}

export interface AuditFinding {
  kind: string;
  category: string;
  /** JSON Pointer; segments that are not plain names are written `*`. */
  path: string;
  on: string;
  start: number;
  end: number;
  score: number;
}

const PLAIN = /^[\w.\-/@$]{1,128}$/;
const MESSAGE_LENGTH = 200;
const FINDINGS = 100;
/** Entries of a list that a record names. */
export const HIDDEN = 100;

/** A name from traffic, or `*` when it is not a plain word or holds a finding. `screen` replaces findings in text. */
export function printable(name: string, screen: (text: string) => string): string {
  return PLAIN.test(name) && screen(name) === name ? name : "*";
}

/** A URI without query, fragment and credentials, under the same rule. */
export function printableUri(uri: string, screen: (text: string) => string): string {
  const bare = uri.replace(/[?#].*$/s, "").replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, "$1");
  return /^[a-z][a-z0-9+.-]*:[\w.\-/@$%:[\]{}]{0,256}$/i.test(bare) && screen(bare) === bare ? bare : "*";
}

/** A JSON Pointer whose segments are plain names or indexes; others become `*`. */
export function printablePath(pointer: string, screen: (text: string) => string): string {
  return pointer
    .split("/")
    .map((segment, at) => (at === 0 ? "" : printable(segment, screen)))
    .join("/");
}

export function auditRules(rules: readonly Rule[], screen: (text: string) => string): AuditRule[] {
  return rules.map((rule) => ({
    id: rule.id,
    effect: rule.effect,
    ...(rule.severity === undefined ? {} : { severity: rule.severity }),
    ...(rule.message === undefined ? {} : { message: screen(rule.message).slice(0, MESSAGE_LENGTH) }),
  }));
}

export function auditFindings(findings: readonly Finding[], screen: (text: string) => string): AuditFinding[] {
  return findings.slice(0, FINDINGS).map(({ kind, category, path, on, start, end, score }) => ({
    kind,
    category,
    path: printablePath(path, screen),
    on,
    start,
    end,
    score,
  }));
}
