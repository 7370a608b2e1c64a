/**
 * The rules of all modules by their path, and what a name in a rule's body means: a local variable, an import, a rule, `input` or `data`.
 * Must not judge.
 */
import { ruleName, termsIn, isTerm, type RegoModule, type RegoRule, type Term } from "./rego-ast.ts";

export interface Definition {
  readonly rule: RegoRule;
  readonly scope: Scope;
}

/** What a local variable was given: a term, an entry of a collection, or something unknown (an argument). */
export type Origin = { readonly term: Term } | { readonly entryOf: Term } | { readonly unknown: true };

export interface Scope {
  readonly module: RegoModule;
  readonly locals: ReadonlyMap<string, Origin>;
}

/** A reference with its root resolved. `rest` are the parts after the root. */
export interface Resolved {
  readonly root: "input" | "data" | Origin | undefined;
  readonly rest: readonly Term[];
}

export class RuleIndex {
  readonly #rules = new Map<string, Definition[]>();

  constructor(modules: readonly RegoModule[]) {
    for (const module of modules) {
      for (const rule of module.rules) {
        const path = [...module.package, ruleName(rule)].join(".");
        const known = this.#rules.get(path) ?? [];
        known.push({ rule, scope: { module, locals: localsOf(rule) } });
        this.#rules.set(path, known);
      }
    }
  }

  paths(): readonly string[] {
    return [...this.#rules.keys()];
  }

  definitions(path: string): readonly Definition[] {
    return this.#rules.get(path) ?? [];
  }

  /** What a variable or reference starts at. Names of rules and imports become parts below `data`. */
  resolve(term: Term, scope: Scope): Resolved {
    const parts = term.type === "ref" ? (term.value as Term[]) : [term];
    const [first, ...rest] = parts;
    if (first === undefined || first.type !== "var") return { root: undefined, rest };
    const name = String(first.value);
    const local = scope.locals.get(name);
    if (local !== undefined) return { root: local, rest };
    if (name === "input" || name === "data") return { root: name, rest };
    const imported = scope.module.imports.find(({ path, alias }) => (alias ?? lastOf(path)) === name);
    if (imported !== undefined) {
      const [root, ...below] = imported.path.value as Term[];
      return { root: root?.value === "input" ? "input" : "data", rest: [...below, ...rest] };
    }
    if (this.#rules.has([...scope.module.package, name].join(".")))
      return { root: "data", rest: [...scope.module.package, name].map(text).concat(rest) };
    return { root: undefined, rest };
  }

  /** The rule that parts below `data` lead to, and the parts that are left. */
  ruleAt(parts: readonly Term[]): { readonly path: string; readonly rest: readonly Term[] } | undefined {
    const names: string[] = [];
    for (const [at, part] of parts.entries()) {
      if (part.type !== "string") return undefined;
      names.push(String(part.value));
      const path = names.join(".");
      if (this.#rules.has(path)) return { path, rest: parts.slice(at + 1) };
    }
    return undefined;
  }

  /** The rule that a variable or reference leads to. */
  ruleOf(term: Term, scope: Scope): string | undefined {
    const { root, rest } = this.resolve(term, scope);
    return root === "data" ? this.ruleAt(rest)?.path : undefined;
  }
}

/** The terms of a call, the operator first; undefined for anything else. Both an expression and a nested term can be one. */
export function callIn(part: unknown): readonly Term[] | undefined {
  if (typeof part !== "object" || part === null) return undefined;
  const terms = "terms" in part ? part.terms : isTerm(part) && part.type === "call" ? part.value : undefined;
  return Array.isArray(terms) && isTerm(terms[0]) ? (terms as Term[]) : undefined;
}

export function operatorOf(call: readonly Term[]): string {
  const parts = call[0]?.type === "ref" ? (call[0].value as Term[]) : [];
  return parts.map((part) => String(part.value)).join(".");
}

/** Bodies that hold in their turn: `every`, comprehensions. */
export function isNestedBody(part: unknown): part is { readonly body: readonly unknown[] } {
  return typeof part === "object" && part !== null && "body" in part && Array.isArray(part.body);
}

function localsOf(rule: RegoRule): ReadonlyMap<string, Origin> {
  const locals = new Map<string, Origin>();
  // A name that is given twice (in two comprehensions, say) is not known.
  const set = (term: Term | undefined, origin: Origin): void => {
    if (term?.type === "array") for (const part of term.value as Term[]) set(part, { unknown: true });
    if (term?.type !== "var") return;
    const name = String(term.value);
    locals.set(name, locals.has(name) ? { unknown: true } : origin);
  };
  for (const arg of rule.head.args ?? []) for (const term of termsIn(arg)) set(term, { unknown: true });
  const visit = (part: unknown): void => {
    if (typeof part !== "object" || part === null) return;
    if ("domain" in part && "value" in part && isTerm(part.domain)) {
      if ("key" in part && isTerm(part.key)) set(part.key, { unknown: true });
      if (isTerm(part.value)) set(part.value, { entryOf: part.domain });
    }
    if ("symbols" in part && Array.isArray(part.symbols)) part.symbols.forEach(declare);
    const call = callIn(part);
    if (call !== undefined && operatorOf(call) === "assign" && call[2] !== undefined) set(call[1], { term: call[2] });
    for (const child of Array.isArray(part) ? part : Object.values(part)) visit(child);
  };
  const declare = (symbol: unknown): void => {
    const call = callIn(symbol);
    if (call === undefined) return isTerm(symbol) ? set(symbol, { unknown: true }) : undefined;
    const collection = call.at(-1);
    if (collection === undefined) return;
    if (call.length === 4) set(call[1], { unknown: true });
    set(call.at(-2), { entryOf: collection });
  };
  visit([rule.body, rule.else]);
  return locals;
}

function lastOf(path: Term): string {
  return String((path.value as Term[]).at(-1)?.value);
}

function text(value: string): Term {
  return { type: "string", value };
}
