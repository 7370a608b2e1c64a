/**
 * Turns the engine's answer into one decision by the fixed lattice: error > deny > hold > redact, rewrite > allow. Pure: no clock, no
 * engine, no message. Must answer `error` for everything that is not exactly as the contract says.
 */
import type { Mode } from "../config/config.ts";
import type { ErrorCode } from "../errors.ts";
import { readAnswer, type Element } from "./answer.ts";
import type { Decision, Effect, PathExpression, Redaction, RedactWith, Rewrite, Rule } from "./decision.ts";
import { isImmutable, plainSegments } from "./effects.ts";
import type { Phase } from "./input.ts";
import { atLeast, joinAll } from "./lattice.ts";
import type { CheckPath } from "./check/rule-check.ts";
import { canonicalJson } from "./tree.ts";
import { isWaived, type Waiver } from "./waivers.ts";

const MESSAGE_LENGTH = 200;

/** What is known besides the answer. */
export interface DecideFacts {
  readonly serverName: string;
  readonly phase: Phase;
  readonly revision: string;
  readonly nonce: string;
  /** Packs that are off for this server: their elements are dropped. */
  readonly packsOff: ReadonlySet<string>;
  /** True when everything is only observed (`policy.mode` or the server's `mode`). */
  readonly observe: boolean;
  /** Modes of packages (`data.modes`). */
  readonly modes: ReadonlyMap<string, Mode>;
  readonly waivers: readonly Waiver[];
  /** METADATA titles by rule id: messages of rules that have none of their own. */
  readonly titles: Readonly<Record<string, string>>;
  /** Unix milliseconds. */
  readonly now: number;
  readonly target: string | undefined;
  readonly principal: string;
  readonly checkPath: CheckPath;
}

/** Phases whose messages need a grant; an answer to a granted request needs none of its own. */
const NEEDS_GRANT: ReadonlySet<Phase> = new Set(["request", "notification", "list_item"]);

/** Decides on one answer of the engine. */
export function decide(answer: unknown, facts: DecideFacts): Decision {
  const read = readAnswer(answer, facts.nonce, facts.revision);
  if (!read.ok) return errorDecision("ERR_DECISION", read.failure, facts.revision);
  const on = (element: Element): boolean => !facts.packsOff.has(element.policy);
  const observed = (element: Element): boolean =>
    element.policy !== "firewall" && (facts.observe || facts.modes.get(element.policy) === "observe");
  const waiver = { server: facts.serverName, target: facts.target, principal: facts.principal, now: facts.now };
  const waivable = ({ effect, id }: Element): boolean => (effect === "deny" || effect === "hold") && isWaived(id, facts.waivers, waiver);

  const applicable = read.value.matched.filter(on);
  const waived = applicable.filter(waivable);
  const matched = applicable.filter((element) => !waivable(element));
  const grants = read.value.grants.filter(on);
  const wrong = matched.map((element) => wrongPlace(element, facts)).find((reason) => reason !== undefined) ?? rewriteConflict(matched);
  if (wrong !== undefined) return errorDecision("ERR_DECISION", wrong, facts.revision);

  const enforced = matched.filter((element) => !observed(element));
  const counted = grants.filter((element) => !observed(element));
  // With everything observed a message passes: a missing grant is an observation like the others.
  const verdict = facts.observe ? weigh(enforced, counted, "response") : weigh(enforced, counted, facts.phase);
  const full = weigh(matched, grants, facts.phase);
  const rule = (element: Element): Rule => toRule(element, facts.titles);
  const acting = facts.phase === "list_item" ? enforced.filter(({ effect }) => effect !== "limit" && effect !== "label") : enforced;
  return {
    ...verdict,
    matched: enforced.map(rule),
    would: matched.filter(observed).map(rule),
    ...(full.effect === verdict.effect && full.reason === verdict.reason ? {} : { wouldBe: full }),
    ...(waived.length === 0 ? {} : { waived: [...new Set(waived.map(({ id }) => id))] }),
    grants: counted.map(rule),
    redactions: acting
      .filter(({ effect }) => effect === "redact")
      .filter((element) => !redactsNothing(element))
      .map(toRedaction),
    rewrites: distinct(acting.filter(({ effect }) => effect === "rewrite").map(toRewrite)),
    labels: [...new Set(acting.filter(({ effect }) => effect === "label").flatMap(({ fields }) => fields["add"] as string | string[]))],
    limits: acting.filter(({ effect }) => effect === "limit").map(toLimit),
    revision: facts.revision,
  };
}

/** The decision of anything that could not be judged: denied. `detail` is for the operator's log and holds no payload. */
export function errorDecision(reason: ErrorCode, detail: string, revision: string): Decision {
  return {
    effect: "error",
    reason,
    detail,
    matched: [],
    would: [],
    grants: [],
    redactions: [],
    rewrites: [],
    labels: [],
    limits: [],
    revision,
  };
}

/** What elements come to, by the lattice. */
function weigh(matched: readonly Element[], grants: readonly Element[], phase: Phase): { effect: Effect; reason?: ErrorCode } {
  const effect = joinAll(matched.map((element) => strengthOf(element, phase)));
  if (atLeast(effect, "deny")) return { effect, reason: "ERR_DENIED" };
  if (NEEDS_GRANT.has(phase) && grants.length === 0) return { effect: "deny", reason: "ERR_NO_GRANT" };
  return effect === "hold" ? { effect, reason: "ERR_HELD" } : { effect };
}

function strengthOf(element: Element, phase: Phase): Effect {
  switch (element.effect) {
    case "deny":
      return "deny";
    case "hold":
      // A held item stays in its list: the person is asked when it is used.
      return phase === "list_item" ? "allow" : "hold";
    case "redact":
      return redactsNothing(element) ? "allow" : "redact";
    case "rewrite":
      return "rewrite";
    case "allow":
    case "label":
    case "limit":
    case "warn":
      return "allow";
  }
}

/** An empty set of findings or kinds names nothing; it must never be read as "no restriction". */
function redactsNothing({ fields }: Element): boolean {
  return [fields["findings"], fields["kinds"]].some((set) => Array.isArray(set) && set.length === 0);
}

function wrongPlace({ id, effect, fields }: Element, { phase, checkPath }: DecideFacts): string | undefined {
  if (effect === "rewrite" && phase === "list_item") return `${id}: an entry of a list cannot be rewritten`;
  if (fields["path"] === undefined) return undefined;
  const path = fields["path"] as PathExpression;
  const reason = checkPath(path);
  if (reason !== undefined) return `${id}: a path ${reason}`;
  const segments = plainSegments(path);
  const whole = effect === "rewrite" || fields["kinds"] === undefined;
  return whole && phase !== "list_item" && segments !== undefined && isImmutable(segments)
    ? `${id}: the path is a place that no policy may change`
    : undefined;
}

/** Two different rewrites of one place, or of a place inside another's, have no order: that is an error. */
function rewriteConflict(matched: readonly Element[]): string | undefined {
  const rewrites = matched.filter(({ effect }) => effect === "rewrite");
  for (const [at, one] of rewrites.entries()) {
    for (const other of rewrites.slice(at + 1)) {
      if (overlap(one, other) && changeOf(one) !== changeOf(other)) return `${one.id} and ${other.id} rewrite the same place differently`;
    }
  }
  return undefined;
}

function overlap(one: Element, other: Element): boolean {
  const [a, b] = [placeOf(one), placeOf(other)];
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

/** A path as text with one spelling for pointers, arrays and plain JSONPaths. */
function placeOf({ fields }: Element): string {
  const segments = plainSegments(fields["path"]);
  return segments === undefined ? String(fields["path"]) : ["", ...segments.map((part) => encodeURIComponent(String(part)))].join("/");
}

function changeOf(element: Element): string {
  const { op, value } = element.fields;
  return canonicalJson([placeOf(element), op, value ?? null]);
}

function toRule({ policy, effect, id, fields }: Element, titles: Readonly<Record<string, string>>): Rule {
  const msg = typeof fields["msg"] === "string" ? fields["msg"] : Object.hasOwn(titles, id) ? titles[id] : undefined;
  const { severity, tags } = fields as { severity?: string; tags?: string[] };
  return {
    policy,
    effect,
    id,
    ...(msg === undefined ? {} : { message: capped(msg) }),
    ...(severity === undefined ? {} : { severity }),
    ...(tags === undefined ? {} : { tags }),
  };
}

function capped(message: string): string {
  if (message.length <= MESSAGE_LENGTH) return message;
  return Array.from(message.slice(0, 2 * MESSAGE_LENGTH))
    .slice(0, MESSAGE_LENGTH)
    .join("");
}

function toRedaction({ id, fields }: Element): Redaction {
  const { findings, kinds, path } = fields as { findings?: number[]; kinds?: string[]; path?: PathExpression };
  return {
    rule: id,
    with: fields["with"] as RedactWith,
    // Sets come in the engine's own order; typed arrays are sorted by number, without a call per comparison.
    ...(findings === undefined ? {} : { findings: Array.from(Float64Array.from(findings).sort()) }),
    ...(kinds === undefined ? {} : { kinds: kinds.toSorted() }),
    ...(path === undefined ? {} : { path }),
  };
}

function toRewrite({ id, fields }: Element): Rewrite {
  const { op, path, value } = fields as { op: Rewrite["op"]; path: PathExpression; value?: unknown };
  return { rule: id, op, path, ...(Object.hasOwn(fields, "value") ? { value } : {}) };
}

/** Rules that agree on a rewrite ask for it once. */
function distinct(rewrites: readonly Rewrite[]): Rewrite[] {
  return [
    ...new Map(
      rewrites.map((rewrite) => [canonicalJson([rewrite.op, plainSegments(rewrite.path) ?? rewrite.path, rewrite.value ?? null]), rewrite]),
    ).values(),
  ];
}

function toLimit({ id, fields }: Element): Decision["limits"][number] {
  const { key, cost, per_s, max } = fields as { key: string; cost: number; per_s: number; max: number };
  return { rule: id, key, cost, per_s, max };
}
