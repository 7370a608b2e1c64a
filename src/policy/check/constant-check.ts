/**
 * Finds comparisons of enumerated inputs with a constant that is none of their values (`input.phase == "reqst"`), which OPA's schema
 * check lets through and which are never true. Must not judge anything else.
 */
import { nearest } from "../../config/suggest.ts";
import { METHODS } from "../../mcp/methods.ts";
import { constantRef, isTerm, type Location, type RegoModule, type RegoRule, ruleName, type Term } from "./rego-ast.ts";
import type { Slip } from "./rule-check.ts";

/** The part of JSON Schema that the generated input schema uses. */
export interface InputSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, InputSchema>>;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly items?: InputSchema;
  readonly definitions?: Readonly<Record<string, InputSchema>>;
}

const COMPARISONS = new Set(["equal", "eq", "neq"]);

export function checkConstants(module: RegoModule, schema: InputSchema): Slip[] {
  const slips: Slip[] = [];
  for (const rule of module.rules) {
    const aliases = new Map<string, InputSchema>();
    for (const { op, args, location } of operationsIn([rule.head, rule.body, rule.else])) {
      if (op === "internal.member_2") {
        const [member, collection] = args as [Term, Term];
        const items = schemaOf(collection, schema, aliases)?.items;
        if (member.type === "var" && items !== undefined) aliases.set(String(member.value), items);
        if (collection.type === "set" || collection.type === "array")
          for (const item of collection.value as Term[]) compare(member, item, item.location ?? location);
      }
      if (op === "assign" && args[0]?.type === "var" && args[1] !== undefined) {
        const assigned = schemaOf(args[1], schema, aliases);
        if (assigned !== undefined) aliases.set(String(args[0].value), assigned);
      }
      if (COMPARISONS.has(op) && args[0] !== undefined && args[1] !== undefined) {
        compare(args[0], args[1], location);
        compare(args[1], args[0], location);
      }
    }
    const kinds = valuesOf(schema.definitions?.["FindingKind"], schema)?.map(String) ?? [];
    for (const kind of redactedKinds(rule))
      if (!kinds.includes(String(kind.value))) notOneOf("kinds", String(kind.value), kinds, kind.location ?? rule.location);
    function compare(ref: Term, constant: Term, location: Location | undefined): void {
      if (constant.type === "number") return compareNumber(ref, Number(constant.value), location);
      if (constant.type !== "string") return;
      const at = schemaOf(ref, schema, aliases);
      const values = valuesOf(at, schema);
      if (values === undefined) return compareOpen(ref, at, String(constant.value), location);
      if (values.includes(constant.value)) return;
      notOneOf(constantRef(ref)?.join(".") ?? "this", String(constant.value), values.map(String), location);
    }
    function notOneOf(name: string, value: string, values: readonly string[], location: Location | undefined): void {
      const near = nearest(value, values);
      slips.push({
        file: module.file,
        location,
        check: "policy/constant",
        message: `\`${name}\` is never "${value}".`,
        hint: near === undefined ? `It is one of ${values.join(", ")}.` : `Did you mean "${near}"?`,
      });
    }
    function compareNumber(ref: Term, value: number, location: Location | undefined): void {
      const { minimum = -Infinity, maximum = Infinity } = schemaOf(ref, schema, aliases) ?? {};
      if (value >= minimum && value <= maximum) return;
      const message = `\`${constantRef(ref)?.join(".") ?? "this"}\` is never ${value}.`;
      slips.push({ file: module.file, location, check: "policy/constant", message, hint: `It is from ${minimum} to ${maximum}.` });
    }
    /** What may have other values as well: a pattern that holds for all of them, or known words of which one is near. */
    function compareOpen(ref: Term, at: InputSchema | undefined, value: string, location: Location | undefined): void {
      const name = constantRef(ref)?.join(".") ?? "this";
      const report = (message: string, hint: string, severity?: "warning"): void => {
        slips.push({
          file: module.file,
          location,
          check: "policy/constant",
          message,
          hint,
          ...(severity === undefined ? {} : { severity }),
        });
      };
      if (at?.pattern !== undefined && !new RegExp(at.pattern, "u").test(value))
        report(`\`${name}\` is never "${value}".`, "See its description in policies/schema/input.json.");
      const known = at === undefined ? undefined : words(schema).get(at);
      const near = known === undefined || known.includes(value) ? undefined : nearest(value, known);
      if (near !== undefined) report(`"${value}" is not known here.`, `Did you mean "${near}"?`, "warning");
    }
  }
  return slips;
}

/** The kinds that an element of `redact` names literally. */
function redactedKinds(rule: RegoRule): Term[] {
  const { key } = rule.head;
  if (ruleName(rule) !== "redact" || key?.type !== "object") return [];
  const listed = (key.value as [Term, Term][]).find(([name]) => name.value === "kinds")?.[1];
  if (listed?.type !== "set" && listed?.type !== "array") return [];
  return (listed.value as Term[]).filter((kind) => kind.type === "string");
}

function schemaOf(term: Term, root: InputSchema, aliases: ReadonlyMap<string, InputSchema>): InputSchema | undefined {
  if (term.type !== "ref" && term.type !== "var") return undefined;
  const parts = term.type === "var" ? [term] : (term.value as Term[]);
  const first = String(parts[0]?.value);
  let at = first === "input" ? root : aliases.get(first);
  for (const part of parts.slice(1)) {
    at = resolve(at, root);
    at = part.type === "string" ? at?.properties?.[String(part.value)] : at?.items;
  }
  return resolve(at, root);
}

/** Parts of the input whose values are known, though others can come. */
function words(root: InputSchema): ReadonlyMap<InputSchema, readonly string[]> {
  const { McpFacts } = root.definitions ?? {};
  const methods = METHODS.map(({ name }) => name);
  const known: [InputSchema | undefined, readonly string[]][] = [
    [McpFacts?.properties?.["method"], methods],
    [McpFacts?.properties?.["request"]?.properties?.["method"], methods],
  ];
  return new Map(known.flatMap(([schema, values]) => (schema === undefined ? [] : [[schema, values] as const])));
}

function resolve(schema: InputSchema | undefined, root: InputSchema): InputSchema | undefined {
  let at = schema;
  for (let hops = 0; at?.$ref !== undefined && hops < 16; hops++) at = root.definitions?.[at.$ref.replace("#/definitions/", "")];
  return at;
}

function valuesOf(schema: InputSchema | undefined, root: InputSchema): readonly unknown[] | undefined {
  const resolved = resolve(schema, root);
  return resolved?.const === undefined ? resolved?.enum : [resolved.const];
}

interface Operation {
  readonly op: string;
  readonly args: readonly Term[];
  readonly location: Location | undefined;
}

/** Every call in a part of the tree, in document order: expressions are arrays of terms, nested calls are terms of their own. */
function* operationsIn(part: unknown): Generator<Operation> {
  if (typeof part !== "object" || part === null) return;
  const terms = "terms" in part && Array.isArray(part.terms) ? part.terms : isTerm(part) && part.type === "call" ? part.value : undefined;
  if (Array.isArray(terms) && isTerm(terms[0])) {
    const [op, ...args] = terms as Term[];
    const location = "location" in part ? (part.location as Location) : undefined;
    if (op !== undefined) yield { op: (constantRef(op) ?? []).join("."), args, location };
  }
  for (const child of Array.isArray(part) ? part : Object.values(part)) yield* operationsIn(child);
}
