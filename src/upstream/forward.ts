/**
 * Forwards what `screen` let pass: chooses the headers that go with the bytes, brings mirrored headers into line with a changed body, and
 * hands both to the server's client. Must not be given anything that was not screened.
 */
import { type Failure, fail, type Result } from "../errors.ts";
import { forwardableHeaders } from "../mcp/forwarded-headers.ts";
import { rewriteMirrored } from "../mcp/headers.ts";
import type { JsonLimits } from "../mcp/json.ts";
import { readWholeMessage } from "../mcp/read-message.ts";
import type { Exchange, Transaction } from "../transaction.ts";
import type { Answer } from "./answer.ts";
import type { UpstreamRequest } from "./client.ts";
import type { Forwarder } from "./forwarder.ts";
import type { Gone } from "../departure.ts";

/** A message that may leave: its bytes, and what they were made from. */
export interface Leaving {
  readonly transaction: Transaction;
  readonly bytes: Buffer;
}

/** What of a client's HTTP request goes with its message. */
export interface Carrier {
  readonly method: UpstreamRequest["method"];
  readonly request: { readonly rawHeaders: readonly string[] };
  /** Aborted when the client is gone. */
  readonly gone: Gone;
}

export interface ForwardParts {
  readonly forwarder: Forwarder;
  readonly limits: JsonLimits;
}

const EXPECTS = { GET: "events", DELETE: "nothing" } as const;

/** Sends a call's message (none for GET and DELETE) to its server. */
export async function forward(parts: ForwardParts, call: Carrier, exchange: Exchange, leaving?: Leaving): Promise<Result<Answer>> {
  const headers = leavingHeaders(parts, call, exchange, leaving);
  if (!headers.ok) return headers;
  const expects = call.method === "POST" ? (leaving?.transaction.message.kind === "request" ? "message" : "nothing") : EXPECTS[call.method];
  return parts.forwarder.send({
    server: exchange.server,
    method: call.method,
    headers: headers.value,
    body: leaving?.bytes,
    expects,
    signal: call.gone,
  });
}

/** POSTs an answer of Sluice's own to the server of a call, on a connection of its own. */
export async function forwardOwn(
  parts: ForwardParts,
  call: Carrier,
  exchange: Exchange,
  body: Buffer,
  signal: Gone,
): Promise<Result<Answer>> {
  const passed = endToEnd(call, exchange).filter((_, at, all) => !OF_THE_CALL.has((all[at - (at % 2)] as string).toLowerCase()));
  const headers = [...passed, "content-type", "application/json", "accept", "application/json, text/event-stream"];
  const answer = await parts.forwarder.send({ server: exchange.server, method: "POST", headers, body, expects: "nothing", signal });
  // Nobody reads what the server has to say to it.
  if (answer.ok) answer.value.body.skip();
  return answer;
}

/** Headers that say something about the message of the call, which is not the one that is sent. */
const OF_THE_CALL: ReadonlySet<string> = new Set(["content-type", "accept", "last-event-id", "mcp-method", "mcp-name"]);

function leavingHeaders(parts: ForwardParts, call: Carrier, exchange: Exchange, leaving: Leaving | undefined): Result<string[], Failure> {
  const headers = endToEnd(call, exchange);
  if (leaving === undefined || leaving.bytes === leaving.transaction.message.document.bytes) return { ok: true, value: headers };
  const final = readWholeMessage(leaving.bytes, parts.limits);
  if (!final.ok) return fail({ code: "ERR_ENFORCE", detail: "the changed message cannot be read" });
  return { ok: true, value: rewriteMirrored(headers, final.value) };
}

/** A key of Sluice's own, in whatever header it was put. */
const OWN_PREFIX = "sluice_";
const OWN_KEY = /sluice_[0-9A-Za-z]{32}/;

function endToEnd(call: Carrier, exchange: Exchange): string[] {
  const consumed: readonly string[] = exchange.consumed;
  const headers = forwardableHeaders(call.request.rawHeaders, { authorization: exchange.server.authorization });
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name, value] = [headers[at] as string, headers[at + 1] as string];
    const isConsumed = consumed.length > 0 && consumed.includes(name.toLowerCase());
    if (!isConsumed && !(value.includes(OWN_PREFIX) && OWN_KEY.test(value))) kept.push(name, value);
  }
  return kept;
}
