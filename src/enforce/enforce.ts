/**
 * Turns a decision into the bytes that may leave. Must give bytes only for the effects that let a message pass, and only bytes that
 * the strict reader takes for the same message.
 */
import type { Detect } from "../detect/detect.ts";
import type { Finding, Findings } from "../detect/detector.ts";
import { fail, ok, type Failure, type Result } from "../errors.ts";
import { immutableNodes } from "../mcp/immutable.ts";
import { type JsonDocument, type JsonLimits, type Node, readJson } from "../mcp/json.ts";
import { parseMessage } from "../mcp/message.ts";
import type { Decision, Redaction } from "../policy/decision.ts";
import { carryOver, secretsBroughtIn } from "./carry.ts";
import { type Mark, markRedactions, mergeMarks } from "./marks.ts";
import type { Ordinals, RedactionKeys } from "./operators.ts";
import { redact } from "./redact.ts";
import { rewrite } from "./rewrite.ts";
import { type Edit, splice } from "../mcp/json/splice.ts";

export interface EnforceWork {
  readonly document: JsonDocument;
  /** 0 for a message; for an entry of a list its node: paths start there and nothing outside of it is touched. */
  readonly base: Node;
  readonly findings: Findings;
  readonly decision: Decision;
  readonly detect: Detect;
  readonly limits: JsonLimits;
  readonly ordinals: Ordinals;
  readonly keys: RedactionKeys;
}

/**
 * The bytes of a message as it may leave: the very buffer that came when nothing changes, else a new one. A failure means that nothing may
 * leave: the decision's own reason (deny, hold, error), ERR_DECISION when it cannot be meant, ERR_ENFORCE when it cannot be done.
 */
export async function enforce(work: EnforceWork): Promise<Result<Buffer>> {
  const { decision, document } = work;
  switch (decision.effect) {
    case "allow":
      return untouched(decision) ? ok(document.bytes) : fail({ code: "ERR_DECISION", detail: "an allowed message is not to be changed" });
    case "redact":
    case "rewrite":
      return change(work);
    case "hold":
    case "deny":
    case "error":
      return refusal(decision);
    default:
      return unknownEffect(decision.effect);
  }
}

/** Edits of the whole message's bytes that one entry of a list asks for. A failure means that the entry may not be shown. Held entries are shown: the call is held. */
export async function enforceItem(work: EnforceWork): Promise<Result<Edit[]>> {
  const { decision } = work;
  switch (decision.effect) {
    case "allow":
    case "redact":
    case "rewrite":
    case "hold":
      if (decision.rewrites.length > 0) return fail({ code: "ERR_DECISION", detail: "an entry of a list cannot be rewritten" });
      return redact({ ...work, redactions: decision.redactions });
    case "deny":
    case "error":
      return refusal(decision);
    default:
      return unknownEffect(decision.effect);
  }
}

function untouched(decision: Decision): boolean {
  return decision.redactions.length === 0 && decision.rewrites.length === 0;
}

const REASONS = { hold: "ERR_HELD", deny: "ERR_DENIED", error: "ERR_DECISION" } as const;

function refusal(decision: Decision & { effect: string }): { ok: false; failure: Failure } {
  const code = decision.reason ?? REASONS[decision.effect as keyof typeof REASONS];
  return fail(decision.detail === undefined ? { code } : { code, detail: decision.detail });
}

function unknownEffect(effect: never): { ok: false; failure: Failure } {
  return fail({ code: "ERR_DECISION", detail: `an unknown effect (${typeof effect})` });
}

/** Rewrites first; then the redactions apply to what that made, new values included. */
async function change(work: EnforceWork): Promise<Result<Buffer>> {
  const { decision, document, limits } = work;
  if (work.base !== 0) return fail({ code: "ERR_DECISION", detail: "an entry of a list is not a message" });
  const rewrites = rewrite(document, decision.rewrites);
  if (!rewrites.ok) return rewrites;
  const rewritten = reread(document, rewrites.value, limits);
  if (!rewritten.ok) return rewritten;
  const now = rewritten.value;
  const meaning = judgedMeaning(work, rewrites.value, now);
  if (!meaning.ok) return meaning;
  const redactions = await redact({ ...work, ...meaning.value, document: now });
  if (!redactions.ok) return redactions;
  const redacted = reread(now, redactions.value, limits);
  if (!redacted.ok) return redacted;
  const failure = redacted.value === document ? undefined : differs(document, redacted.value);
  return failure === undefined ? ok(redacted.value.bytes) : fail(failure);
}

/** What the decision's redactions mean in the rewritten document. ERR_ENFORCE: they leave a secret that a rewrite brought in. */
function judgedMeaning(work: EnforceWork, edits: readonly Edit[], now: JsonDocument): Result<Meaning> {
  if (now === work.document) return ok({ findings: work.findings, redactions: work.decision.redactions });
  const found = work.detect(now);
  const meaning = carryOver(work.findings, edits, now, found, work.decision.redactions);
  const secrets = secretsBroughtIn(edits, found);
  if (secrets === undefined) return fail({ code: "ERR_ENFORCE", detail: "a rewritten message has more findings than can be listed" });
  if (secrets.length === 0) return ok(meaning);
  const selection = markRedactions(now, 0, meaning.findings, meaning.redactions);
  if (!selection.ok) return selection;
  return leavesAny(selection.value.marks, secrets)
    ? fail({ code: "ERR_ENFORCE", detail: "a rewrite brought in a secret that no redaction covers" })
    : ok(meaning);
}

interface Meaning {
  readonly findings: Findings;
  readonly redactions: readonly Redaction[];
}

/** Whether one of the findings is not redacted as a whole. */
function leavesAny(marks: readonly Mark[], findings: readonly Finding[]): boolean {
  const merged = mergeMarks(marks);
  return findings.some(({ node, rawStart, rawEnd }) => !merged.get(node)?.some(({ start, end }) => start <= rawStart && end >= rawEnd));
}

/** The document with the edits made, as the strict reader takes it; the same one without edits. */
function reread(document: JsonDocument, edits: readonly Edit[], limits: JsonLimits): Result<JsonDocument> {
  if (edits.length === 0) return ok(document);
  const bytes = splice(document.bytes, edits);
  if (!bytes.ok) return bytes;
  const read = readJson(bytes.value, limits);
  return read.ok ? read : fail({ code: "ERR_ENFORCE", detail: `the changed message is no longer acceptable: ${read.failure.reason}` });
}

/** Whatever the paths were: the result must be the same message, with the same immutable members. */
function differs(before: JsonDocument, after: JsonDocument): Failure | undefined {
  const [one, other] = [before, after].map((document) =>
    immutableNodes(document).map((node) => [document.pointer(node), document.raw(node)]),
  );
  if (JSON.stringify(one) !== JSON.stringify(other)) return { code: "ERR_DECISION", detail: "an immutable member would change" };
  const [was, is] = [parseMessage(before), parseMessage(after)];
  if (was.ok && (!is.ok || is.value.kind !== was.value.kind))
    return { code: "ERR_DECISION", detail: "the changed message would be another kind of message" };
  return undefined;
}
