/**
 * The text of docs/errors.md from src/errors.ts: every code, what it becomes on the wire, and what to do about it. `npm run generate`
 * writes the file; a test compares it with what this would write. Must not state a status or a sentence that src/errors.ts does not.
 */
import { join } from "node:path";
import { ERRORS, type ErrorCode } from "../src/errors.ts";

export const ERROR_DOCS_FILE = join(import.meta.dirname, "..", "docs", "errors.md");

const GROUPS = [
  "The client's request cannot be accepted",
  "Who is calling, and from where",
  "Judged and refused",
  "Could not be judged, and is refused for that",
  "The hop to the server",
] as const;

interface Explanation {
  readonly group: (typeof GROUPS)[number];
  /** When it happens, and what to do. */
  readonly about: string;
}

const client = (about: string): Explanation => ({ group: GROUPS[0], about });
const caller = (about: string): Explanation => ({ group: GROUPS[1], about });
const judged = (about: string): Explanation => ({ group: GROUPS[2], about });
const unjudged = (about: string): Explanation => ({ group: GROUPS[3], about });
const upstream = (about: string): Explanation => ({ group: GROUPS[4], about });

/** Every code has its line: a new one does not compile without. */
const EXPLANATIONS: Record<ErrorCode, Explanation> = {
  ERR_JSON: client(
    "Invalid UTF-8, a byte order mark, a duplicate key, a lone surrogate, a number that is not finite, text behind the document. Two readers could understand it differently, so nobody gets it.",
  ),
  ERR_MESSAGE: client(
    "Valid JSON, but not one JSON-RPC 2.0 message: members missing, of the wrong type, or spelled so that another parser could take them for protocol members (`Method`, `params\\u0000`).",
  ),
  ERR_BATCH: client("A JSON array. Batches are not part of any current revision; send the messages one by one."),
  ERR_TOO_LARGE: client("Beyond `limits.body`, `depth`, `nodes`, `string` or, without its long strings, `policy_text`."),
  ERR_CONTENT_TYPE: client("Anything but `application/json`, with no parameter but `charset=utf-8`."),
  ERR_HEADER: client(
    "Duplicate `Content-Type`, `Authorization`, `X-API-Key` or `Mcp-*` headers, a body on a GET or DELETE, trailers, a session id that is not visible ASCII, or one in 2026-07-28, which has no sessions.",
  ),
  ERR_HEADER_MISMATCH: client(
    "2026-07-28: `MCP-Protocol-Version`, `Mcp-Method`, `Mcp-Name` or an `Mcp-Param-*` header is missing where it is required, or says something else than the body.",
  ),
  ERR_REVISION: client("A revision that Sluice does not know. `error.data.supported` lists those that it does."),
  ERR_UNASKED: client(
    "A result or error whose request did not pass here, is forgotten, was answered already, or shares its id with another one of the session. From a server it is dropped and counted as `sluice_unexpected_answers_total`.",
  ),
  ERR_TARGET: client("A query, or an absolute-form target. Put a query that the server needs into `servers.<name>.url`."),
  ERR_HTTP: client("Ambiguous or malformed HTTP, such as two lengths."),
  ERR_HTTP_METHOD: client("Not POST, GET or DELETE; under 2026-07-28, not POST."),
  ERR_OVERLOADED: client(
    "Too many calls in flight (`limits.in_flight`), too many bytes held for them (`limits.buffered`), an event loop that is late all the time (`limits.lag_ms`), or one that messages of this caller hold for long again and again; `detail` says which, and `by one caller` where that caller alone has too much. Nothing was forwarded: after `Retry-After` the same request may be sent again.",
  ),
  ERR_TIMEOUT_BODY: client("The body was not complete within `limits.body_ms`."),
  ERR_UNAUTHENTICATED: caller("No API key, an unknown or expired one, or two different ones. The audit record says which."),
  ERR_ORIGIN: caller("The request carries an `Origin` that is not under `allowed_origins`: a page in a browser is calling."),
  ERR_HOST: caller("`Host` is not an address of this listener nor under `allowed_hosts` (DNS rebinding)."),
  ERR_SESSION_OWNER: caller("The session id was opened by another principal. Nothing is forwarded."),
  ERR_SERVER_UNKNOWN: caller("The path is not `/<server>/mcp` of a configured server."),
  ERR_SERVER_DISABLED: caller("`servers.<name>.disabled` is true."),
  ERR_QUARANTINED: caller(
    "Messages of this caller made a worker stand still twice (`ERR_STALLED`). It is refused for `limits.quarantine_s`; `Retry-After` says how long that still is. See [operations.md](operations.md#a-worker-that-stands-still).",
  ),
  ERR_DENIED: judged("A rule denied. `data.rules` (of a tool call: the text) names it; the audit record has its message."),
  ERR_NO_GRANT: judged(
    "No rule allowed the request, notification or list entry. See the pack `protocol_and_identity` and its setting `access`.",
  ),
  ERR_HELD: judged("A rule asked for a person's approval. There are no approvals yet, so holding refuses."),
  ERR_LIMITED: judged("A counter of a `limit` rule is used up; `retry_after_s` says when to try again."),
  ERR_NO_POLICY: unjudged("The gateway has no active policy. `/readyz` answers 503 as well."),
  ERR_POLICY_FAULT: unjudged(
    "The engine trapped, ran out of memory or was not given a usable input. The instance is thrown away. `detail` in the audit record says what stopped it; `out of memory` is about `limits.policy_memory`.",
  ),
  ERR_DECISION: unjudged(
    "The policy's answer is not what the contract says: an unknown field, a wrong type, a missing canary, two rewrites of one place, a path that no policy may change. `detail` in the audit record says which.",
  ),
  ERR_DETECT: unjudged("The search for sensitive data failed."),
  ERR_ENFORCE: unjudged(
    "A redaction or rewrite could not be carried out on these bytes: an `add` whose parent is not there or is no object or array, a secret that a rewrite brought in, a finding to redact in a member that nobody may change, or a redaction that never comes to rest. Nothing is forwarded.",
  ),
  ERR_STAGE: unjudged("A fault of Sluice itself, or a stage that did not answer in time. Report it."),
  ERR_STATE: unjudged("A worker did not reach the supervisor, where sessions, labels and limits are. Its log says whether it is there."),
  ERR_STALLED: unjudged(
    "Being judged when the event loop had stood still for `limits.stall_ms`: the process was ended, and nothing of the message was forwarded. Only in audit records. Look for the rule that takes so long on such a message.",
  ),
  ERR_AUDIT: unjudged(
    "The record could not be written and `audit.on_error` is `deny`. Free the disk; records are written again by themselves.",
  ),
  ERR_UPSTREAM: upstream("No connection, a TLS failure, or a connection that broke."),
  ERR_UPSTREAM_TIMEOUT: upstream(
    "No first byte within `limits.upstream_ms`, a JSON answer that paused for as long, silence on a stream for `limits.idle_ms`, no free connection within `limits.connect_ms`, or too many open streams (`limits.connections`).",
  ),
  ERR_UPSTREAM_ANSWER: upstream(
    "A redirect, a 2xx that is neither JSON nor an event stream, a compressed body, JSON with more than one meaning, or an answer to another request. Its body is withheld.",
  ),
  ERR_NO_ROOM: upstream(
    "Twice `limits.buffered` was held when the server's answer arrived: it was dropped. The call was forwarded, so it is not for blind repetition. Counted as `sluice_upstream_errors_total`.",
  ),
  ERR_UPSTREAM_CREDENTIAL: upstream(
    "401 or 403: the credentials under `servers.<name>.headers` are wrong or lack a scope; the status is kept. Also a secret reference that cannot be read any more. Counted as `sluice_upstream_credential_failures_total`.",
  ),
  ERR_UPSTREAM_REFUSED: upstream(
    "Another 4xx or 5xx without a JSON-RPC body. The status is kept, because clients negotiate by it; the body is withheld.",
  ),
  ERR_INTERRUPTED: upstream(
    "The call was with its server when the process ended: its event loop stood still, its supervisor was gone, or it was told to stop and `limits.drain_s` was over. Whether the server did what it was asked is unknown. Told to a client only at the end of a stop: in the other cases its connection is gone..",
  ),
  ERR_CRASHED: upstream(
    "The process ended on a fault of its own. A `message` with this reason was not forwarded; a `synthetic` record says that the call was with its server. Only in audit records. Report it.",
  ),
  ERR_CLIENT_GONE: upstream("The client hung up before its answer. Only in audit records: nobody is left to be told."),
};

const INTRODUCTION = `# Errors

<!-- Generated from src/errors.ts (npm run generate). -->

Codes are stable. They stand in the audit record (\`reason\`) and, for requests that were refused before there was a message, in the label
\`code\` of \`sluice_refused_total\`. The wire carries the HTTP status, the JSON-RPC code and the sentence below, the same for every
message: never a word of the message itself.

What a refusal looks like:

| Refused | Answer |
|---|---|
| \`tools/call\`, or its result | HTTP 200 and a tool result with \`isError: true\`, whose text names rule and decision id: the model can read it |
| another request, or its answer | HTTP 200 and a JSON-RPC error with \`data: {decision_id, rules}\` |
| a client's notification | 202 and dropped; under 2026-07-28 HTTP 400 |
| a client's answer to its server | an error answer goes to the server in its place |
| a server's request | taken off the stream; Sluice answers the server with an error |
| a server's notification | taken off the stream; the stream goes on |

JSON-RPC code −31403 is Sluice's own, outside the reserved range. A denial is never 404: legacy clients would open a new session.
\`decision_id\` leads to the audit record.
`;

/** The whole page. */
export function errorDocs(): string {
  const sections = GROUPS.map((group) => {
    const codes = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => EXPLANATIONS[code].group === group);
    const rows = codes.map((code) => {
      const { http, rpc, public: sentence } = ERRORS[code];
      return `| \`${code}\` | ${http} | ${String(rpc).replace("-", "−")} | ${sentence} | ${EXPLANATIONS[code].about} |`;
    });
    return `## ${group}\n\n| Code | HTTP | JSON-RPC | On the wire | When, and what to do |\n|---|---|---|---|---|\n${rows.join("\n")}\n`;
  });
  return [INTRODUCTION, ...sections].join("\n");
}
