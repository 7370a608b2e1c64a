/**
 * Holds one package of policies to the contract by its syntax: what OPA accepts and then silently ignores or drops is refused here,
 * before anything is built. Must not run the policy.
 */
import { nearest } from "../../config/suggest.ts";
import type { RuleEffect } from "../decision.ts";
import { EFFECTS, EFFECT_NAMES, fieldsConflict, isEffect, isImmutable, plainSegments } from "../effects.ts";
import { isTerm, ruleName, termsIn, type Location, type RegoModule, type RegoRule, type Term } from "./rego-ast.ts";

/** A problem in a staged file; the caller turns the file into the operator's own. */
export interface Slip {
  readonly file: string;
  readonly location: Location | undefined;
  readonly check: string;
  readonly message: string;
  readonly hint?: string;
  readonly severity?: "warning";
}

/** Answers why a literal path is no acceptable path expression. */
export type CheckPath = (path: string | readonly (string | number)[]) => string | undefined;

export interface CheckedRules {
  readonly effects: readonly RuleEffect[];
  /** METADATA titles by rule id. */
  readonly titles: ReadonlyMap<string, string>;
  readonly slips: readonly Slip[];
}

type Report = (at: { readonly location?: Location } | undefined, check: string, message: string, hint?: string) => void;

/** Checks the rules of one module in package `policies.<policy>`. */
export function checkRules(module: RegoModule, policy: string, checkPath: CheckPath): CheckedRules {
  const effects = new Set<RuleEffect>();
  const titles = new Map<string, string>();
  const slips: Slip[] = [];
  for (const rule of module.rules) {
    const report: Report = (at, check, message, hint) =>
      slips.push({
        file: module.file,
        location: at?.location ?? rule.head.location ?? rule.location,
        check,
        message,
        ...(hint === undefined ? {} : { hint }),
      });
    const name = ruleName(rule);
    if (!isEffect(name)) {
      checkLookalike(rule, name, report);
      continue;
    }
    if (!checkForm(rule, name, report)) continue;
    effects.add(name);
    const id = checkElement(rule, name, policy, checkPath, report);
    const title = rule.annotations?.find((annotation) => annotation.scope === "rule" || annotation.scope === "document")?.title;
    if (id !== undefined && title !== undefined) titles.set(id, title);
    if (name === "hold") {
      const message = "`hold` refuses the message for now: nobody can approve it yet.";
      slips.push({ file: module.file, location: rule.location, check: "policy/hold", severity: "warning", message });
    }
  }
  return { effects: [...effects], titles, slips };
}

/** `denny contains {"id": …}` looks like an effect, and nothing would read it. */
function checkLookalike(rule: RegoRule, name: string, report: Report): void {
  const key = rule.head.key;
  if (key?.type !== "object" || !fieldsOf(key).some(({ name: field, value }) => field === "id" && value.type === "string")) return;
  const near = nearest(name, EFFECT_NAMES);
  report(
    rule,
    "policy/unknown-effect",
    `\`${name}\` is not an effect: nothing would read this rule.`,
    near === undefined ? `The effects are ${EFFECT_NAMES.join(", ")}.` : `Did you mean \`${near}\`?`,
  );
}

function checkForm(rule: RegoRule, name: RuleEffect, report: Report): boolean {
  const hint = `Write \`${name} contains {"id": "…", …} if { … }\`.`;
  if (rule.head.args !== undefined)
    report(rule, "policy/effect-form", `\`${name}\` is the name of an effect and cannot be a function.`, "Give the function another name.");
  else if (rule.default === true) report(rule, "policy/effect-form", `\`${name}\` is a set and has no default.`, hint);
  else if ((rule.head.ref?.length ?? 1) > 1)
    report(rule, "policy/effect-form", `\`${name}\` must be a plain set, without parts of its own.`, hint);
  else if (rule.head.key === undefined)
    report(rule, "policy/effect-form", `\`${name}\` must be written with \`contains\`: as it stands the rule contributes nothing.`, hint);
  else return true;
  return false;
}

/** Checks the element that a rule adds; answers its literal id. */
function checkElement(rule: RegoRule, effect: RuleEffect, policy: string, checkPath: CheckPath, report: Report): string | undefined {
  const element = rule.head.key as Term;
  if (element.type !== "object") {
    report(
      element,
      "policy/element",
      `An element of \`${effect}\` must be an object written out in the head.`,
      `Write \`${effect} contains {"id": "${policy}/…", …} if { … }\`.`,
    );
    return undefined;
  }
  const known = EFFECTS[effect];
  const fields = fieldsOf(element);
  const present = new Map<string, Term>();
  for (const { name, key, value } of fields) {
    const field = name !== undefined && Object.hasOwn(known, name) ? known[name] : undefined;
    if (name === undefined || field === undefined) {
      report(
        key,
        "policy/element-field",
        `\`${effect}\` has no field ${name === undefined ? "of this form" : `\`${name}\``}.`,
        `Its fields are ${Object.keys(known).join(", ")}.`,
      );
      continue;
    }
    if (present.has(name)) report(key, "policy/element-field", `The field \`${name}\` is there twice.`);
    present.set(name, value);
    if (name === "with" && value.type === "string" && value.value === "tokenize") {
      report(value, "policy/tokenize", "`tokenize` is not available yet.", "Use mask, replace, hash, drop or partial.");
      continue;
    }
    const constant = toConstant(value);
    if (constant === undefined) checkDefined(rule, name, value, report);
    else if (!field.check(constant.value)) report(value, "policy/element-type", `\`${name}\` must be ${field.kind}.`);
    else if (name === "path") checkLiteralPath(constant.value as string | (string | number)[], effect, value, checkPath, report);
  }
  for (const [name, field] of Object.entries(known)) {
    if (field.required && !present.has(name))
      report(element, "policy/element-field", `\`${effect}\` needs the field \`${name}\`.`, `It must be ${field.kind}.`);
  }
  const op = present.get("op");
  const conflict = fieldsConflict(effect, (field) => present.has(field), op?.type === "string" ? op.value : undefined);
  if (conflict !== undefined) report(element, "policy/element-field", `This element cannot work: ${conflict}.`);
  return checkId(present.get("id"), policy, report);
}

function checkId(id: Term | undefined, policy: string, report: Report): string | undefined {
  if (id === undefined) return undefined;
  const text = id.type === "string" ? String(id.value) : undefined;
  if (text?.startsWith(`${policy}/`) === true) return text;
  report(
    id,
    "policy/id",
    text === undefined ? "`id` must be a literal string." : `The id \`${text}\` does not belong to this package.`,
    `Write "${policy}/<rule>".`,
  );
  return undefined;
}

function checkLiteralPath(path: string | (string | number)[], effect: RuleEffect, at: Term, checkPath: CheckPath, report: Report): void {
  const reason = checkPath(path);
  if (reason !== undefined) report(at, "policy/path", `A path ${reason}.`);
  const segments = plainSegments(path);
  // The empty path is the whole message, but in a list the item: which of them it is shows when the rule is used.
  if (segments !== undefined && segments.length > 0 && isImmutable(segments)) {
    report(at, "policy/immutable", `\`${effect}\` cannot change this place: it carries the protocol itself.`, "Deny the message instead.");
  }
}

/** An undefined value in a head drops the whole rule without a word. */
function checkDefined(rule: RegoRule, field: string, value: Term, report: Report): void {
  const tested = testedVariables(rule.body);
  const visit = (term: Term): void => {
    if (term.type === "templatestring" || term.type.endsWith("comprehension")) return;
    if (term.type === "array" || term.type === "set") return (term.value as Term[]).forEach(visit);
    if (term.type === "object") return (term.value as [Term, Term][]).flat().forEach(visit);
    if (!["ref", "call", "var"].includes(term.type)) return;
    if (term.type === "var" && tested.has(String(term.value))) return;
    const what = term.type === "var" ? `\`${String(term.value)}\`, which the body does not test,` : "an expression that can be undefined";
    const hint = `Use a template string ($"…{x}…"), which always has a value; or, if the rule shall not fire then, bind it in the body (\`${field}_value := …\`).`;
    report(
      term,
      "policy/undefined-head",
      `\`${field}\` holds ${what} in the head: when it is undefined the rule is dropped silently.`,
      hint,
    );
  };
  visit(value);
}

/** Variables that occur where their being undefined fails the body: not under `not`, and not inside comprehensions or templates. */
function testedVariables(body: unknown): Set<string> {
  const found = new Set<string>();
  const visit = (part: unknown): void => {
    if (typeof part !== "object" || part === null) return;
    if (isTerm(part)) {
      if (part.type === "var") found.add(String(part.value));
      if (part.type === "templatestring" || part.type.endsWith("comprehension")) return;
    } else if ("negated" in part && part.negated === true) return;
    for (const child of Array.isArray(part) ? part : Object.values(part)) visit(child);
  };
  visit(body);
  return found;
}

function fieldsOf(object: Term): { name: string | undefined; key: Term; value: Term }[] {
  return (object.value as [Term, Term][]).map(([key, value]) => ({
    name: key.type === "string" ? String(key.value) : undefined,
    key,
    value,
  }));
}

/** The value of a term without variables (a set as an array, as the engine answers it). */
function toConstant(term: Term): { readonly value: unknown } | undefined {
  if (["string", "number", "boolean", "null"].includes(term.type)) return { value: term.type === "null" ? null : term.value };
  if (term.type === "array" || term.type === "set") {
    const items = (term.value as Term[]).map(toConstant);
    return items.includes(undefined) ? undefined : { value: items.map((item) => item?.value) };
  }
  if (term.type !== "object") return undefined;
  const pairs = fieldsOf(term).map(({ name, value }): [string | undefined, { value: unknown } | undefined] => [name, toConstant(value)]);
  if (pairs.some(([name, value]) => name === undefined || value === undefined)) return undefined;
  return { value: Object.fromEntries(pairs.map(([name, value]) => [name, value?.value])) };
}

/** Rules that call themselves effects in a package that is only for helpers would be ignored as well. */
export function checkHelperPackage(module: RegoModule): Slip[] {
  return module.rules.flatMap((rule) => {
    const name = ruleName(rule);
    if (!isEffect(name) || rule.head.key === undefined || [...termsIn(rule.head.key)][0]?.type !== "object") return [];
    return [
      {
        file: module.file,
        location: rule.location,
        check: "policy/effect-form",
        message: `\`${name}\` in a helper package has no effect.`,
        hint: "Move the rule into a package `policies.<name>`.",
      },
    ];
  });
}
