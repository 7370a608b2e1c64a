/**
 * The stable error codes and the one place that says what each becomes on the wire.
 * Must not hold payload text: a `public` sentence goes to clients and is the same for every message.
 *
 * HTTP and JSON-RPC codes: MCP 2026-07-28 "Streamable HTTP" (−32020 header mismatch, −32022 unsupported version) and JSON-RPC 2.0
 * section 5.1. −31403 is Sluice's own: outside JSON-RPC's reserved range, so that no SDK reads a meaning into it.
 * A denial is never a 404: a legacy client would start a new session.
 */

/** What one code becomes on the wire. `http` is the status of a reply that Sluice itself writes. */
export interface ErrorSpec {
  readonly http: number;
  readonly rpc: number;
  readonly public: string;
}

export const ERRORS = {
  // The client's message cannot be accepted.
  ERR_JSON: { http: 400, rpc: -32700, public: "The body is not a JSON document with exactly one meaning." },
  ERR_MESSAGE: { http: 400, rpc: -32600, public: "The body is not one JSON-RPC 2.0 message." },
  ERR_BATCH: { http: 400, rpc: -32600, public: "Batches of messages are not accepted. Send one message per request." },
  ERR_TOO_LARGE: { http: 413, rpc: -32600, public: "The message is larger than the configured limit." },
  ERR_CONTENT_TYPE: { http: 415, rpc: -32600, public: "Content-Type must be application/json." },
  ERR_HEADER: { http: 400, rpc: -32600, public: "A request header is duplicated or malformed." },
  ERR_HEADER_MISMATCH: { http: 400, rpc: -32020, public: "A request header is missing or does not match the message body." },
  ERR_REVISION: { http: 400, rpc: -32022, public: "Unsupported protocol version." },
  ERR_UNASKED: { http: 400, rpc: -32600, public: "The message answers no outstanding request." },
  ERR_TARGET: { http: 400, rpc: -32600, public: "The request target must be /<server>/mcp, without a query." },
  ERR_HTTP: { http: 400, rpc: -32600, public: "The request is not valid HTTP." },
  ERR_HTTP_METHOD: { http: 405, rpc: -32600, public: "Method not allowed." },
  ERR_OVERLOADED: { http: 503, rpc: -31503, public: "The gateway has too much to do. Try again." },
  ERR_TIMEOUT_BODY: { http: 408, rpc: -32600, public: "The request body did not arrive in time." },
  // Who is calling, and from where.
  ERR_UNAUTHENTICATED: { http: 401, rpc: -31401, public: "Authentication required." },
  ERR_ORIGIN: { http: 403, rpc: -31403, public: "Origin not allowed." },
  ERR_HOST: { http: 403, rpc: -31403, public: "Host not allowed." },
  ERR_SESSION_OWNER: { http: 403, rpc: -31403, public: "This session belongs to another principal." },
  ERR_SERVER_UNKNOWN: { http: 404, rpc: -32600, public: "No such server is configured." },
  ERR_SERVER_DISABLED: { http: 503, rpc: -31403, public: "This server is switched off by the operator." },
  ERR_QUARANTINED: { http: 429, rpc: -31403, public: "Refused for a while: messages of this caller made the gateway stand still." },
  // Judged and refused.
  ERR_DENIED: { http: 200, rpc: -31403, public: "Blocked by policy." },
  ERR_NO_GRANT: { http: 200, rpc: -31403, public: "Blocked by policy: no rule allows this." },
  ERR_HELD: { http: 200, rpc: -31403, public: "Blocked by policy: a person has to approve this, and approvals are not available." },
  ERR_LIMITED: { http: 200, rpc: -31403, public: "Blocked by policy: a limit is used up." },
  // Could not be judged: denied as well.
  ERR_NO_POLICY: { http: 503, rpc: -31403, public: "Blocked: no policy is active." },
  ERR_POLICY_FAULT: { http: 200, rpc: -31403, public: "Blocked: the policy could not be evaluated." },
  ERR_DECISION: { http: 200, rpc: -31403, public: "Blocked: the policy gave no usable decision." },
  ERR_DETECT: { http: 200, rpc: -31403, public: "Blocked: the message could not be searched for sensitive data." },
  ERR_ENFORCE: { http: 200, rpc: -31403, public: "Blocked: the decision could not be carried out." },
  ERR_STAGE: { http: 200, rpc: -31403, public: "Blocked: an internal fault while judging the message." },
  ERR_STATE: { http: 503, rpc: -31403, public: "Blocked: what is remembered between messages cannot be reached." },
  ERR_STALLED: { http: 200, rpc: -31403, public: "Blocked: judging the message made the gateway stand still." },
  ERR_AUDIT: { http: 200, rpc: -31403, public: "Blocked: the audit record could not be written." },
  // The hop to the server.
  ERR_UPSTREAM: { http: 502, rpc: -31502, public: "The server could not be reached, or broke off." },
  ERR_UPSTREAM_TIMEOUT: { http: 504, rpc: -31504, public: "The server did not answer in time." },
  ERR_UPSTREAM_ANSWER: { http: 502, rpc: -31502, public: "The server's answer is not valid MCP and was withheld." },
  ERR_NO_ROOM: {
    http: 502,
    rpc: -31502,
    public: "The server answered, but the gateway had no room for the answer. The call may have taken effect.",
  },
  ERR_UPSTREAM_CREDENTIAL: { http: 502, rpc: -31502, public: "The server refused the credentials that the gateway gave it." },
  ERR_UPSTREAM_REFUSED: { http: 502, rpc: -31502, public: "The server refused the request." },
  ERR_INTERRUPTED: { http: 502, rpc: -31502, public: "The gateway ended before the server's answer." },
  ERR_CRASHED: { http: 502, rpc: -31502, public: "The gateway broke down before the message was answered." },
  ERR_CLIENT_GONE: { http: 499, rpc: -32603, public: "The client closed the connection." },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

/** A failure with a stable code. `detail` is for the operator's log: types, names of settings and offsets, never payload. */
export interface Failure {
  readonly code: ErrorCode;
  readonly detail?: string;
  /** Seconds after which to try again. */
  readonly retryAfter?: number;
}

/** A value or a failure: expected failures are returned, never thrown. */
export type Result<T, F = Failure> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: F };

export const ok = <T>(value: T): { ok: true; value: T } => ({ ok: true, value });
export const fail = <F>(failure: F): { ok: false; failure: F } => ({ ok: false, failure });

/** A failure on its way through an interface that can only throw (a stream, a stage). Carries no payload. */
export class Fault extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.code);
    this.name = "Fault";
    this.failure = failure;
  }
}
