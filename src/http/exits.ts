/**
 * Every way out of the pipeline other than a forwarded message: what the client is told, what the server is told, what is recorded.
 * Must not judge, and must never put a message's text into an answer of its own.
 */
import { randomUUID } from "node:crypto";
import type { Recorder } from "../audit/recorder.ts";
import { denialAnswer } from "../enforce/denial.ts";
import { ERRORS, type Failure } from "../errors.ts";
import { errorAnswer, type Message } from "../mcp/message.ts";
import { unsupportedRevision } from "../mcp/revisions.ts";
import { type SseChanges, type SseEvent, writeEvent } from "../mcp/sse.ts";
import type { Outcome, Transaction } from "../transaction.ts";
import type { Answer } from "../upstream/answer.ts";
import type { Caller } from "./admission.ts";
import type { Call, Hop } from "./call.ts";

export interface ExitParts {
  readonly recorder: Recorder;
  /** Replaces whatever the detectors find in a text. */
  readonly screenText: (text: string) => string;
  /** Sends an answer of Sluice's own to a server, without waiting for it. */
  readonly answerServer: (hop: Hop, body: Buffer) => void;
}

/** Comments, ids and event names are text that a model may see; longer ones carry something else than what they are for. */
const LONGEST_ID = 1024;
const LONGEST_COMMENT = 1024;

export class Exits {
  readonly #parts: ExitParts;
  /** Streams of a session on which an event with an id came, and the client got it: it can resume those. */
  readonly #resumable = new WeakSet<Hop>();

  constructor(parts: ExitParts) {
    this.#parts = parts;
  }

  /** The HTTP request held nothing to judge. */
  refuse(call: Call, failure: Failure, caller?: Caller, message?: Message): void {
    const principal = caller === undefined ? undefined : { id: caller.principal.id, method: caller.principal.method };
    const exchangeId = caller?.exchangeId ?? randomUUID();
    this.#parts.recorder.refused({ exchangeId, server: call.server.name, principal, ip: call.ip, httpMethod: call.method }, failure);
    const data = failure.code === "ERR_REVISION" ? unsupportedRevision(call.request.rawHeaders, message) : {};
    const { code, retryAfter } = failure;
    const [later, headers] = retryAfter === undefined ? [{}, []] : [{ retry_after_s: retryAfter }, ["retry-after", String(retryAfter)]];
    const id = message?.kind === "request" ? message.id : undefined;
    call.reply.refuse(code, id, { ...data, decision_id: exchangeId, ...later }, undefined, headers);
  }

  /** A client's message was judged and may not pass. */
  deny(call: Call, transaction: Transaction, outcome: Outcome): void {
    const { message, exchange } = transaction;
    if (message.kind === "request") {
      call.reply.json(200, [], denialAnswer(message.id, message.method, exchange.era, outcome));
    } else if (message.kind === "notification" && exchange.era === "legacy") {
      call.reply.empty(202, []);
    } else {
      // The modern revision wants an HTTP error for a notification; an answer that nobody asked for is the client's mistake.
      call.reply.refuse(outcome.reason ?? "ERR_DENIED", undefined, { decision_id: outcome.decisionId, rules: outcome.rules }, 400);
    }
  }

  /** The server gave no usable answer. A status of 4xx or 5xx is kept: clients negotiate by it. */
  fault(hop: Hop, failure: Failure, answer?: Answer): void {
    if (hop.call.reply.stopped) return;
    const status = answer !== undefined && answer.status >= 400 ? answer.status : undefined;
    const { gone, reply } = hop.call;
    const reason = status === 401 || status === 403 ? "ERR_UPSTREAM_CREDENTIAL" : upstreamCode(failure);
    const code = reply.interrupted ? "ERR_INTERRUPTED" : reason;
    const id = this.#unanswered(hop, { ...failure, code }, answer?.status);
    if (gone.aborted && !reply.interrupted) return reply.break();
    hop.call.reply.refuse(code, hop.asked?.id, { decision_id: id }, status, answer?.headers);
  }

  /** A stream has ended. A request that still waits gets an error, unless the client can resume the stream. */
  end(hop: Hop, broken: Failure | undefined): void {
    if (hop.call.reply.stopped) return;
    const waits = hop.asked?.open === true;
    if (broken === undefined && (!waits || this.#resumable.has(hop))) return hop.call.reply.end();
    const failure: Failure = broken ?? { code: "ERR_UPSTREAM_ANSWER", detail: "the stream ended without an answer" };
    const { gone, reply } = hop.call;
    const code = reply.interrupted ? "ERR_INTERRUPTED" : upstreamCode(failure);
    const decisionId = this.#unanswered(hop, { ...failure, code });
    if (gone.aborted && !reply.interrupted) return reply.break();
    if (waits)
      hop.call.reply.last(writeEvent(errorAnswer(hop.asked?.id, ERRORS[code].rpc, ERRORS[code].public, { decision_id: decisionId })));
    else hop.call.reply.end();
  }

  /** An event whose data is no message. */
  unreadable(hop: Hop, failure: Failure): void {
    this.#unanswered({ ...hop, asked: undefined }, { ...failure, code: "ERR_UPSTREAM_ANSWER" });
  }

  /** What must not leave of an event besides its data; undefined when it is clean. Also notes whether the stream can be resumed. */
  cleanEvent(hop: Hop, event: SseEvent): SseChanges | undefined {
    const { screenText } = this.#parts;
    const plain = (text: string, longest: number): boolean => text.length <= longest && screenText(text) === text;
    const dropId = event.id !== undefined && !plain(event.id, LONGEST_ID);
    const dropName = event.name !== undefined && event.name !== "message";
    const blankComments = event.comments.some((comment) => !plain(comment, LONGEST_COMMENT));
    if (hop.exchange.session !== undefined && event.id !== undefined && event.id !== "") {
      if (hop.asked !== undefined) hop.asked.resumable = true;
      if (!dropId) this.#resumable.add(hop);
    }
    return dropId || dropName || blankComments || event.unknown > 0 ? { dropId, dropName, blankComments } : undefined;
  }

  /** A server's request may not pass: the server is told so by Sluice itself, and does not wait for ever. */
  answerServer(hop: Hop, transaction: Transaction, outcome: Outcome): void {
    const { message, exchange } = transaction;
    // The modern revision has no requests of servers and no answers of clients.
    if (exchange.era === "modern" || message.id === undefined) return;
    this.#parts.answerServer(hop, denialAnswer(message.id, message.method, exchange.era, outcome));
  }

  #unanswered(hop: Hop, failure: Failure, status?: number): string {
    const decisionId = hop.exchange.nextDecisionId();
    const { gone, reply } = hop.call;
    const actual: Failure = reply.interrupted ? { code: "ERR_INTERRUPTED" } : gone.aborted ? { code: "ERR_CLIENT_GONE" } : failure;
    this.#parts.recorder.unanswered(hop.exchange, hop.asked, actual, decisionId, status);
    return decisionId;
  }
}

const OF_READING: ReadonlySet<Failure["code"]> = new Set(["ERR_JSON", "ERR_MESSAGE", "ERR_BATCH", "ERR_TOO_LARGE"]);

/** A failure of reading the server's bytes is the server's failure, whatever it is called for a client. */
function upstreamCode({ code }: Failure): Failure["code"] {
  return OF_READING.has(code) ? "ERR_UPSTREAM_ANSWER" : code;
}
