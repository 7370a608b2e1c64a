/**
 * What kind of answer a server gave, by status and media type, before anything in it is read. Must not look at the body.
 * MCP "Streamable HTTP": a POSTed request is answered by JSON or a stream of events; anything else that is accepted has no body.
 */
import { fail, ok, type Failure, type Result } from "../errors.ts";
import { answerHeaders } from "../mcp/forwarded-headers.ts";
import type { BodyQueue } from "./body-queue.ts";
import type { UpstreamAnswer } from "./client.ts";

/**
 * `json`: a message is expected in the body, with a status of 2xx, or of 4xx and 5xx as clients negotiate by it. `refusal`: a 4xx or 5xx
 * without one, or one about credentials, whose body is withheld.
 */
export interface Answer {
  readonly form: "json" | "events" | "empty" | "refusal";
  readonly status: number;
  /** End-to-end headers that may pass. */
  readonly headers: readonly string[];
  readonly body: BodyQueue;
}

export interface Expectation {
  /** What the client's request may be answered with. */
  readonly expects: "message" | "events" | "nothing";
  /** Whether the server may ask the client for credentials: only where the client's own go through. */
  readonly challenges: boolean;
  /** Longest pause in a body that is read as a whole, in milliseconds. */
  readonly bodyMs: number;
}

export function classify(answer: UpstreamAnswer, { expects, challenges, bodyMs }: Expectation): Result<Answer> {
  const { status, body } = answer;
  const type = header(answer.headers, "content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  const encoding = header(answer.headers, "content-encoding")?.trim().toLowerCase() ?? "identity";
  const isJson = type === "application/json";
  const accept = (form: Answer["form"]): Result<Answer> => {
    // A stream has no end that could be waited for.
    if (form === "empty" || form === "refusal") {
      if (type === "text/event-stream") body.abort();
      else body.skip();
    }
    if (form === "json") body.expectWithin(bodyMs);
    return ok({ form, status, headers: answerHeaders(answer.headers, { challenges }), body });
  };
  const refuse = (detail: string): Result<Answer, Failure> => {
    body.abort();
    return fail({ code: "ERR_UPSTREAM_ANSWER", detail });
  };
  if (encoding !== "identity") return refuse("the answer is encoded, although identity was asked for");
  if (status >= 400) return accept(isJson && status !== 401 && status !== 403 ? "json" : "refusal");
  if (status >= 300) return refuse(`redirect (status ${status}); put the final address into the configuration`);
  if (expects === "nothing") return accept("empty");
  if (type === "text/event-stream" && status === 200) {
    if (answer.rest()) return accept("events");
    body.abort();
    return fail({ code: "ERR_UPSTREAM_TIMEOUT", detail: "too many streams are open (limits.connections)" });
  }
  if (isJson && expects === "message") return accept("json");
  return refuse(`status ${status} with a content type that is neither JSON nor an event stream`);
}

function header(flat: readonly string[], name: string): string | undefined {
  for (let at = 0; at + 1 < flat.length; at += 2) if (flat[at]?.toLowerCase() === name) return flat[at + 1];
  return undefined;
}
