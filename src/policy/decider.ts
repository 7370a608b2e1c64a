/**
 * Judges inputs with one loaded policy: engine, then lattice, with a memo before both. Must not load anything, and must never throw: a fault is
 * a decision, `error`.
 */
import type { Config, Mode } from "../config/config.ts";
import { checkPath } from "../mcp/json/path.ts";
import { decide, errorDecision } from "./decide.ts";
import type { Decision } from "./decision.ts";
import { describe, type Engine } from "./engine.ts";
import type { Phase } from "./input.ts";
import type { InputText } from "./input-text.ts";
import { DecisionMemo, LONGEST_KEY, type MemoCounts } from "./memo.ts";
import type { About } from "./sources/main-rego.ts";
import type { Waiver } from "./waivers.ts";

/** What the caller knows of the message that it wants judged. */
export interface DecideContext {
  readonly serverName: string;
  readonly phase: Phase;
  /** Unix milliseconds at which the message was complete; waivers end by it. */
  readonly now: number;
  /** Name or URI of the target, when there is one. */
  readonly target?: string | undefined;
  /** Id of the principal. */
  readonly principal: string;
}

export type Decider = (input: InputText, context: DecideContext) => Decision;

export interface DeciderParts {
  readonly config: Config;
  readonly engine: Engine;
  readonly revision: string;
  readonly about: About;
  readonly modes: ReadonlyMap<string, Mode>;
  readonly waivers: readonly Waiver[];
}

interface Judged {
  readonly decision: Decision;
  /** Of the engine's answer, in code units of its JSON text. */
  readonly size: number;
  /** Whether it is the same at any moment, for any target and principal. */
  readonly lasting: boolean;
}

/** What a server's configuration adds to a decision. */
interface Standing {
  readonly packsOff: ReadonlySet<string>;
  readonly observe: boolean;
  /** Unlike that of any other server. */
  readonly number: number;
}

type DecideNow = (input: InputText, context: DecideContext, answers?: DecisionMemo) => Judged;

/** Judges each input anew. */
export function decideAnew(parts: DeciderParts): Decider {
  const decideNow = createDecider(parts, standings(parts));
  return (input, context) => decideNow(input, context).decision;
}

/**
 * Judges what was judged before from memory. A decision depends on its input; on the server, for its packs and its mode; on the phase; and where
 * a waiver could lift one of its rules on the moment, the target and the principal: such a decision is made anew each time.
 * An input that is new mostly has an answer that is not: then the engine is asked, and its answer's decision comes from memory.
 */
export function decideWithMemo(parts: DeciderParts, counts: MemoCounts): Decider {
  const servers = standings(parts);
  const decideNow = createDecider(parts, servers);
  const memo = new DecisionMemo(MEMO_BYTES);
  const answers = new DecisionMemo(ANSWERS_BYTES);
  return (input, context) => {
    const standing = servers.get(context.serverName);
    if (typeof input !== "string" || standing === undefined || input.length > LONGEST_KEY - PREFIX_ROOM) {
      counts.skipped += 1;
      return decideNow(input, context).decision;
    }
    // No input starts with a digit, a letter or a blank: what stands before it cannot be taken for a part of it.
    const key = `${standing.number} ${context.phase} ${input}`;
    const known = memo.get(key);
    if (known !== undefined) {
      counts.hit += 1;
      return known;
    }
    counts.miss += 1;
    const { decision, size, lasting } = decideNow(input, context, answers);
    if (lasting) memo.add(key, decision, size);
    return decision;
  };
}

const MEMO_BYTES = 15 * 1024 * 1024;
const ANSWERS_BYTES = 1024 * 1024;
const PREFIX_ROOM = 32;

/** Whether a waiver was applied, or would be at another moment, for another target or principal. */
function meetsWaiver({ waived, matched, would }: Decision, waivable: ReadonlySet<string>): boolean {
  return waived !== undefined || matched.some(({ id }) => waivable.has(id)) || would.some(({ id }) => waivable.has(id));
}

function standings({ config, about }: DeciderParts): ReadonlyMap<string, Standing> {
  return new Map(
    [...config.servers.values()].map(({ name, packs, mode }, number) => [
      name,
      {
        packsOff: new Set(packs === undefined ? [] : about.packs.filter((pack) => !packs.includes(pack))),
        observe: mode === "observe",
        number,
      },
    ]),
  );
}

function createDecider(
  { config, engine, revision, about, modes, waivers }: DeciderParts,
  servers: ReadonlyMap<string, Standing>,
): DecideNow {
  const nowhere: Standing = { packsOff: new Set(), observe: config.policy.mode === "observe", number: -1 };
  const waivable = new Set(waivers.map(({ id }) => id));
  return (input, { serverName, phase, now, target, principal }, answers) => {
    const standing = servers.get(serverName) ?? (phase === "probe" ? nowhere : undefined);
    if (standing === undefined) return failed("the server is not known to the policy", revision);
    const { packsOff, observe, number } = standing;
    try {
      const evaluation = engine.evaluate(input);
      const { nonce, text } = evaluation;
      const size = text.length;
      // With the nonce that the answer has to echo: what an instance says counts for that instance.
      const key = answers === undefined ? "" : `${number} ${phase} ${nonce} ${text}`;
      const known = answers?.get(key);
      if (known !== undefined) return { decision: known, size, lasting: true };
      const facts = {
        serverName,
        phase,
        revision,
        nonce,
        packsOff,
        observe,
        modes,
        waivers,
        titles: about.titles,
        now,
        target,
        principal,
        checkPath,
      };
      const decision = decide(engine.read(evaluation), facts);
      const lasting = waivable.size === 0 || !meetsWaiver(decision, waivable);
      if (lasting) answers?.add(key, decision, size);
      return { decision, size, lasting };
    } catch (error) {
      return failed(describe(error), revision);
    }
  };
}

function failed(detail: string, revision: string): Judged {
  return { decision: errorDecision("ERR_POLICY_FAULT", detail, revision), size: 0, lasting: false };
}
