/**
 * Finds where an absent value would silence a restriction: OPA evaluates what stands inside a negated expression before it negates, so
 * `not f(input.a.b)` is undefined, not true, when `input.a.b` is absent. Judges only rules whose not firing lets something pass:
 * those that restrict, the helpers that they need to hold, and what a grant needs not to hold. Must not check anything else.
 */
import { Absence } from "./absence.ts";
import type { InputSchema } from "./constant-check.ts";
import { isTerm, termsIn, type RegoModule, type Term } from "./rego-ast.ts";
import { callIn, isNestedBody, operatorOf, RuleIndex, type Scope } from "./rule-index.ts";
import type { Slip } from "./rule-check.ts";

const RESTRICTS = ["deny", "hold", "redact", "rewrite", "label", "limit"];
/** These compare their operands themselves: one that is absent makes them false. */
const COMPARES = new Set(["equal", "eq"]);
const MAX_DEPTH = 8;

/** `modules`: everything that is compiled in, without tests. */
export function checkSilence(modules: readonly RegoModule[], schema: InputSchema): Slip[] {
  return new SilenceCheck(modules, schema).run();
}

class SilenceCheck {
  readonly #rules: RuleIndex;
  readonly #absence: Absence;
  readonly #visited = new Set<string>();
  readonly #slips = new Map<string, Slip>();

  constructor(modules: readonly RegoModule[], schema: InputSchema) {
    this.#rules = new RuleIndex(modules);
    this.#absence = new Absence(this.#rules, schema);
  }

  run(): Slip[] {
    for (const path of this.#rules.paths()) {
      const [root, , name, ...more] = path.split(".");
      if (root !== "policies" || name === undefined || more.length > 0) continue;
      if (RESTRICTS.includes(name)) this.#rule(path, true);
      if (name === "allow") this.#rule(path, false);
    }
    return [...this.#slips.values()].toSorted((a, b) => (a.file === b.file ? rowOf(a) - rowOf(b) : a.file < b.file ? -1 : 1));
  }

  /** `mustHold`: something would pass when this does not hold though it should. */
  #rule(path: string, mustHold: boolean): void {
    const key = `${path} ${mustHold}`;
    if (this.#visited.has(key)) return;
    this.#visited.add(key);
    for (const { rule, scope } of this.#rules.definitions(path)) {
      for (let at: unknown = rule; typeof at === "object" && at !== null; at = "else" in at ? at.else : undefined) {
        const { body, head } = at as typeof rule;
        const tested = this.#body(body, scope, mustHold, new Set());
        this.#inside([head.key, head.value], scope, mustHold, tested);
      }
    }
  }

  #body(body: readonly unknown[], scope: Scope, mustHold: boolean, outer: ReadonlySet<string>): ReadonlySet<string> {
    const tested = new Set([...outer, ...this.#tested(body, scope)]);
    for (const expression of body) {
      const negated = isNegated(expression);
      if (negated && mustHold) this.#negated(expression, scope, tested);
      if (!negated && mustHold) this.#unequal(expression, body, scope, outer);
      this.#inside(expression, scope, negated ? !mustHold : mustHold, tested);
    }
    return tested;
  }

  /** Rules and bodies that a part of the tree refers to. */
  #inside(part: unknown, scope: Scope, mustHold: boolean, tested: ReadonlySet<string>): void {
    if (typeof part !== "object" || part === null) return;
    if (isTerm(part) && (part.type === "ref" || part.type === "var")) {
      const path = this.#rules.ruleOf(part, scope);
      if (path !== undefined) this.#rule(path, mustHold);
    }
    if (isNestedBody(part)) this.#body(part.body, scope, mustHold, tested);
    for (const [key, child] of Object.entries(part)) if (key !== "body") this.#inside(child, scope, mustHold, tested);
  }

  #negated(expression: unknown, scope: Scope, tested: ReadonlySet<string>): void {
    const term = evaluatedFirst(expression).find((each) => this.#absence.of(each, scope) && !tested.has(this.#keyOf(each, scope)));
    if (term !== undefined) {
      const name = nameOf(term);
      const location = term.location;
      this.#slips.set(`${scope.module.file}:${location?.row}:${location?.col}:${name}`, {
        file: scope.module.file,
        location: location ?? locationOf(expression),
        check: "policy/negated-reference",
        message: `This \`not\` does not hold when \`${name}\` has no value: OPA evaluates what stands inside first, so the check is silently skipped.`,
        hint:
          `If it must count then, negate a helper that reads it (\`not ok\`, and \`ok if …${name}…\`); ` +
          `if not, say so and test \`${name}\` on a line of its own.`,
      });
    }
  }

  /** `!=` looks as if it held for what is absent; nothing does. */
  #unequal(expression: unknown, body: readonly unknown[], scope: Scope, outer: ReadonlySet<string>): void {
    const call = callIn(expression);
    // `x != {}` asks whether there is anything.
    if (call === undefined || operatorOf(call) !== "neq" || call.some(isEmpty)) return;
    const others = this.#tested(
      body.filter((each) => each !== expression),
      scope,
    );
    const term = call.slice(1).find((each) => {
      const key = this.#keyOf(each, scope);
      return isFixed(each) && this.#absence.of(each, scope) && !outer.has(key) && !others.has(key);
    });
    if (term === undefined) return;
    const name = nameOf(term);
    this.#slips.set(`${scope.module.file}:${term.location?.row}:${term.location?.col}:${name}`, {
      file: scope.module.file,
      location: term.location,
      check: "policy/absent-comparison",
      severity: "warning",
      message: `\`!=\` does not hold when \`${name}\` is absent, and the rule stays silent.`,
      hint: `To include that case write \`not ${name} == …\`; if it must stay silent then, test \`${name}\` on a line of its own.`,
    });
  }

  /** What a body needs to have a value, as keys: it does not hold without, so its author has thought of it. */
  #tested(body: readonly unknown[], scope: Scope, depth = 0): Set<string> {
    const found = new Set<string>();
    const visit = (part: unknown): void => {
      if (typeof part !== "object" || part === null || isNegated(part) || isNestedBody(part)) return;
      if (isTerm(part)) {
        if (part.type === "templatestring" || part.type.endsWith("comprehension")) return;
        if (part.type === "ref" || part.type === "var") {
          found.add(this.#keyOf(part, scope));
          const parts = part.type === "ref" ? (part.value as Term[]) : [];
          for (let length = 1; length < parts.length; length++)
            found.add(this.#keyOf({ type: "ref", value: parts.slice(0, length) }, scope));
          for (const key of this.#testedBy(part, scope, depth)) found.add(key);
        }
      }
      for (const child of Array.isArray(part) ? part : Object.values(part)) visit(child);
    };
    visit(body);
    return found;
  }

  /** What every definition of a rule needs. */
  #testedBy(term: Term, scope: Scope, depth: number): ReadonlySet<string> {
    const path = depth < MAX_DEPTH ? this.#rules.ruleOf(term, scope) : undefined;
    const sets = (path === undefined ? [] : this.#rules.definitions(path)).map(({ rule, scope: inner }) =>
      rule.default === true || rule.head.key !== undefined || rule.else !== undefined
        ? new Set<string>()
        : this.#tested([...rule.body, rule.head.value], inner, depth + 1),
    );
    return sets.length === 0 ? new Set() : sets.reduce((all, each) => new Set([...all].filter((key) => each.has(key))));
  }

  /** One text for one reference, with variables that stand for another reference followed. */
  #keyOf(term: Term, scope: Scope, depth = 0): string {
    const { root, rest } = this.#rules.resolve(term, scope);
    const tail = rest.map((part) =>
      isTerm(part) && ["ref", "var"].includes(part.type) ? `[${this.#keyOf(part, scope)}]` : String(part.value),
    );
    if (root === "input" || root === "data") return [root, ...tail].join("/");
    const [first] = term.type === "ref" ? (term.value as Term[]) : [term];
    if (typeof root === "object" && "term" in root && ["ref", "var"].includes(root.term.type) && depth < MAX_DEPTH)
      return [this.#keyOf(root.term, scope, depth + 1), ...tail].join("/");
    return [`${first?.type} ${nameOf(first ?? term)}`, ...tail].join("/");
  }
}

/**
 * The terms inside a negated expression that OPA evaluates before it negates: arguments of calls, nested calls, members of arrays, sets
 * and objects, and keys of references; tried with both engines. Not the operands of `==`, not what is negated itself, not template
 * strings and comprehensions, which always have a value.
 */
function evaluatedFirst(expression: unknown): Term[] {
  const found: Term[] = [];
  const deep = (term: Term): void => {
    if (term.type === "templatestring" || term.type.endsWith("comprehension")) return;
    if (term.type === "ref" || term.type === "var") {
      found.push(term);
      keys(term);
    } else if (term.type === "call") {
      found.push(term);
      for (const arg of (callIn(term) ?? []).slice(1)) deep(arg);
    } else if (["array", "set", "object"].includes(term.type))
      for (const part of (term.value as unknown[]).flat()) if (isTerm(part)) deep(part);
  };
  const keys = (ref: Term): void => {
    if (ref.type !== "ref") return;
    const [first, ...rest] = ref.value as Term[];
    for (const part of first?.type === "call" ? [first, ...rest] : rest) if (part.type !== "string") deep(part);
  };
  const call = callIn(expression);
  if (call !== undefined) {
    const compares = COMPARES.has(operatorOf(call));
    for (const arg of call.slice(1)) {
      if (compares && (arg.type === "ref" || arg.type === "var")) keys(arg);
      else deep(arg);
    }
    return found.filter((term) => term.type !== "call" || !found.some((other) => other !== term && isInside(other, term)));
  }
  const terms = typeof expression === "object" && expression !== null && "terms" in expression ? expression.terms : undefined;
  if (isTerm(terms)) {
    if (terms.type === "ref") keys(terms);
    else if (terms.type !== "call" && terms.type !== "var") deep(terms);
  }
  return found;
}

/** The innermost term is the one to name. */
function isInside(inner: Term, outer: Term): boolean {
  return [...termsIn(outer.value)].includes(inner) && inner.type !== "var";
}

/** A reference without variables: one with them runs over many, of which those that are there are compared. */
function isFixed(term: Term): boolean {
  return term.type === "ref" && (term.value as Term[]).slice(1).every(({ type }) => type === "string" || type === "number");
}

function isEmpty({ type, value }: Term): boolean {
  return type === "null" || ((typeof value === "string" || Array.isArray(value)) && value.length === 0);
}

function rowOf(slip: Slip): number {
  return slip.location?.row ?? 0;
}

function isNegated(part: unknown): boolean {
  return typeof part === "object" && part !== null && "negated" in part && part.negated === true;
}

function locationOf(expression: unknown): Term["location"] {
  return typeof expression === "object" && expression !== null && "location" in expression
    ? (expression.location as Term["location"])
    : undefined;
}

/** A term as its author would write it, shortened. */
function nameOf(term: Term): string {
  if (term.type === "call") return `${operatorOf(callIn(term) ?? [])}(…)`;
  if (term.type !== "ref") return typeof term.value === "string" ? term.value : "…";
  const [first, ...rest] = term.value as Term[];
  const tail = rest.map((part) => (part.type === "string" ? `.${String(part.value)}` : `[${nameOf(part)}]`));
  return `${first === undefined ? "" : nameOf(first)}${tail.join("")}`;
}
