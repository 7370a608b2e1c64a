/**
 * Finds literals that make a call or comparison hold never, or otherwise than it reads: swapped arguments, a number written as a string,
 * a regular expression whose backslashes the string has eaten. Must not run anything.
 */
import { isTree, type Tree } from "../tree.ts";
import { constantRef, isTerm, type Location, type RegoModule, type Term } from "./rego-ast.ts";
import { callIn, operatorOf } from "./rule-index.ts";
import type { Slip } from "./rule-check.ts";

/** Calls whose first argument is what is searched, or the pattern; a literal in the other place is mostly a swap. */
const SEARCHED_FIRST = new Set(["startswith", "endswith", "contains"]);
const PATTERN_FIRST = new Set(["regex.match", "regex.find_all_string_submatch_n"]);
const ORDERS = new Set(["lt", "lte", "gt", "gte"]);
const EQUALS = new Set(["equal", "eq", "neq"]);

/** A literal regular expression and where it stands; whether it can be compiled is asked of OPA. */
export interface LiteralPattern {
  readonly pattern: string;
  readonly file: string;
  readonly location: Location | undefined;
}

export interface CheckedLiterals {
  readonly slips: readonly Slip[];
  readonly patterns: readonly LiteralPattern[];
}

/** `data`: the operator's own data. */
export function checkLiterals(module: RegoModule, data: Tree): CheckedLiterals {
  const slips: Slip[] = [];
  const patterns: LiteralPattern[] = [];
  const report = (check: string, at: Term, message: string, hint: string, severity?: "warning"): void => {
    slips.push({ file: module.file, location: at.location, check, message, hint, ...(severity === undefined ? {} : { severity }) });
  };
  const visit = (part: unknown): void => {
    if (typeof part !== "object" || part === null) return;
    const call = callIn(part);
    if (call !== undefined) {
      const [, first, second] = call;
      if (first !== undefined && second !== undefined) checkCall(operatorOf(call), first, second);
    }
    if (isTerm(part) && part.type === "ref") checkHeader(part);
    for (const child of Array.isArray(part) ? part : Object.values(part)) visit(child);
  };
  const checkCall = (op: string, first: Term, second: Term): void => {
    const swapped =
      (SEARCHED_FIRST.has(op) && first.type === "string" && second.type === "ref") ||
      (PATTERN_FIRST.has(op) && first.type === "ref" && second.type === "string");
    if (swapped) {
      const order = PATTERN_FIRST.has(op) ? "the pattern comes first, then the text" : "the text comes first, then what is searched in it";
      report("policy/argument-order", first, `The arguments of \`${op}\` look swapped: ${order}.`, "Swap them.", "warning");
    } else if (PATTERN_FIRST.has(op) && first.type === "string") checkPattern(first);
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      if (ORDERS.has(op) && one.type === "ref" && other.type === "string" && /^-?\d+(\.\d+)?$/.test(String(other.value)))
        report(
          "policy/compared-types",
          other,
          `"${String(other.value)}" is a string, and every number is less than any string.`,
          "Compare numbers with a number, without quotes.",
        );
      if (EQUALS.has(op)) checkCase(one, [other]);
    }
    if (op === "internal.member_2") {
      if (second.type === "set" || second.type === "array") checkCase(first, second.value as Term[]);
      checkMembers(first, second);
    }
  };
  const checkPattern = (term: Term): void => {
    const pattern = String(term.value);
    patterns.push({ pattern, file: module.file, location: term.location });
    if (/[\b\f\v\x07]/.test(pattern))
      report(
        "policy/pattern",
        term,
        "A backslash in a quoted string is the string's own: `\\b` is a backspace there, which no text holds.",
        "Write the pattern between backquotes: `\\b…`.",
      );
  };
  const checkCase = (one: Term, others: readonly Term[]): void => {
    const call = one.type === "call" ? operatorOf(callIn(one) ?? []) : "";
    if (call !== "lower" && call !== "upper") return;
    for (const other of others) {
      const value = other.type === "string" ? String(other.value) : "";
      const folded = call === "lower" ? value.toLowerCase() : value.toUpperCase();
      if (value !== folded) report("policy/constant", other, `\`${call}(…)\` is never "${value}".`, `Write "${folded}".`);
    }
  };
  const checkHeader = (ref: Term): void => {
    const [input, http, headers, name] = ref.value as Term[];
    if (input?.value !== "input" || http?.value !== "http" || headers?.value !== "headers" || name?.type !== "string") return;
    const text = String(name.value);
    if (text !== text.toLowerCase())
      report(
        "policy/constant",
        name,
        `There is never a header "${text}": their names are in lower case.`,
        `Write "${text.toLowerCase()}".`,
      );
  };
  /** `in` looks at the values of an object. */
  const checkMembers = (member: Term, collection: Term): void => {
    if (collection.type === "object" && (collection.value as unknown[]).length === 0)
      return report("policy/membership", collection, "`{}` is an empty object, and nothing is in it.", "The empty set is `set()`.");
    const values = valuesOf(data, collection);
    if (values === undefined || member.type === "boolean" || member.type === "number" || values.some((value) => typeof value === "string"))
      return;
    const name = (constantRef(collection) ?? ["this"]).join(".");
    report(
      "policy/membership",
      collection,
      `\`${name}\` is an object: \`in\` looks at its values, not at its keys, and no text is among them.`,
      `For a key write \`${name}[…]\`, or make it a list.`,
    );
  };
  for (const rule of module.rules) visit(rule);
  return { slips, patterns };
}

/** The values of a filled object in the operator's data. */
function valuesOf(data: Tree, term: Term): readonly unknown[] | undefined {
  const [root, ...names] = constantRef(term) ?? [];
  if (root !== "data" || names.length === 0) return undefined;
  let at: unknown = data;
  for (const name of names) at = isTree(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  return isTree(at) && Object.keys(at).length > 0 ? Object.values(at) : undefined;
}
