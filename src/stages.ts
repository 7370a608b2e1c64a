/**
 * What the pipeline is made of, as one table. The composition root fills it in; tests break one entry at a time.
 * Must hold no logic but the guard that turns a stage's fault into a denial.
 */
import type { Awaitable } from "./awaitable.ts";
import type { Config } from "./config/config.ts";
import type { Timely } from "./deadline.ts";
import type { Findings } from "./detect/detector.ts";
import type { Facts } from "./enrich/enrich.ts";
import { type ErrorCode, type Failure, Fault, type Result } from "./errors.ts";
import type { Admission } from "./http/admission.ts";
import type { Call, Hop } from "./http/call.ts";
import type { Exits } from "./http/exits.ts";
import type { JsonLimits } from "./mcp/json.ts";
import { faultName } from "./observe/logger.ts";
import type { Decision, Effect } from "./policy/decision.ts";
import type { Conversation } from "./state/conversation.ts";
import { type Exchange, type Outcome, senderOf, type Transaction } from "./transaction.ts";
import type { Answer } from "./upstream/answer.ts";
import type { Leaving } from "./upstream/forward.ts";
import type { Working } from "./watch/in-flight.ts";

/** The four stages that judge one message. Each may throw: then the message is denied with the stage's own code. */
export interface Judgement {
  detect(transaction: Transaction): Awaitable<Findings>;
  enrich(transaction: Transaction, findings: Findings): Awaitable<Facts>;
  decide(transaction: Transaction, facts: Facts, findings: Findings): Awaitable<Decision>;
  enforce(transaction: Transaction, facts: Facts, findings: Findings, decision: Decision): Awaitable<Outcome>;
}

/** Puts every message on record: what it is before it is judged, what became of it after that and before it leaves. */
export interface Recording {
  enter(transaction: Transaction): Entering;
  message(entry: Entering, outcome: Outcome): Awaitable<Outcome>;
}

/** `refusal`: why the message is not to be judged at all. */
export interface Entering {
  readonly transaction: Transaction;
  readonly refusal: Failure | undefined;
}

/** What judging a message needs: also all that `sluice judge` has. */
export interface Screening {
  readonly limits: JsonLimits;
  readonly conversation: Conversation;
  /** The judging stages of the newest configuration: asked for once a message, also on streams that are older. */
  readonly judgement: () => Judgement;
  /** Holds the judging of one message to a time. */
  readonly timely: Timely;
  readonly recorder: Recording;
}

/** What carrying it needs besides. */
export interface Stages extends Screening {
  readonly maxEventBytes: number;
  readonly admission: Admission;
  readonly exits: Exits;
  readonly recorder: Recording & { ended(transaction: Transaction): void };
  /** Marks whose work is being done. */
  readonly working: Working;
  /** Waits until a message of the server may be judged, or its client has left: at once, unless judging such messages keeps others out. */
  readonly due: (hop: Hop) => Awaitable<void>;
  /** Sends a message that may leave (none for GET and DELETE) to the call's server. */
  forward(call: Call, exchange: Exchange, leaving?: Leaving): Promise<Result<Answer>>;
}

const CODES = { detect: "ERR_DETECT", enrich: "ERR_STAGE", decide: "ERR_POLICY_FAULT", enforce: "ERR_ENFORCE" } as const satisfies Record<
  keyof Judgement,
  ErrorCode
>;

/**
 * The same stages, each marked as the work of its flow, and held to answer something of the right shape. A stage that throws or answers garbage throws a `Fault` with its
 * code, and nothing of what it threw. `timely` holds all of them together to a time.
 */
export function guarded(judgement: Judgement, working: Working = () => (work) => work()): Judgement {
  const run = <T>(
    stage: keyof Judgement,
    { exchange, direction }: Transaction,
    sound: (value: T) => boolean,
    work: () => Awaitable<T>,
  ): Awaitable<T> => {
    let value: Awaitable<T>;
    try {
      value = working(exchange.flow, senderOf(exchange, direction))(work);
    } catch (fault) {
      return fail(stage, fault);
    }
    return value instanceof Promise
      ? value.then(
          (later) => held(stage, sound, later),
          (fault: unknown) => fail(stage, fault),
        )
      : held(stage, sound, value);
  };
  return {
    detect: (transaction) => run("detect", transaction, isFindings, () => judgement.detect(transaction)),
    enrich: (transaction, findings) => run("enrich", transaction, isFacts, () => judgement.enrich(transaction, findings)),
    decide: (transaction, facts, findings) => run("decide", transaction, isDecision, () => judgement.decide(transaction, facts, findings)),
    enforce: (transaction, facts, findings, decision) =>
      run(
        "enforce",
        transaction,
        (outcome) => isOutcome(outcome, transaction, decision),
        () => judgement.enforce(transaction, facts, findings, decision),
      ),
  };
}

function held<T>(stage: keyof Judgement, sound: (value: T) => boolean, value: T): T {
  return sound(value) ? value : fail(stage, new Fault({ code: CODES[stage], detail: `${stage}: no usable answer` }));
}

function fail(stage: keyof Judgement, fault: unknown): never {
  throw new Fault(fault instanceof Fault ? fault.failure : { code: CODES[stage], detail: `${stage}: ${faultName(fault)}` });
}

const PASSING: ReadonlySet<unknown> = new Set<Effect>(["allow", "redact", "rewrite"]);
const BLOCKING: ReadonlySet<unknown> = new Set<Effect>(["hold", "deny", "error"]);

function isFindings(findings: Findings | undefined): boolean {
  return Array.isArray(findings?.list) && typeof findings.capped === "boolean";
}

function isFacts(facts: Facts | undefined): boolean {
  return typeof facts?.phase === "string" && Array.isArray(facts.urls) && Array.isArray(facts.destinations);
}

function isDecision(decision: Decision | undefined): boolean {
  if (decision === undefined || decision === null) return false;
  const { effect, matched, would, grants, redactions, rewrites, labels, limits } = decision;
  return (
    (PASSING.has(effect) || BLOCKING.has(effect)) && [matched, would, grants, redactions, rewrites, labels, limits].every(Array.isArray)
  );
}

/** Bytes leave only with an effect that lets them, of the outcome and of the very decision behind it. */
function isOutcome(outcome: Outcome | undefined, transaction: Transaction, decision: Decision): boolean {
  if (outcome?.decisionId !== transaction.decisionId || outcome.decision !== decision || !Array.isArray(outcome.rules)) return false;
  if (outcome.bytes === undefined) return BLOCKING.has(outcome.effect) && typeof outcome.reason === "string";
  return Buffer.isBuffer(outcome.bytes) && outcome.bytes.length > 0 && PASSING.has(outcome.effect) && PASSING.has(decision.effect);
}

/** The reader's limits in a configuration. */
export function jsonLimits({ limits }: Pick<Config, "limits">): JsonLimits {
  return { bytes: limits.body, depth: limits.depth, nodes: limits.nodes, string: limits.string };
}

/** The failure behind anything that a stage threw. */
export function failureOf(fault: unknown): Failure {
  return fault instanceof Fault ? fault.failure : { code: "ERR_STAGE", detail: faultName(fault) };
}
