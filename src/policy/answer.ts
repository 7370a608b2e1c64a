/**
 * Reads the engine's answer: the canary, and the type and fields of every element. What is not exactly as the contract says is an
 * error, and an error is denied. Must not weigh effects against each other.
 */
import type { RuleEffect } from "./decision.ts";
import { EFFECTS, fieldsConflict, isEffect, RULE_ID } from "./effects.ts";
import { isTree, type Tree } from "./tree.ts";
import { fail, ok, type Result } from "../errors.ts";

/** More than any sound policy answers for one message; each costs microseconds. */
const MAX_ELEMENTS = 1_000;
const MEMBERS = new Set(["contract", "nonce", "revision", "matched", "malformed", "grants"]);

/** One checked element of an effect. */
export interface Element {
  readonly policy: string;
  readonly effect: RuleEffect;
  readonly id: string;
  readonly fields: Tree;
}

export interface Answer {
  readonly matched: readonly Element[];
  readonly grants: readonly Element[];
}

/** The failure names rules, fields and types, never values. */
export function readAnswer(answer: unknown, nonce: string, revision: string): Result<Answer, string> {
  if (!isTree(answer)) return fail("the policy gave no decision");
  if (Object.keys(answer).some((key) => !MEMBERS.has(key))) return fail("the decision has an unknown member");
  if (answer["contract"] !== "v1") return fail("the decision is not of contract v1");
  if (answer["nonce"] !== nonce) return fail("the decision does not echo the nonce");
  if (answer["revision"] !== revision) return fail("the decision does not echo the policy's revision: its data is missing or another's");
  const { matched, malformed, grants } = answer;
  if (!Array.isArray(matched) || !Array.isArray(malformed) || !Array.isArray(grants))
    return fail("the decision lacks matched, malformed or grants");
  if (malformed.length > 0) return fail(`not a set of elements: ${malformed.slice(0, 5).map(nameMalformed).join(", ")}`);
  if (matched.length + grants.length > MAX_ELEMENTS) return fail(`more than ${MAX_ELEMENTS} elements matched`);
  const read: Element[] = [];
  const granted: Element[] = [];
  for (const [entry, into, effect] of [
    ...matched.map((entry) => [entry, read, undefined] as const),
    ...grants.map((entry) => [entry, granted, "allow"] as const),
  ]) {
    const element = readElement(entry, effect);
    if (!element.ok) return element;
    into.push(element.value);
  }
  return ok({ matched: read, grants: granted });
}

function readElement(entry: unknown, only: "allow" | undefined): Result<Element, string> {
  if (!isTree(entry) || typeof entry["policy"] !== "string" || !isTree(entry["element"])) return fail("an element is not an object");
  const { policy, element } = entry as { policy: string; element: Tree };
  const effect = only ?? entry["effect"];
  if (!isEffect(effect) || (only === undefined && effect === "allow")) return fail(`an element of ${policy} has an unknown effect`);
  const { id } = element;
  if (typeof id !== "string" || !RULE_ID.test(id) || !id.startsWith(`${policy}/`))
    return fail(`an element of ${policy}.${effect} has no id of the form ${policy}/<rule>`);
  const fields = EFFECTS[effect];
  for (const [name, field] of Object.entries(fields)) {
    if (Object.hasOwn(element, name) ? !field.check(element[name]) : field.required)
      return fail(`${id}: \`${name}\` must be ${field.kind}`);
  }
  if (Object.keys(element).some((name) => !Object.hasOwn(fields, name)))
    return fail(`${id}: \`${effect}\` has a field that the contract does not know`);
  const conflict = fieldsConflict(effect, (name) => Object.hasOwn(element, name), element["op"]);
  return conflict === undefined ? ok({ policy, effect, id, fields: element }) : fail(`${id}: ${conflict}`);
}

function nameMalformed(entry: unknown): string {
  if (!isTree(entry)) return "?";
  const { policy, effect } = entry;
  return typeof policy === "string" && typeof effect === "string" ? `${policy}.${effect}` : "?";
}
