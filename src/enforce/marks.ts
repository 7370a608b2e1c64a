/**
 * Which places of a document the redactions of a decision mean. Places are byte ranges of single values and keys.
 * Must not change anything, and must refuse rather than leave out a place that a redaction means.
 */
import { labelOf } from "../detect/detect.ts";
import type { Finding, Findings } from "../detect/detector.ts";
import { fail, ok, type Failure, type Result } from "../errors.ts";
import { correlators, immutableNodes, protectedNode, targetNodes } from "../mcp/immutable.ts";
import { ABSENT, type JsonDocument, type Node } from "../mcp/json.ts";
import { selectNodes } from "../mcp/json/path.ts";
import { covers, outermost, within } from "../mcp/json/subtree.ts";
import type { Redaction, RedactWith } from "../policy/decision.ts";
import { strongest, WHOLE_LABEL } from "./operators.ts";

/** A range to redact: of a string or key inside its quotes, of a number or boolean the whole literal. */
export interface Mark {
  readonly node: Node;
  readonly start: number;
  readonly end: number;
  readonly with: RedactWith;
  readonly label: string;
  /** All of the value. */
  readonly whole: boolean;
}

export interface Selection {
  readonly marks: readonly Mark[];
  /** How a finding of this kind in this value or key would be redacted, if it were new; undefined when it would not be. */
  readonly wouldRedact: (node: Node, kind: string) => RedactWith | undefined;
}

const PAYLOADS = ["params", "result", "error"];

/**
 * ERR_DECISION: a path that is not acceptable or leads to an immutable member, a finding that is not there or outside of `base`.
 * ERR_ENFORCE: findings that cannot be redacted, because they stand in an immutable member or because there are more than are listed.
 */
export function markRedactions(
  document: JsonDocument,
  base: Node,
  findings: Findings,
  redactions: readonly Redaction[],
): Result<Selection> {
  const listed = new Map(findings.list.filter(({ node }) => within(document, base, node)).map((finding) => [finding.n, finding]));
  const held = immutableNodes(document);
  const passing = correlators(document);
  const scopes: Scope[] = [];
  for (const redaction of redactions) {
    const scope = resolve(document, base, listed, held, redaction);
    if (!scope.ok) return scope;
    scopes.push(scope.value);
  }
  if (findings.capped && scopes.some((scope) => scope.kinds.size > 0)) {
    return fail({ code: "ERR_ENFORCE", detail: "there are more findings than are listed, so that not all can be redacted" });
  }
  const marks = scopes.filter((scope) => scope.whole).flatMap((scope) => markWhole(document, scope));
  for (const scope of scopes) {
    for (const finding of listed.values()) {
      if (!hit(document, scope, finding) || passing.has(finding.node)) continue;
      if (covers(document, held, finding.node)) {
        return fail({ code: "ERR_ENFORCE", detail: "a finding to redact stands in an immutable member" });
      }
      marks.push(markFinding(document, finding, scope.with));
    }
  }
  return ok({ marks, wouldRedact: (node, kind) => operatorFor(document, scopes, node, kind) });
}

function operatorFor(document: JsonDocument, scopes: readonly Scope[], node: Node, kind: string): RedactWith | undefined {
  let operator: RedactWith | undefined;
  for (const scope of scopes) {
    if (!wouldAct(document, scope, node, kind)) continue;
    operator = operator === undefined ? scope.with : strongest(operator, scope.with);
  }
  return operator;
}

/**
 * Findings that are named by number stand for their kind: the rule that named them would name a new one as well. Of a whole value the
 * keys are its structure, which stays but for what is found in them.
 */
function wouldAct(document: JsonDocument, scope: Scope, node: Node, kind: string): boolean {
  if (scope.whole) return document.isKey(node) && covers(document, scope.nodes, node);
  return scope.kinds.has(kind) && (scope.numbers !== undefined || covers(document, scope.nodes, valueOf(document, node)));
}

/** A redaction with its place found. `nodes` are outermost, in order; `kinds` of findings it acts on, empty for whole values. */
interface Scope {
  readonly with: RedactWith;
  readonly numbers?: ReadonlySet<number>;
  readonly kinds: ReadonlySet<string>;
  readonly whole: boolean;
  readonly nodes: readonly Node[];
}

function resolve(
  document: JsonDocument,
  base: Node,
  listed: ReadonlyMap<number, Finding>,
  held: readonly Node[],
  redaction: Redaction,
): Result<Scope> {
  const scope = { with: redaction.with, kinds: new Set<string>(), whole: false, nodes: [base] };
  if (redaction.findings !== undefined) {
    const named = redaction.findings.map((n) => listed.get(n));
    if (named.includes(undefined)) return refused("a redaction names a finding that is not there");
    return ok({ ...scope, numbers: new Set(redaction.findings), kinds: new Set(named.flatMap((finding) => finding?.kind ?? [])) });
  }
  const selected = redaction.path === undefined ? ok([base]) : selectNodes(document, base, redaction.path);
  if (!selected.ok) return selected;
  const nodes = outermost(document, selected.value);
  if (redaction.kinds !== undefined) return ok({ ...scope, kinds: new Set(redaction.kinds), nodes });
  if (redaction.path === undefined) return ok({ ...scope, whole: true, nodes: textOf(document, base, held) });
  if (nodes.some((node) => protectedNode(document, node, held))) return refused("a redaction's path leads to an immutable member");
  return ok({ ...scope, whole: true, nodes });
}

function refused(detail: string): { ok: false; failure: Failure } {
  return fail({ code: "ERR_DECISION", detail });
}

/** All text: the strings of the payload (of a list's entry: of the entry) that are neither the protocol's own nor what the message is about. */
function textOf(document: JsonDocument, base: Node, held: readonly Node[]): Node[] {
  const roots = base === 0 ? PAYLOADS.map((name) => document.member(0, name)).filter((node) => node !== ABSENT) : [base];
  const strings = roots
    .flatMap((root) => nodesIn(document, root))
    .filter((node) => document.kind(node) === "string" && !document.isKey(node));
  const target = targetNodes(document, base);
  return strings.filter((node) => !protectedNode(document, node, held) && !covers(document, target, node));
}

function nodesIn(document: JsonDocument, root: Node): Node[] {
  return Array.from({ length: document.next(root) - root }, (_, index) => root + index);
}

function hit(document: JsonDocument, scope: Scope, finding: Finding): boolean {
  if (scope.numbers !== undefined) return scope.numbers.has(finding.n);
  return wouldAct(document, scope, finding.node, finding.kind);
}

/** The value that a key stands for, as its finding's path says. */
function valueOf(document: JsonDocument, node: Node): Node {
  return document.isKey(node) ? node + 1 : node;
}

/** The mark of one finding. */
export function markFinding(document: JsonDocument, finding: Finding, operator: RedactWith): Mark {
  const { node, kind } = finding;
  // Part of a number cannot be replaced: what is left would be another number.
  const range = finding.on === "number" ? contentOf(document, node) : { start: finding.rawStart, end: finding.rawEnd };
  return { node, ...range, with: operator, label: labelOf(kind), whole: false };
}

/** Every string, number and boolean of the values. */
function markWhole(document: JsonDocument, scope: Scope): Mark[] {
  const leaves = scope.nodes.flatMap((root) => nodesIn(document, root)).filter((node) => isRedactable(document, node));
  return leaves.map((node) => ({ node, ...contentOf(document, node), with: scope.with, label: WHOLE_LABEL, whole: true }));
}

function isRedactable(document: JsonDocument, node: Node): boolean {
  const kind = document.kind(node);
  if (document.isKey(node) || kind === "object" || kind === "array" || kind === "null") return false;
  const { start, end } = contentOf(document, node);
  return end > start;
}

function contentOf(document: JsonDocument, node: Node): { start: number; end: number } {
  const quote = document.kind(node) === "string" ? 1 : 0;
  return { start: document.start(node) + quote, end: document.end(node) - quote };
}

/** Marks per value or key, in order and apart from each other: overlapping ones become one that covers them all. */
export function mergeMarks(marks: readonly Mark[]): Map<Node, Mark[]> {
  const merged = new Map<Node, Mark[]>();
  for (const mark of marks.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const own = merged.get(mark.node) ?? [];
    merged.set(mark.node, own);
    const last = own.at(-1);
    if (last === undefined || mark.start >= last.end) own.push(mark);
    else own[own.length - 1] = join(last, mark);
  }
  return merged;
}

/** `one` begins first, or is the longer. The label is that of the stronger operator, else of the one that begins first. */
function join(one: Mark, other: Mark): Mark {
  const operator = strongest(one.with, other.with);
  const leading = one.with === operator ? one : other;
  return { ...leading, start: one.start, end: Math.max(one.end, other.end), whole: one.whole || other.whole };
}
