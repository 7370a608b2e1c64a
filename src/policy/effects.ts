/**
 * The contract's table of effects: which fields the elements of each have, and of what type. Read by the check of the syntax at load
 * and by the check of every answer, so that both say the same. Must not hold the lattice.
 */
import type { RedactWith, RuleEffect } from "./decision.ts";

export type FieldCheck = (value: unknown) => boolean;

export interface Field {
  readonly check: FieldCheck;
  /** What it must be, for messages: "a string". */
  readonly kind: string;
  readonly required: boolean;
}

const LABEL = /^[\p{L}\p{N}_.:/-]{1,128}$/u;
const text = (value: unknown): value is string => typeof value === "string";
const shortText = (value: unknown): boolean => text(value) && value !== "" && value.length <= 256;
const listOf =
  (check: FieldCheck) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.length <= 10_000 && value.every(check);
const amount = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value) && value >= 0;
const positive = (value: unknown): boolean => amount(value) && value !== 0;
const findingNumber = (value: unknown): boolean => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const segment = (value: unknown): boolean => text(value) || findingNumber(value);
const path = (value: unknown): boolean =>
  (text(value) && /^(\/|\$|$)/.test(value)) || (Array.isArray(value) && value.length <= 256 && value.every(segment));
const label = (value: unknown): boolean => text(value) && LABEL.test(value);

const need = (check: FieldCheck, kind: string): Field => ({ check, kind, required: true });
const may = (check: FieldCheck, kind: string): Field => ({ check, kind, required: false });

export const REDACT_WITH: readonly RedactWith[] = ["mask", "replace", "hash", "drop", "partial"];
export const REWRITE_OPS = ["replace", "remove", "add"] as const;

/** `<package>/<rule>`. */
export const RULE_ID = /^[A-Za-z_][A-Za-z0-9_]*\/[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

const id = need((value) => text(value) && value.length <= 200 && RULE_ID.test(value), "a string of the form `<package>/<rule>`");
const msg = may(text, "a string");
const PATH_KIND = "a JSON Pointer, a JSONPath or an array of segments";
const STRINGS_KIND = "a set of strings";

export const EFFECTS: Readonly<Record<RuleEffect, Readonly<Record<string, Field>>>> = {
  allow: { id },
  deny: { id, msg, severity: may(shortText, "a string"), tags: may(listOf(shortText), STRINGS_KIND) },
  redact: {
    id,
    findings: may(listOf(findingNumber), "a set of finding numbers"),
    path: may(path, PATH_KIND),
    kinds: may(listOf(shortText), STRINGS_KIND),
    with: need((value) => (REDACT_WITH as readonly unknown[]).includes(value), `one of ${REDACT_WITH.join(", ")}`),
  },
  rewrite: {
    id,
    op: need((value) => (REWRITE_OPS as readonly unknown[]).includes(value), `one of ${REWRITE_OPS.join(", ")}`),
    path: need(path, PATH_KIND),
    value: may(() => true, "any value"),
  },
  hold: { id, msg, approvers: may(listOf(shortText), STRINGS_KIND), ttl_s: may(positive, "a number above 0") },
  label: { id, add: need((value) => label(value) || listOf(label)(value), "a label or a set of labels") },
  limit: {
    id,
    key: need(shortText, "a string"),
    cost: need(amount, "a number of at least 0"),
    per_s: need(positive, "a number above 0"),
    max: need(positive, "a number above 0"),
  },
  warn: { id, msg },
};

export const EFFECT_NAMES = Object.keys(EFFECTS) as readonly RuleEffect[];

export function isEffect(name: unknown): name is RuleEffect {
  return typeof name === "string" && Object.hasOwn(EFFECTS, name);
}

/** Rules between fields that single fields cannot say. Answers what is wrong, or undefined. */
export function fieldsConflict(effect: RuleEffect, has: (field: string) => boolean, op: unknown): string | undefined {
  if (effect === "redact" && has("findings") && (has("path") || has("kinds")))
    return "`findings` names the places by itself: leave out `path` and `kinds`";
  if (effect === "rewrite" && op === "remove" && has("value")) return "`op: remove` takes no `value`";
  if (effect === "rewrite" && (op === "replace" || op === "add") && !has("value")) return `\`op: ${op}\` needs a \`value\``;
  return undefined;
}

/** Segments that no effect may change, from the root of a message: they carry the protocol itself. */
const IMMUTABLE_TOP = new Set<string | number>(["jsonrpc", "id", "method"]);
const IMMUTABLE_INNER = new Set<string | number>(["requestState", "resultType", "nextCursor", "cursor", "progressToken"]);

/** True when a path (as segments) is, or lies in, a place that no effect may change. */
export function isImmutable(segments: readonly (string | number)[]): boolean {
  const [first, second, third] = segments;
  if (first === undefined || IMMUTABLE_TOP.has(first)) return true;
  if (first !== "params" && first !== "result") return false;
  if (second !== undefined && IMMUTABLE_INNER.has(second)) return true;
  return second === "_meta" && third === "progressToken";
}

/** A JSON Pointer, an array of segments or a JSONPath of plain names as segments; undefined for a JSONPath that selects. */
export function plainSegments(path: unknown): readonly (string | number)[] | undefined {
  if (Array.isArray(path)) return path as (string | number)[];
  if (typeof path !== "string") return undefined;
  if (path === "") return [];
  if (path.startsWith("/"))
    return path
      .slice(1)
      .split("/")
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  if (!/^\$(\.[A-Za-z_][A-Za-z0-9_]*|\['[^'\\]*'\]|\[\d+\])*$/.test(path)) return undefined;
  return [...path.matchAll(/\.([A-Za-z_][A-Za-z0-9_]*)|\['([^'\\]*)'\]|\[(\d+)\]/g)].map((part) => part[1] ?? part[2] ?? Number(part[3]));
}
