/**
 * OPA's intermediate representation, as far as it is read here: functions, blocks and statements with their constants resolved.
 * Must not analyse.
 */
import { readFile } from "node:fs/promises";
import { fail, ok, type Result } from "../../errors.ts";
import { readArchive } from "../build/archive.ts";

/** An operand: a local variable, or a constant. */
export type Operand =
  | { readonly type: "local"; readonly value: number }
  | { readonly type: "string_index"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean };

export interface Block {
  readonly stmts: readonly { readonly type: string; readonly stmt: Statement }[] | null;
}

/** Fields by statement type; see OPA's "Intermediate Representation". */
export interface Statement {
  readonly file?: number;
  readonly row?: number;
  readonly col?: number;
  readonly [field: string]: unknown;
}

export interface PlanFunction {
  readonly name: string;
  /** `["g0", "policies", "demo", "deny"]`. */
  readonly path: readonly string[];
  readonly params: readonly number[];
  readonly return: number;
  readonly blocks: readonly Block[];
}

/** An entry point: local 0 is the input, local 1 the data. */
export interface PlanEntry {
  /** `firewall/main/decision`. */
  readonly name: string;
  readonly blocks: readonly Block[];
}

export interface Plan {
  readonly entries: readonly PlanEntry[];
  readonly strings: readonly string[];
  /** Staged paths. */
  readonly files: readonly string[];
  readonly functions: readonly PlanFunction[];
}

/** Reads the plan out of a bundle that `opa build -t plan` wrote. */
export async function readPlan(file: string): Promise<Result<Plan, string>> {
  try {
    const text = (await readArchive(await readFile(file), ["plan.json"])).get("plan.json") ?? "";
    const json = JSON.parse(text.toString()) as {
      static: { strings?: { value: string }[]; files?: { value: string }[] };
      plans: { plans: PlanEntry[] };
      funcs: { funcs: PlanFunction[] };
    };
    return ok({
      entries: json.plans.plans,
      strings: (json.static.strings ?? []).map(({ value }) => value),
      files: (json.static.files ?? []).map(({ value }) => value),
      functions: json.funcs.funcs,
    });
  } catch (error) {
    return fail(`The plan that OPA wrote cannot be read: ${error instanceof Error ? error.message : "fault"}.`);
  }
}
