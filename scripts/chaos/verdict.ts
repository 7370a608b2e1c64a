/** What an answer means for the client that got it: answered, denied or errored, and the decision it names. Must not keep text of it. */
import type { Ending } from "./ledger.ts";

export interface Verdict {
  readonly ending: Extract<Ending, "answered" | "denied" | "errored">;
  readonly decisionId: string | undefined;
  readonly note: string | undefined;
}

interface Answer {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly result?: { readonly isError?: unknown; readonly content?: readonly { readonly text?: unknown }[] };
  readonly error?: { readonly code?: unknown; readonly data?: { readonly decision_id?: unknown } };
}

const DENIED = /^Blocked.* Decision: ([\w-]+)\.$/s;
/** Codes of Sluice's own begin like this; see src/errors.ts. */
const DENIAL = -31403;

/** Reads one JSON-RPC message; undefined when it is none. */
export function readAnswer(text: string): Answer | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

export function isCall(answer: Answer): boolean {
  return answer.method !== undefined;
}

export function verdictOn({ result, error }: Answer, status: number): Verdict {
  if (error !== undefined) {
    const id = error.data?.decision_id;
    const decisionId = typeof id === "string" ? id : undefined;
    const note = `code ${String(error.code)}`;
    if (decisionId === undefined && status < 400) return { ending: "answered", decisionId, note };
    return { ending: error.code === DENIAL ? "denied" : "errored", decisionId, note };
  }
  const said = result?.isError === true ? result.content?.[0]?.text : undefined;
  const decisionId = typeof said === "string" ? DENIED.exec(said)?.[1] : undefined;
  return { ending: decisionId === undefined ? "answered" : "denied", decisionId, note: undefined };
}
