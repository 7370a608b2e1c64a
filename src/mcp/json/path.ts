/**
 * Places in a message as policies name them: a JSON Pointer, a JSONPath or an array of exact segments, turned into nodes of a document.
 * Must not take an expression from traffic, and must not evaluate anything in one.
 */
import { JSONPath } from "jsonpath-plus";
import { fail, ok, type Failure, type Result } from "../../errors.ts";
import type { PathExpression } from "../../policy/decision.ts";
import { ABSENT, type JsonDocument, type Node } from "../json.ts";
import { parseJsonPath, type Segment, type Selector } from "./json-path.ts";
import { outermost } from "./subtree.ts";

/** Why the expression is not acceptable, as the rest of a sentence; undefined when it is. Quotes nothing of it. */
export function checkPath(expression: PathExpression): string | undefined {
  const compiled = compilePath(expression);
  return "reason" in compiled ? compiled.reason : undefined;
}

/** Nodes of values, relative to `base`, in document order and without repetition; none when nothing is there. ERR_DECISION when the expression is not acceptable. */
export function selectNodes(document: JsonDocument, base: Node, expression: PathExpression): Result<Node[], Failure> {
  const compiled = compilePath(expression);
  if ("reason" in compiled) return fail({ code: "ERR_DECISION", detail: `a path ${compiled.reason}` });
  return ok(follow(document, base, compiled));
}

/** The values that would hold the place that an expression names last, and the name or index of that place in them (`-`: behind an array's end). */
export function selectParents(
  document: JsonDocument,
  base: Node,
  expression: PathExpression,
): Result<{ parents: Node[]; last: string | number }, Failure> {
  const compiled = compilePath(expression);
  if ("reason" in compiled) return fail({ code: "ERR_DECISION", detail: `a path ${compiled.reason}` });
  if (compiled.form === "exact") {
    const last = compiled.segments.at(-1);
    if (last === undefined) return fail({ code: "ERR_DECISION", detail: "nothing can be added at the root" });
    return ok({ parents: follow(document, base, { form: "exact", segments: compiled.segments.slice(0, -1) }), last });
  }
  const segment = compiled.segments.at(-1);
  const [selector] = segment?.selectors ?? [];
  if (
    segment === undefined ||
    selector === undefined ||
    segment.descend ||
    segment.selectors.length > 1 ||
    !("name" in selector || "index" in selector)
  ) {
    return fail({ code: "ERR_DECISION", detail: "a path to add at must end in one name or index" });
  }
  const last = "name" in selector ? selector.name : selector.index;
  return ok({ parents: follow(document, base, plan(compiled.segments.slice(0, -1))), last });
}

type Compiled =
  | { readonly form: "exact"; readonly segments: readonly (string | number)[] }
  | { readonly form: "query"; readonly segments: readonly Segment[]; readonly stages: readonly Stage[] };

/** A run of segments in jsonpath-plus's language. One that descends comes alone behind its `..`, see `plan`. */
interface Stage {
  readonly descend: boolean;
  readonly path: string;
}

const MAX_SEGMENTS = 256;
const CACHE_ENTRIES = 2_000;
const cache = new Map<string, Compiled | { reason: string }>();

function compilePath(expression: PathExpression): Compiled | { reason: string } {
  if (typeof expression !== "string") return compileSegments(expression);
  const known = cache.get(expression);
  if (known !== undefined) return known;
  const compiled = compileText(expression);
  // Literal expressions are few; a policy that computes them without end must not fill the memory (jsonpath-plus keeps a cache as well).
  if (cache.size >= CACHE_ENTRIES) {
    cache.clear();
    JSONPath.clearCache();
  }
  cache.set(expression, compiled);
  return compiled;
}

function compileText(expression: string): Compiled | { reason: string } {
  if (expression.startsWith("/")) return compilePointer(expression);
  if (!expression.startsWith("$")) return { reason: "must start with / (JSON Pointer) or $ (JSONPath)" };
  const parsed = parseJsonPath(expression);
  return "reason" in parsed ? parsed : plan(parsed.segments);
}

/** RFC 6901: `~` only as `~0` or `~1`. */
function compilePointer(pointer: string): Compiled | { reason: string } {
  if (/~(?![01])/.test(pointer)) return { reason: "has a ~ that is neither ~0 nor ~1" };
  const segments = pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
  return segments.length > MAX_SEGMENTS ? { reason: `has more than ${MAX_SEGMENTS} segments` } : { form: "exact", segments };
}

function compileSegments(expression: readonly (string | number)[]): Compiled | { reason: string } {
  if (expression.length > MAX_SEGMENTS) return { reason: `has more than ${MAX_SEGMENTS} segments` };
  const odd = expression.some((segment) => typeof segment !== "string" && !(Number.isSafeInteger(segment) && segment >= 0));
  return odd ? { reason: "has a segment that is neither a name nor an index" } : { form: "exact", segments: expression };
}

/**
 * Cuts before every `..`. Each part starts from the outermost of the values that the part before it found, so that nested `..` cost
 * one walk each and not one per pair of ancestors: traffic chooses the nesting.
 */
function plan(segments: readonly Segment[]): Compiled {
  const stages: { descend: boolean; path: string }[] = [];
  for (const { descend, selectors } of segments) {
    if (descend || stages.length === 0) stages.push({ descend, path: "$" });
    const stage = stages.at(-1) as { descend: boolean; path: string };
    stage.path += `${descend ? ".." : ""}[${[...new Set(selectors.map(writeSelector))].join(",")}]`;
  }
  return { form: "query", segments, stages };
}

function writeSelector(selector: Selector): string {
  switch (selector.kind) {
    case "name":
      return safeName(selector.name);
    case "wildcard":
      return "*";
    case "index":
      // jsonpath-plus knows no negative index, but slices that count from the end.
      if (selector.index >= 0) return String(selector.index);
      return selector.index === -1 ? "-1:" : `${selector.index}:${selector.index + 1}`;
    case "slice":
      return `${selector.start ?? ""}:${selector.end ?? ""}:${selector.step}`;
  }
}

/**
 * A member's name as jsonpath-plus gets to see it, in the expression and in the document alike. It reads some names as operators,
 * also when they stand in the document: `$.a.*` selects nothing but a member called `*` where there is one, a member called `~` or
 * `^` vanishes from the pointers it answers, `__proto__` is no member of a plain object. None of that can be spelled here.
 */
function safeName(name: string): string {
  return /^[A-Za-z0-9_]+$/.test(name) ? `n_${name}` : `x_${Buffer.from(name, "utf16le").toString("hex")}`;
}

function follow(document: JsonDocument, base: Node, compiled: Compiled): Node[] {
  if (compiled.form === "exact") {
    const node = descend(document, base, compiled.segments);
    return node === ABSENT ? [] : [node];
  }
  let nodes = [base];
  const shadow = compiled.stages.length === 0 ? undefined : shadowOf(document, base);
  for (const stage of compiled.stages) {
    const from = stage.descend ? outermost(document, nodes) : nodes;
    const found = new Set(from.flatMap((node) => evaluate(shadow as Shadow, node, stage.path)));
    nodes = [...found].sort((a, b) => a - b);
  }
  return nodes;
}

function descend(document: JsonDocument, base: Node, segments: readonly (string | number)[]): Node {
  let node = base;
  for (const segment of segments) {
    if (node === ABSENT) return ABSENT;
    node = document.kind(node) === "array" ? elementAt(document, node, segment) : document.member(node, String(segment));
  }
  return node;
}

/** RFC 6901: digits without leading zeros; `-` names no element. */
function elementAt(document: JsonDocument, array: Node, segment: string | number): Node {
  if (!/^(?:0|[1-9][0-9]{0,9})$/.test(String(segment))) return ABSENT;
  return document.elements(array)[Number(segment)] ?? ABSENT;
}

/** A document's shape for jsonpath-plus: arrays and null-prototype objects, scalars as empty objects, so that every value has an identity. */
interface Shadow {
  readonly root: Node;
  readonly valueOf: ReadonlyMap<Node, object>;
  readonly nodeOf: ReadonlyMap<object, Node>;
}

/** Decisions often name several paths in one message: the latest shape of each document is kept as long as the document is. */
const shadows = new WeakMap<JsonDocument, Shadow>();

function shadowOf(document: JsonDocument, root: Node): Shadow {
  const known = shadows.get(document);
  if (known?.root === root) return known;
  const valueOf = new Map<Node, object>();
  const nodeOf = new Map<object, Node>();
  const build = (node: Node): object => {
    const value = shape(document, node, build);
    valueOf.set(node, value);
    nodeOf.set(value, node);
    return value;
  };
  build(root);
  const shadow = { root, valueOf, nodeOf };
  shadows.set(document, shadow);
  return shadow;
}

function shape(document: JsonDocument, node: Node, build: (node: Node) => object): object {
  switch (document.kind(node)) {
    case "array":
      return document.elements(node).map(build);
    case "object": {
      const object = empty();
      for (const [key, value] of document.members(node)) object[safeName(document.text(key))] = build(value);
      return object;
    }
    default:
      return empty();
  }
}

function empty(): Record<string, object> {
  return Object.create(null) as Record<string, object>;
}

function evaluate(shadow: Shadow, from: Node, path: string): Node[] {
  const json = shadow.valueOf.get(from) as object;
  // `eval: false`: scripts and filters, which the grammar has refused before, stay impossible in the library as well.
  const values = JSONPath({ path, json, eval: false, resultType: "value", wrap: true }) as unknown[];
  return values.flatMap((value) => shadow.nodeOf.get(value as object) ?? []);
}
