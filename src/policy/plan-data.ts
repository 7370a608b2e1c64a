/**
 * Which data a plan reads that does not exist. Must not guess.
 */
import type { Plan } from "./plan.ts";
import type { Slip } from "./rule-check.ts";
import type { Tree } from "./tree.ts";

export function missingData(_plan: Plan, _data: Tree): Slip[] {
  return [];
}
