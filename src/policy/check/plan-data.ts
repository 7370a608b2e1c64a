/**
 * Which data a plan reads that does not exist: a mistyped setting passes every check of OPA's and is then quietly undefined. Follows
 * the data itself through variables, calls and returns, statement by statement; what it cannot follow exactly (a built-in, a value put
 * into another one, an entry found by a dynamic key) it leaves alone. Must not guess: a false alarm would refuse a sound policy.
 */
import type { Block, Operand, Plan, PlanFunction, Statement } from "./plan.ts";
import { nearest } from "../../config/suggest.ts";
import type { Slip } from "./rule-check.ts";
import { isTree, type Tree } from "../tree.ts";

/** A place in the data. `loose`: found by a dynamic key, so that a key it lacks may be meant to be optional. */
interface Spot {
  readonly value: unknown;
  readonly path: readonly string[];
  readonly loose: boolean;
}

/** What a variable may hold: these places of the data, by path; undefined = anything. */
type Held = ReadonlyMap<string, Spot> | undefined;
type Locals = Map<number, Held>;

/** More places than this in one variable are "anything": the table of a large organisation, not a setting. */
const MAX_SPOTS = 256;
const MAX_ROUNDS = 50;
const INPUT_LOCAL = 0;
const DATA_LOCAL = 1;
const NOTHING: Held = new Map();
const SLUICE_DATA = new Set(["settings", "server_settings", "firewall"]);
const RULES = new Set(["policies", "lib", "firewall"]);
/** Statements that make a value which is not one of the data's. Any other unknown statement ends the analysis. */
const MAKES_ANYTHING = new Set([
  "MakeArrayStmt",
  "MakeNullStmt",
  "MakeNumberIntStmt",
  "MakeNumberRefStmt",
  "MakeObjectStmt",
  "MakeSetStmt",
  "LenStmt",
  "ObjectMergeStmt",
  "CallDynamicStmt",
]);
const CHANGES_NOTHING = new Set([
  "ArrayAppendStmt",
  "BreakStmt",
  "EqualStmt",
  "IsArrayStmt",
  "IsDefinedStmt",
  "IsObjectStmt",
  "IsSetStmt",
  "IsUndefinedStmt",
  "NopStmt",
  "NotEqualStmt",
  "ObjectInsertOnceStmt",
  "ObjectInsertStmt",
  "ResultSetAddStmt",
  "SetAddStmt",
]);

class UnknownStatement extends Error {}

/** Reads of data that does not exist, with the staged place of each. */
export function missingData(plan: Plan, data: Tree): Slip[] {
  try {
    return new Analysis(plan, data).run();
  } catch (error) {
    // A newer OPA may plan what this does not know; then nothing is claimed.
    if (error instanceof UnknownStatement) return [];
    throw error;
  }
}

class Analysis {
  readonly #plan: Plan;
  readonly #functions: ReadonlyMap<string, PlanFunction>;
  readonly #params = new Map<string, Locals>();
  readonly #returns = new Map<string, Held>();
  readonly #missing = new Map<string, Slip>();
  readonly #root: Held;
  #changed = false;
  #current = "";

  constructor(plan: Plan, data: Tree) {
    this.#plan = plan;
    this.#functions = new Map(plan.functions.map((func) => [func.name, func]));
    this.#root = new Map([["", { value: data, path: [], loose: false }]]);
  }

  run(): Slip[] {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.#changed = false;
      this.#missing.clear();
      for (const func of this.#plan.functions) this.#function(func);
      if (!this.#changed) return [...this.#missing.values()];
    }
    return [];
  }

  #function(func: PlanFunction): void {
    this.#current = func.name;
    const locals: Locals = new Map(this.#params.get(func.name));
    const [input, data] = func.params;
    if (input !== undefined) locals.set(input, undefined);
    if (data !== undefined && !locals.has(data)) locals.set(data, this.#root);
    for (const block of func.blocks) this.#block(block, locals);
  }

  /** A block may be left after any statement, so afterwards a variable holds what it held before or anything it was given inside. */
  #block(block: Block, locals: Locals): void {
    const inside: Locals = new Map(locals);
    const assign = (local: number, held: Held): void => {
      inside.set(local, held);
      locals.set(local, locals.has(local) ? union(locals.get(local), held) : held);
    };
    const nested = (blocks: readonly Block[]): void => {
      const before = new Map(inside);
      for (const each of blocks) this.#block(each, inside);
      for (const [local, held] of inside) if (held !== before.get(local) || !before.has(local)) assign(local, held);
    };
    for (const { type, stmt } of block.stmts ?? []) this.#statement(type, stmt, inside, assign, nested);
  }

  #statement(
    type: string,
    stmt: Statement,
    locals: Locals,
    assign: (local: number, held: Held) => void,
    nested: (blocks: readonly Block[]) => void,
  ): void {
    const target = stmt["target"] as number;
    switch (type) {
      case "AssignVarStmt":
        return assign(target, heldBy(stmt["source"] as Operand, locals));
      case "AssignVarOnceStmt":
      case "AssignIntStmt":
        return assign(
          target,
          type === "AssignIntStmt" ? undefined : union(locals.get(target) ?? NOTHING, heldBy(stmt["source"] as Operand, locals)),
        );
      case "ResetLocalStmt":
        return assign(target, NOTHING);
      case "DotStmt":
        return assign(target, this.#dot(stmt, heldBy(stmt["source"] as Operand, locals)));
      case "ScanStmt":
        assign(stmt["key"] as number, undefined);
        assign(stmt["value"] as number, entriesOf(locals.get(stmt["source"] as number)));
        return nested([stmt["block"] as Block]);
      case "NotStmt":
        return nested([stmt["block"] as Block]);
      case "BlockStmt":
        return nested((stmt["blocks"] as Block[] | null) ?? []);
      case "WithStmt": {
        // Inside, the replaced part of input or data is not what the files say.
        const replaced = stmt["local"] as number;
        const held = locals.get(replaced);
        assign(replaced, undefined);
        nested([stmt["block"] as Block]);
        return assign(replaced, held);
      }
      case "CallStmt":
        return assign(stmt["result"] as number, this.#call(stmt, locals));
      case "ReturnLocalStmt":
        return this.#return(locals.get(stmt["source"] as number));
      default:
        if (CHANGES_NOTHING.has(type)) return;
        if (!MAKES_ANYTHING.has(type)) throw new UnknownStatement(type);
        return assign((type === "CallDynamicStmt" ? stmt["result"] : target) as number, undefined);
    }
  }

  #dot(stmt: Statement, source: Held): Held {
    const key = stmt["key"] as Operand;
    if (source === undefined) return undefined;
    if (key.type !== "string_index") return entriesOf(source);
    const name = this.#plan.strings[key.value] ?? "";
    const found = new Map<string, Spot>();
    for (const spot of source.values()) {
      // Packages are rules, which the planner reads beside data of the same name.
      if (spot.path.length === 0 && RULES.has(name)) return undefined;
      if (isTree(spot.value) && Object.hasOwn(spot.value, name))
        add(found, { value: spot.value[name], path: [...spot.path, name], loose: spot.loose });
    }
    if (found.size === 0 && source.size > 0 && [...source.values()].every((spot) => !spot.loose))
      this.#report(stmt, [...source.values()][0] as Spot, name);
    return found;
  }

  #report(stmt: Statement, spot: Spot, name: string): void {
    const file = this.#plan.files[stmt.file ?? -1] ?? "";
    const path = ["data", ...spot.path, name].join(".").replace(/^data\.server_settings\.[^.]+/, "data.server_settings[…]");
    // At the top only the operator's own data is for the operator's rules to read by name.
    const keys = isTree(spot.value) ? Object.keys(spot.value) : [];
    const known = spot.path.length === 0 ? keys.filter((key) => !SLUICE_DATA.has(key)) : keys;
    this.#missing.set(`${file}:${stmt.row}:${path}`, {
      file,
      location: { row: stmt.row ?? 1, col: stmt.col ?? 1 },
      check: "policy/missing-data",
      message: `\`${path}\` does not exist: what reads it is silently undefined.`,
      hint: `${whatThereIs(name, known, spot.path.length === 0)} For data that may be absent use object.get with a default.`,
    });
  }

  #call(stmt: Statement, locals: Locals): Held {
    const callee = this.#functions.get(stmt["func"] as string);
    if (callee === undefined) return undefined;
    const known = this.#params.get(callee.name) ?? new Map<number, Held>();
    for (const [at, argument] of (stmt["args"] as Operand[]).entries()) {
      const param = callee.params[at];
      // The data is passed on like an argument: a `with` may have replaced some of it.
      if (at >= DATA_LOCAL && param !== undefined) this.#widen(known, param, heldBy(argument, locals));
    }
    this.#params.set(callee.name, known);
    return this.#returns.has(callee.name) ? this.#returns.get(callee.name) : NOTHING;
  }

  #return(held: Held): void {
    this.#widen(this.#returns, this.#current, held);
  }

  #widen<K>(into: Map<K, Held>, key: K, held: Held): void {
    const before = into.get(key);
    const after = into.has(key) ? union(before, held) : held;
    if (into.has(key) && before?.size === after?.size) return;
    into.set(key, after);
    this.#changed = true;
  }
}

function heldBy(operand: Operand, locals: Locals): Held {
  if (operand.type !== "local" || operand.value === INPUT_LOCAL) return undefined;
  return locals.has(operand.value) ? locals.get(operand.value) : NOTHING;
}

/** Entries of places, whatever their keys. Every server has the settings of every pack, so a dynamic key there is exact. */
function entriesOf(held: Held): Held {
  if (held === undefined) return undefined;
  const found = new Map<string, Spot>();
  for (const { value, path, loose } of held.values()) {
    const complete = path.length === 1 && path[0] === "server_settings";
    const entries = Array.isArray(value) ? [...value.entries()] : isTree(value) ? Object.entries(value) : [];
    if (entries.length > MAX_SPOTS) return undefined;
    for (const [key, entry] of entries) add(found, { value: entry, path: [...path, String(key)], loose: loose || !complete });
  }
  return found.size > MAX_SPOTS ? undefined : found;
}

function union(a: Held, b: Held): Held {
  if (a === undefined || b === undefined) return undefined;
  if (b.size === 0 || a === b) return a;
  if (a.size === 0) return b;
  const both = new Map(a);
  for (const spot of b.values()) add(both, spot);
  return both.size > MAX_SPOTS ? undefined : both;
}

function add(spots: Map<string, Spot>, spot: Spot): void {
  spots.set(JSON.stringify(spot.path), spot);
}

function whatThereIs(name: string, known: readonly string[], top: boolean): string {
  const near = nearest(name, known);
  if (near !== undefined) return `Did you mean \`${near}\`?`;
  if (known.length > 0) return `There is ${known.slice(0, 20).join(", ")}.`;
  return top
    ? `The policy folder's data files are empty or missing: put \`${name}\` into a data.yaml there.`
    : "There is nothing at that place.";
}
