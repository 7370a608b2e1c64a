/**
 * What the other side gets instead of a message that may not pass: terse, the same words for every message, with the ids that lead to
 * the audit record. Must not quote the message.
 *
 * A denied `tools/call` is answered by a tool result with `isError`, which the model can read and adapt to; everything else by a
 * JSON-RPC error, which is what clients show. MCP 2025-11-25 and 2026-07-28, tools, "Error Handling".
 */
import { ERRORS } from "../errors.ts";
import { errorAnswer, toolRefusal, type RpcId } from "../mcp/message.ts";
import type { Era, Outcome } from "../transaction.ts";

/** Stands in for the answer to a request: because the request, or the answer to it, may not pass. */
export function denialAnswer(id: RpcId | undefined, method: string | undefined, era: Era, outcome: Outcome): Buffer {
  const { rpc, public: text } = ERRORS[outcome.reason ?? "ERR_DENIED"];
  if (method === "tools/call" && id !== undefined) return toolRefusal(id, denialText(text, outcome), era === "modern");
  return errorAnswer(id, rpc, text, {
    decision_id: outcome.decisionId,
    rules: outcome.rules,
    ...(outcome.retryAfter === undefined ? {} : { retry_after_s: outcome.retryAfter }),
  });
}

function denialText(text: string, outcome: Outcome): string {
  const rules = outcome.rules.length === 0 ? "" : ` Rule: ${outcome.rules.join(", ")}.`;
  const retry = outcome.retryAfter === undefined ? "" : ` Try again in ${outcome.retryAfter} s.`;
  return `${text}${rules}${retry} Decision: ${outcome.decisionId}.`;
}
