/**
 * Whether a term of a policy can be without a value: an optional or free-form part of the input, a dynamic key, a rule whose body can
 * fail, a built-in that can fail. Says no where it does not know: the checks that ask must not raise false alarms.
 */
import type { InputSchema } from "./constant-check.ts";
import type { Term } from "./rego-ast.ts";
import { callIn, operatorOf, type Definition, type Resolved, type RuleIndex, type Scope } from "./rule-index.ts";

/** Built-ins that have no value for some arguments of the right type. */
const FALLIBLE = new Set([
  "to_number",
  "json.unmarshal",
  "yaml.unmarshal",
  "base64.decode",
  "base64url.decode",
  "base64url.decode_no_pad",
  "net.cidr_contains",
  "net.cidr_intersects",
  "regex.find_all_string_submatch_n",
]);
const MAX_DEPTH = 12;

/** A part of the input: its schema and whether it may be missing. */
interface Fact {
  readonly schema: InputSchema;
  readonly optional: boolean;
}

export class Absence {
  readonly #rules: RuleIndex;
  readonly #schema: InputSchema;

  constructor(rules: RuleIndex, schema: InputSchema) {
    this.#rules = rules;
    this.#schema = schema;
  }

  /** True when the term surely has no value for some message. */
  of(term: Term, scope: Scope, depth = 0): boolean {
    if (depth > MAX_DEPTH) return false;
    if (term.type === "call") {
      const call = callIn(term) ?? [];
      return FALLIBLE.has(operatorOf(call)) || call.slice(1).some((arg) => this.of(arg, scope, depth + 1));
    }
    if (term.type !== "ref" && term.type !== "var") return false;
    const resolved = this.#rules.resolve(term, scope);
    if (resolved.root === "data") return this.#inData(resolved.rest, scope, depth);
    return this.#fact(resolved, scope, depth)?.optional ?? false;
  }

  /** A rule (not a function) is without a value when no definition of it always holds. */
  ofRule(path: string, depth = 0): boolean {
    const definitions = this.#rules.definitions(path);
    // A set, or an object that is built of entries, may be empty but is there.
    if (definitions.some(({ rule }) => rule.default === true || rule.head.key !== undefined || (rule.head.ref?.length ?? 1) > 1))
      return false;
    return !definitions.some((definition) => this.#alwaysHolds(definition, depth));
  }

  #alwaysHolds({ rule, scope }: Definition, depth: number): boolean {
    for (let at: unknown = rule; typeof at === "object" && at !== null; at = "else" in at ? at.else : undefined) {
      const { body, head } = at as Definition["rule"];
      if (isTrivial(body)) return head.value === undefined || !this.of(head.value, scope, depth + 1);
    }
    return false;
  }

  #fact({ root, rest }: Resolved, scope: Scope, depth: number): Fact | undefined {
    let fact: Fact | undefined;
    if (root === "input") fact = { schema: this.#schema, optional: false };
    else if (typeof root === "object" && "term" in root) {
      // The body goes on only where what was assigned has a value.
      const assigned = this.#factOf(root.term, scope, depth + 1);
      fact = assigned === undefined ? undefined : { ...assigned, optional: false };
    } else if (typeof root === "object" && "entryOf" in root) {
      const collection = this.#factOf(root.entryOf, scope, depth + 1);
      fact = collection === undefined ? undefined : { schema: this.#resolve(collection.schema).items ?? {}, optional: false };
    }
    for (const part of rest) fact = fact === undefined ? undefined : this.#step(fact, part);
    return fact;
  }

  #factOf(term: Term, scope: Scope, depth: number): Fact | undefined {
    if (depth > MAX_DEPTH || (term.type !== "ref" && term.type !== "var")) return undefined;
    const resolved = this.#rules.resolve(term, scope);
    if (resolved.root !== "data") return this.#fact(resolved, scope, depth);
    const alias = this.#alias(resolved.rest);
    return alias === undefined ? undefined : this.#factOf(alias.term, alias.scope, depth + 1);
  }

  #step({ schema, optional }: Fact, part: Term): Fact {
    const at = this.#resolve(schema);
    if (part.type === "string" && at.properties !== undefined) {
      const name = String(part.value);
      return { schema: at.properties[name] ?? {}, optional: optional || at.required?.includes(name) !== true };
    }
    // A variable as index mostly runs over the list itself.
    if (at.items !== undefined) return { schema: at.items, optional: optional || part.type !== "var" };
    return { schema: {}, optional: true };
  }

  #inData(parts: readonly Term[], scope: Scope, depth: number): boolean {
    const found = this.#rules.ruleAt(parts);
    if (found !== undefined) {
      if (this.ofRule(found.path, depth + 1)) return true;
      const alias = this.#alias(parts);
      if (alias !== undefined) return this.of(alias.term, alias.scope, depth + 1);
      return false;
    }
    return parts.some((part, at) => {
      if (part.type === "string" || part.type === "number") return false;
      // Every configured server has its settings.
      if (at === 1 && parts[0]?.value === "server_settings") return false;
      if (part.type === "ref") return true;
      const { root } = this.#rules.resolve(part, scope);
      return typeof root === "object" && "term" in root;
    });
  }

  /** A rule that only gives a name to a reference is that reference. */
  #alias(parts: readonly Term[]): { readonly term: Term; readonly scope: Scope } | undefined {
    const found = this.#rules.ruleAt(parts);
    const [definition, ...more] = found === undefined ? [] : this.#rules.definitions(found.path);
    const value = definition?.rule.head.value;
    if (
      found === undefined ||
      definition === undefined ||
      value?.type !== "ref" ||
      more.length > 0 ||
      definition.rule.head.args !== undefined
    )
      return undefined;
    if (!isTrivial(definition.rule.body)) return undefined;
    return { term: { ...value, value: [...(value.value as Term[]), ...found.rest] }, scope: definition.scope };
  }

  #resolve(schema: InputSchema): InputSchema {
    let at = schema;
    for (let hops = 0; at.$ref !== undefined && hops < 16; hops++)
      at = this.#schema.definitions?.[decodeURIComponent(at.$ref.replace("#/definitions/", ""))] ?? {};
    return at;
  }
}

/** A body that was left out: OPA writes it as one generated `true`. */
function isTrivial(body: readonly unknown[]): boolean {
  return body.every((expression) => {
    if (typeof expression !== "object" || expression === null || !("terms" in expression)) return false;
    const { terms } = expression;
    return typeof terms === "object" && terms !== null && "value" in terms && terms.value === true;
  });
}
