/**
 * Remembers decisions by the exact text that they were made from: the engine's input, or its answer. A compiled policy is a pure function of
 * its input, so the same text gives the same decision; a memo belongs to one loaded policy and goes with it. Keys hold what policies read of
 * traffic: in memory only, never logged. Must not remember an error, and must not decide what else a decision depends on: that is in the key.
 */
import { deepFreeze } from "../config/freeze.ts";
import type { Decision } from "./decision.ts";
import { Generations } from "./generations.ts";

/** How often the memo answered, had no answer, or was not asked. Counted up by whoever asks. */
export interface MemoCounts {
  hit: number;
  miss: number;
  skipped: number;
}

/** Longer inputs (UTF-16 code units) hold traffic and hardly ever come again. */
export const LONGEST_KEY = 2_048;
/** Decisions out of longer answers are not kept either. */
const LONGEST_ANSWER = 4_096;
/** What a decision takes in memory per code unit of the answer that it was read from, at most. */
const DECISION_BYTES = 8;

export class DecisionMemo {
  readonly #decisions: Generations<Decision>;

  constructor(bytes: number) {
    this.#decisions = new Generations(bytes);
  }

  get bytes(): number {
    return this.#decisions.bytes;
  }

  get size(): number {
    return this.#decisions.size;
  }

  get(key: string): Decision | undefined {
    return this.#decisions.get(key);
  }

  /** `answerSize`: of the answer that the decision was read from, in code units of its JSON text. The decision is frozen. */
  add(key: string, decision: Decision, answerSize: number): void {
    if (decision.effect === "error" || key.length > LONGEST_KEY || answerSize > LONGEST_ANSWER) return;
    this.#decisions.add(key, deepFreeze(decision), answerSize * DECISION_BYTES);
  }
}
