/**
 * Carries out a decision: consumes limits, redacts and rewrites, filters lists entry by entry, keeps labels. Acts on what was decided;
 * must not decide, and returns bytes only where the decision lets the message pass.
 */
import type { Findings } from "../detect/detector.ts";
import type { Facts } from "../enrich/enrich.ts";
import type { ErrorCode, Failure } from "../errors.ts";
import { paramHeadersStillTrue } from "../mcp/headers.ts";
import { listOf } from "../mcp/methods.ts";
import { readWholeMessage } from "../mcp/read-message.ts";
import { join } from "../policy/lattice.ts";
import type { Decision, Effect } from "../policy/decision.ts";
import type { Store } from "../state/store.ts";
import type { Outcome, Transaction } from "../transaction.ts";
import { enforce, type EnforceWork } from "./enforce.ts";
import { blocking, type Enforcer, filterList } from "./list.ts";

/** At once where nothing is to be done: most messages pass as they are. */
export function conclude(
  enforcer: Enforcer,
  transaction: Transaction,
  facts: Facts,
  findings: Findings,
  decision: Decision,
): Outcome | Promise<Outcome> {
  const passed = { decisionId: transaction.decisionId, decision, findings };
  switch (decision.effect) {
    case "error":
    case "deny":
    case "hold":
      return {
        ...refusal(passed, decision.reason ?? REASONS[decision.effect], decision.detail),
        effect: decision.effect,
        rules: blocking(decision),
      };
    case "allow":
    case "redact":
    case "rewrite":
      break;
    default:
      return refusal(passed, "ERR_DECISION", `unknown effect ${typeof decision.effect}`);
  }

  return passesAsItIs(transaction, facts, decision)
    ? passing(passed, "allow", transaction.message.document.bytes)
    : carryOut(enforcer, transaction, facts, findings, decision);
}

function passesAsItIs({ message }: Transaction, { method }: Facts, { effect, limits, labels, redactions, rewrites }: Decision): boolean {
  if (effect !== "allow" || limits.length > 0 || labels.length > 0 || redactions.length > 0 || rewrites.length > 0) return false;
  return message.kind !== "result" || method === undefined || listOf(method) === undefined;
}

async function carryOut(
  enforcer: Enforcer,
  transaction: Transaction,
  facts: Facts,
  findings: Findings,
  decision: Decision,
): Promise<Outcome> {
  const passed = { decisionId: transaction.decisionId, decision, findings };
  const exceeded = await consumeLimits(enforcer.store, transaction, facts, decision);
  if (exceeded !== undefined)
    return { ...refusal(passed, "ERR_LIMITED"), effect: "deny", rules: exceeded.rules, retryAfter: exceeded.retryAfter };

  const { document } = transaction.message;
  const work: EnforceWork = {
    document,
    base: 0,
    findings,
    decision,
    detect: enforcer.detect,
    limits: enforcer.limits,
    ordinals: (values) => enforcer.store.ordinals(transaction.exchange.flow, values),
    keys: enforcer.keys,
  };
  const enforced = await enforcer.marked(() => enforce(work));
  if (!enforced.ok) return failed(passed, enforced.failure);
  const untrue = paramHeadersFault(enforcer, transaction, enforced.value);
  if (untrue !== undefined) return failed(passed, untrue);
  const filtered = await filterList(enforcer, transaction, facts, work, enforced.value);
  if (!filtered.ok) return failed(passed, filtered.failure);

  if (decision.labels.length > 0) await enforcer.store.addLabels(transaction.exchange.flow, decision.labels);
  return passing(passed, join(decision.effect, filtered.value.effect), filtered.value.bytes, filtered.value.list);
}

const REASONS = { error: "ERR_DECISION", deny: "ERR_DENIED", hold: "ERR_HELD" } as const satisfies Record<string, ErrorCode>;

/** A header that still says what was taken out of the arguments would carry it upstream. */
function paramHeadersFault({ limits }: Enforcer, { exchange, message }: Transaction, bytes: Buffer): Failure | undefined {
  if (exchange.paramHeaders.length === 0 || bytes === message.document.bytes || message.kind !== "request") return undefined;
  const final = readWholeMessage(bytes, limits);
  if (!final.ok) return { code: "ERR_ENFORCE", detail: "the changed message cannot be read" };
  return paramHeadersStillTrue(exchange.paramHeaders, final.value)
    ? undefined
    : { code: "ERR_HEADER_MISMATCH", detail: "an Mcp-Param header no longer matches the changed arguments" };
}

type Passed = Pick<Outcome, "decisionId" | "decision" | "findings">;

function passing(passed: Passed, effect: Effect, bytes: Buffer, list?: Outcome["list"]): Outcome {
  return { ...passed, effect, bytes, reason: undefined, detail: undefined, rules: [], retryAfter: undefined, list };
}

function refusal(passed: Passed, reason: ErrorCode, detail?: string): Outcome {
  return { ...passed, effect: "error", bytes: undefined, reason, detail, rules: [], retryAfter: undefined, list: undefined };
}

function failed(passed: Passed, failure: Failure): Outcome {
  return refusal(passed, failure.code, failure.detail);
}

/** Limits count granted requests and notifications, once each, after everything else let them pass. */
async function consumeLimits(
  store: Store,
  transaction: Transaction,
  facts: Facts,
  decision: Decision,
): Promise<{ rules: string[]; retryAfter: number } | undefined> {
  if (decision.limits.length === 0 || facts.phase === "response") return undefined;
  const consumed = await store.consume(decision.limits, transaction.exchange.flow);
  if (consumed.granted) return undefined;
  const rules = decision.limits.filter((limit) => limit.key === consumed.key).map((limit) => limit.rule);
  return { rules, retryAfter: Math.max(1, Math.ceil(consumed.retry_after_s)) };
}
