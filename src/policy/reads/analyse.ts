/**
 * Which parts of the input a plan can read. Follows places of the input through variables, calls and returns, statement by statement;
 * what it cannot follow exactly is read whole there: a built-in's argument, a value that becomes part of another one, a comparison. Must
 * never leave out what is read: too much only costs time.
 *
 * Long because it is one walk: what each kind of statement does to the variables is sound only together with what the others do.
 */
import type { Block, Operand, Plan, PlanFunction, Statement } from "../check/plan.ts";
import { MAX_PLACES, Place } from "./place.ts";
import { WHOLE, type Reads } from "./reads.ts";

/** Places of the input that a variable may hold. Empty: nothing of the input, or only what was read whole on the way. */
type Held = ReadonlySet<Place>;
const NOTHING: Held = new Set();

type Stmt = { readonly type: string; readonly stmt: Statement };

/** A function, and what is known of its calls so far. */
interface Callee {
  readonly func: PlanFunction;
  readonly params: Map<number, Held>;
  /** Undefined until it is called. */
  returns: Held;
  readonly callers: Set<Callee>;
  /** What variables may still hold from an earlier turn of a loop. */
  readonly carried: Map<Statement, Map<number, Held>>;
}

export interface Analysis {
  readonly reads: Reads;
  /** All places that are reached; those that are read whole know the statements. */
  readonly places: readonly Place[];
  /** What in the plan is not understood; then everything is read. */
  readonly unknown?: string;
}

class UnknownStatement extends Error {}

/** What the entry points of a plan read of the input. */
export function readsOf(plan: Plan): Reads {
  return analyseReads(plan).reads;
}

/** The same, with the statements behind it. A plan that is not understood reads everything. */
export function analyseReads(plan: Plan): Analysis {
  try {
    const root = new Walk(plan).run();
    return { reads: root.reads(), places: [...root.all()] };
  } catch (error) {
    if (error instanceof UnknownStatement) return { reads: WHOLE, places: [], unknown: error.message };
    throw error;
  }
}

class Walk {
  readonly #plan: Plan;
  readonly #root = new Place();
  readonly #callees: ReadonlyMap<string, Callee>;
  readonly #queue = new Set<Callee>();
  #current!: Callee;
  /** What variables hold; absent: surely undefined. */
  #locals = new Map<number, Held>();
  /** For each open block what the variables that it assigns may hold when it is left, which it can be after any statement. */
  #exits: Map<number, Held | undefined>[] = [];

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#callees = new Map(plan.functions.map((func) => [func.name, calleeOf(func)]));
  }

  run(): Place {
    for (const { blocks } of this.#plan.entries) {
      const entry = calleeOf({ name: "", path: [], params: [0, 1], return: -1, blocks });
      entry.params.set(0, new Set([this.#root]));
      this.#queue.add(entry);
    }
    for (const callee of this.#queue) {
      this.#queue.delete(callee);
      this.#function(callee);
    }
    return this.#root;
  }

  #function(callee: Callee): void {
    this.#current = callee;
    this.#locals = new Map(callee.params);
    this.#exits = [new Map<number, Held | undefined>()];
    for (const block of callee.func.blocks) this.#block(block);
  }

  /** Answers what the block's variables may hold afterwards: what they held before, or anything they were given inside. */
  #block(block: Block): ReadonlyMap<number, Held | undefined> {
    const exit = new Map<number, Held | undefined>();
    this.#exits.push(exit);
    const stmts = block.stmts ?? [];
    for (const [at, { type, stmt }] of stmts.entries()) this.#statement(type, stmt, () => stmts.slice(0, at));
    this.#exits.pop();
    for (const [local, held] of exit) this.#assign(local, held);
    return exit;
  }

  #assign(local: number, held: Held | undefined): void {
    const exit = this.#exits.at(-1);
    exit?.set(local, join(exit.has(local) ? exit.get(local) : this.#locals.get(local), held));
    if (held === undefined) this.#locals.delete(local);
    else this.#locals.set(local, held);
  }

  #statement(type: string, stmt: Statement, before: () => readonly Stmt[]): void {
    const target = stmt["target"] as number;
    switch (type) {
      case "NopStmt":
      case "BreakStmt":
      case "IsArrayStmt":
      case "IsObjectStmt":
      case "IsSetStmt":
      case "IsDefinedStmt":
        return;
      case "IsUndefinedStmt":
        return this.#assign(stmt["source"] as number, undefined);
      case "ResetLocalStmt":
        return this.#assign(target, undefined);
      case "AssignIntStmt":
      case "MakeArrayStmt":
      case "MakeNullStmt":
      case "MakeNumberIntStmt":
      case "MakeNumberRefStmt":
      case "MakeObjectStmt":
      case "MakeSetStmt":
        return this.#assign(target, NOTHING);
      case "AssignVarStmt":
        return this.#assign(target, this.#held(stmt["source"]));
      case "AssignVarOnceStmt":
        return this.#assignOnce(target, stmt);
      case "EqualStmt":
      case "NotEqualStmt":
        return this.#compare(stmt["a"] as Operand, stmt["b"] as Operand, stmt);
      case "LenStmt":
        for (const place of this.#held(stmt["source"])) place.readLength(stmt);
        return this.#assign(target, NOTHING);
      case "ArrayAppendStmt":
      case "SetAddStmt":
      case "ResultSetAddStmt":
        return this.#whole(stmt["value"], stmt);
      case "ObjectInsertStmt":
      case "ObjectInsertOnceStmt":
        this.#whole(stmt["key"], stmt);
        return this.#whole(stmt["value"], stmt);
      case "ObjectMergeStmt":
        this.#whole(stmt["a"], stmt);
        this.#whole(stmt["b"], stmt);
        return this.#assign(target, NOTHING);
      case "DotStmt":
        return this.#assign(target, this.#dot(this.#held(stmt["source"]), stmt["key"] as Operand, stmt));
      case "ScanStmt":
        return this.#scan(stmt);
      case "NotStmt":
        this.#block(stmt["block"] as Block);
        return;
      case "BlockStmt":
        for (const block of (stmt["blocks"] as Block[] | null) ?? []) this.#block(block);
        return;
      case "WithStmt":
        return this.#with(stmt);
      case "CallStmt":
        return this.#assign(stmt["result"] as number, this.#call(stmt, before));
      case "CallDynamicStmt":
        return this.#assign(stmt["result"] as number, this.#callDynamic(stmt));
      case "ReturnLocalStmt":
        return this.#return(this.#held(stmt["source"]));
      default:
        throw new UnknownStatement(type);
    }
  }

  /** A second value is compared with the first one. */
  #assignOnce(target: number, stmt: Statement): void {
    const held = this.#held(stmt["source"]);
    const before = this.#locals.get(target);
    if (before !== undefined) this.#whole(stmt["source"], stmt);
    for (const place of before ?? NOTHING) place.readWhole(stmt);
    this.#assign(target, held);
  }

  /** Which boolean a value is, if any, is known wherever it is known to be there. */
  #compare(a: Operand, b: Operand, stmt: Statement): void {
    if (isBoolean(a) || isBoolean(b)) return;
    this.#whole(a, stmt);
    this.#whole(b, stmt);
  }

  #dot(source: Held, key: Operand, stmt: Statement): Held {
    if (key.type !== "string_index") {
      this.#whole(key, stmt);
      return reached(source, (place) => place.each(stmt), stmt);
    }
    const name = this.#string(key.value);
    return reached(source, (place) => place.member(name, stmt), stmt);
  }

  #scan(stmt: Statement): void {
    const carried = this.#current.carried.get(stmt) ?? new Map<number, Held>();
    this.#current.carried.set(stmt, carried);
    for (const [local, held] of carried) this.#assign(local, join(this.#locals.get(local), held));
    this.#assign(stmt["key"] as number, NOTHING);
    this.#assign(
      stmt["value"] as number,
      reached(this.#held(stmt["source"]), (place) => place.each(stmt), stmt),
    );
    for (const [local, held] of this.#block(stmt["block"] as Block)) {
      const before = carried.get(local);
      const after = join(before, held);
      if (after === undefined || before?.size === after.size) continue;
      carried.set(local, after);
      this.#queue.add(this.#current);
    }
  }

  /** Inside, a part of the input or of the data is another value. What is read at its place is taken as read of both. */
  #with(stmt: Statement): void {
    const local = stmt["local"] as number;
    const path = (stmt["path"] as number[] | null) ?? [];
    const before = this.#locals.get(local);
    if (path.length === 0) {
      this.#assign(local, this.#held(stmt["value"]));
    } else {
      this.#whole(stmt["value"], stmt);
      let holders = before ?? NOTHING;
      for (const index of path.slice(0, -1)) holders = reached(holders, (place) => place.member(this.#string(index), stmt), stmt);
    }
    this.#block(stmt["block"] as Block);
    this.#assign(local, before);
  }

  #call(stmt: Statement, before: () => readonly Stmt[]): Held {
    const args = stmt["args"] as readonly Operand[];
    const callee = this.#callees.get(stmt["func"] as string);
    if (callee === undefined) return this.#builtin(stmt["func"] as string, args, stmt, before);
    return this.#enter(
      callee,
      args.map((arg) => this.#held(arg)),
    );
  }

  /** A rule that is found by its name: any of those that the constant parts of the path do not exclude. */
  #callDynamic(stmt: Statement): Held {
    const path = stmt["path"] as readonly Operand[];
    for (const part of path) this.#whole(part, stmt);
    const args = (stmt["args"] as readonly number[]).map((local) => this.#locals.get(local) ?? NOTHING);
    let returned: Held = NOTHING;
    for (const callee of this.#callees.values()) {
      if (callee.func.params.length !== args.length) continue;
      if (
        path.some(
          (part, at) => part.type === "string_index" && (callee.func.path[at] ?? this.#string(part.value)) !== this.#string(part.value),
        )
      )
        continue;
      returned = join(returned, this.#enter(callee, args)) ?? NOTHING;
    }
    return returned;
  }

  #enter(callee: Callee, args: readonly Held[]): Held {
    const { params } = callee.func;
    // A call that is not what the function expects is none that is understood.
    if (args.length !== params.length) throw new UnknownStatement(callee.func.name);
    const first = callee.callers.size === 0;
    callee.callers.add(this.#current);
    let grown = first;
    for (const [at, param] of params.entries()) {
      const known = callee.params.get(param) ?? NOTHING;
      const after = join(known, args[at] ?? NOTHING) ?? NOTHING;
      if (after.size !== known.size) grown = true;
      callee.params.set(param, after);
    }
    if (grown) this.#queue.add(callee);
    return callee.returns;
  }

  #return(held: Held): void {
    const { returns, callers } = this.#current;
    const after = join(returns, held) ?? NOTHING;
    if (after.size === returns.size) return;
    this.#current.returns = after;
    for (const caller of callers) this.#queue.add(caller);
  }

  #builtin(name: string, args: readonly Operand[], stmt: Statement, before: () => readonly Stmt[]): Held {
    const [first, second, third] = args;
    switch (name) {
      case "is_array":
      case "is_boolean":
      case "is_null":
      case "is_number":
      case "is_object":
      case "is_set":
      case "is_string":
      case "type_name":
        return NOTHING;
      case "count":
        for (const place of this.#held(first)) place.readLength(stmt);
        return NOTHING;
      case "object.keys":
        reached(this.#held(first), (place) => place.each(stmt), stmt);
        return NOTHING;
      case "neq":
        if (first === undefined || second === undefined || args.length !== 2) break;
        if (isEmptyLiteral(first, before())) reached(this.#held(second), (place) => place.each(stmt), stmt);
        else if (isEmptyLiteral(second, before())) reached(this.#held(first), (place) => place.each(stmt), stmt);
        else this.#compare(first, second, stmt);
        return NOTHING;
      case "object.get": {
        const path = second === undefined || args.length !== 3 ? undefined : this.#constantPath(second, before());
        if (path === undefined || path.length === 0) break;
        let found = this.#held(first);
        for (const key of path) found = reached(found, (place) => place.member(key, stmt), stmt);
        return join(found, this.#held(third)) ?? NOTHING;
      }
    }
    for (const arg of args) this.#whole(arg, stmt);
    return NOTHING;
  }

  /** The keys of a constant string, or of an array of them that was written in the call. */
  #constantPath(operand: Operand, before: readonly Stmt[]): string[] | undefined {
    if (operand.type === "string_index") return [this.#string(operand.value)];
    const keys: string[] = [];
    for (const { type, stmt } of before.toReversed()) {
      if (type === "MakeArrayStmt" && stmt["target"] === operand.value) return keys.toReversed();
      if (type === "ArrayAppendStmt" && stmt["array"] === operand.value) {
        const value = stmt["value"] as Operand;
        if (value.type !== "string_index") return undefined;
        keys.push(this.#string(value.value));
      } else if (!MAKES_LITERAL.has(type) || stmt["target"] === operand.value) {
        return undefined;
      }
    }
    return undefined;
  }

  #whole(operand: unknown, stmt: Statement): void {
    for (const place of this.#held(operand)) place.readWhole(stmt);
  }

  /** What an operand, or a variable given by its number, may hold. */
  #held(operand: unknown): Held {
    const local = typeof operand === "number" ? operand : isLocal(operand) ? operand.value : undefined;
    return (local === undefined ? undefined : this.#locals.get(local)) ?? NOTHING;
  }

  #string(index: number): string {
    const text = this.#plan.strings[index];
    if (text === undefined) throw new UnknownStatement("string");
    return text;
  }
}

const MAKES_EMPTY = new Set(["MakeArrayStmt", "MakeObjectStmt", "MakeSetStmt"]);

/** Statements that a literal in a call is made of. */
const MAKES_LITERAL = new Set([
  "ArrayAppendStmt",
  "MakeArrayStmt",
  "MakeNullStmt",
  "MakeNumberIntStmt",
  "MakeNumberRefStmt",
  "MakeObjectStmt",
  "MakeSetStmt",
  "ObjectInsertStmt",
  "SetAddStmt",
]);

/** Whether this is `[]`, `{}` or `set()`, written in the call: its statement is the last one before that has to do with the variable. */
function isEmptyLiteral(operand: Operand, before: readonly Stmt[]): boolean {
  if (operand.type !== "local") return false;
  const last = before.at(-1);
  return last !== undefined && MAKES_EMPTY.has(last.type) && last.stmt["target"] === operand.value;
}

function calleeOf(func: PlanFunction): Callee {
  return { func, params: new Map(), returns: NOTHING, callers: new Set(), carried: new Map() };
}

/** Where a step leads to from each of these places. */
function reached(from: Held, by: (place: Place) => Place | undefined, stmt: Statement): Held {
  if (from.size === 0) return NOTHING;
  const found = new Set<Place>();
  for (const place of from) {
    const next = by(place);
    if (next !== undefined) found.add(next);
  }
  if (found.size <= MAX_PLACES) return found;
  for (const place of found) place.readWhole(stmt);
  return NOTHING;
}

/** Undefined only when both are. */
function join(a: Held | undefined, b: Held | undefined): Held | undefined {
  if (a === undefined || a === b) return b;
  if (b === undefined) return a;
  for (const place of b) if (!a.has(place)) return new Set([...a, ...b]);
  return a;
}

function isLocal(operand: unknown): operand is { type: "local"; value: number } {
  return typeof operand === "object" && operand !== null && Reflect.get(operand, "type") === "local";
}

function isBoolean(operand: Operand): boolean {
  return operand.type === "bool";
}
