/**
 * Records every message exactly once: audit line, metrics, log. A record that cannot be written turns the message into a denial, or is
 * counted when the operator chose to go on. Must not judge, and must not write anything from a message that is not printable.
 */
import type { Config } from "../config/config.ts";
import type { Failure } from "../errors.ts";
import type { Message } from "../mcp/message.ts";
import { targetOf } from "../mcp/methods.ts";
import { faultName, type Logger } from "../observe/logger.ts";
import type { Metrics } from "../observe/metrics.ts";
import { type Asked, type Exchange, type Outcome, type Transaction, withheld } from "../transaction.ts";
import type { InFlight, Slot } from "../watch/in-flight.ts";
import { TEXT_BYTES } from "../watch/layout.js";
import { auditFindings, auditRules, type AuditRecord, HIDDEN, printable, printableUri } from "./record.ts";
import type { AuditSink } from "./sink.ts";

export interface RecorderParts {
  readonly sink: AuditSink;
  readonly onError: Config["audit"]["on_error"];
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Replaces whatever the detectors find in a text. */
  readonly screenText: (text: string) => string;
  /** Unix milliseconds. */
  readonly clock: () => number;
  /** Milliseconds, monotonic. */
  readonly ticks: () => number;
  /** What is under way, for whoever has to record it when this process cannot. */
  readonly inFlight: InFlight;
}

/** A message that is being judged. */
export interface Entry {
  readonly transaction: Transaction;
  /** Why it is not to be judged at all. */
  readonly refusal: Failure | undefined;
  readonly startedTicks: number;
  readonly slot: Slot | undefined;
  readonly head: MessageHead;
}

/** What is known of a request that was refused before it was a message. */
export interface Refused {
  readonly exchangeId: string;
  /** Undefined when the request named none that is configured. */
  readonly server: string | undefined;
  readonly principal: { id: string; method: string } | undefined;
  readonly ip: string;
  readonly httpMethod: string;
}

type Head = Pick<AuditRecord, "schema" | "time" | "decision_id" | "exchange_id" | "server" | "principal" | "client_ip">;
/** What is known of a message's record before it is judged. */
type MessageHead = Omit<Head, "schema" | "time"> &
  Pick<AuditRecord, "direction" | "kind"> &
  Partial<Pick<AuditRecord, "phase" | "method" | "message_kind" | "rpc_id" | "target" | "bytes_in">>;

export class Recorder {
  readonly #parts: RecorderParts;
  /** Names are few and come in every record: each is searched once. */
  readonly #screenName: (name: string) => string;
  /** Entries of clients' requests that have gone to their servers, by the request. */
  readonly #forwarded = new Map<Message | undefined, Slot>();
  #failing = false;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#screenName = remembering(parts.screenText);
  }

  /** A message begins to be judged: from here on it is on record whatever happens to this process. */
  enter(transaction: Transaction): Entry {
    const { inFlight, ticks } = this.#parts;
    const startedTicks = ticks();
    let head: MessageHead;
    let refusal: Failure | undefined;
    try {
      head = this.#messageHead(transaction);
    } catch (fault) {
      // What cannot be described is not let through, and is on record all the same.
      head = bareHead(transaction);
      refusal = { code: "ERR_AUDIT", detail: `record: ${faultName(fault)}` };
    }
    const request = this.#forwarded.get(transaction.answers?.message);
    if (request !== undefined) {
      this.#forwarded.delete(transaction.answers?.message);
      inFlight.answer(request, headText(head));
      return { transaction, refusal, startedTicks, slot: request, head };
    }
    const slot = inFlight.enter(headText(head));
    if (slot === undefined) refusal ??= { code: "ERR_OVERLOADED", detail: "too many messages are under way" };
    return { transaction, refusal, startedTicks, slot, head };
  }

  /** Records a judged message; answers its outcome, or a denial when the record is required and cannot be written. */
  message({ transaction, slot, head, startedTicks }: Entry, outcome: Outcome): Outcome {
    const { metrics, ticks, inFlight } = this.#parts;
    const elapsed = ticks() - startedTicks;
    if (slot !== undefined) inFlight.judged(slot);
    let final = outcome;
    let record: AuditRecord;
    try {
      record = this.#messageRecord(head, outcome, elapsed);
    } catch (fault) {
      final = withheld(transaction, { code: "ERR_AUDIT", detail: `record: ${faultName(fault)}` });
      record = this.#bareRecord(transaction, final);
    }
    if (!this.#write(record)) final = withheld(transaction, { code: "ERR_AUDIT" });
    const method = transaction.message.method ?? transaction.answers?.method;
    metrics.message(transaction.exchange.server.name, method, transaction.direction, final.effect, elapsed / 1000);
    if (final.reason === "ERR_UNASKED" && transaction.direction === "server_to_client")
      metrics.unexpectedAnswer(transaction.exchange.server.name);
    if (slot !== undefined) this.#moveOn(transaction, slot, final);
    return final;
  }

  /** A client's request is no longer under way: its call has ended, however. */
  ended({ message }: Transaction): void {
    const slot = this.#claim(message);
    if (slot !== undefined) this.#parts.inFlight.leave(slot);
  }

  /** An HTTP request that held no message to judge. Nothing was forwarded, so a failing audit cannot make it worse. */
  refused(refused: Refused, failure: Failure): void {
    this.#parts.metrics.refused(refused.server, failure.code);
    this.#write({
      ...this.#stamp(),
      decision_id: refused.exchangeId,
      exchange_id: refused.exchangeId,
      server: refused.server ?? "none",
      principal: refused.principal ?? { id: "unknown", method: "none" },
      client_ip: refused.ip,
      direction: "client_to_server",
      kind: "refused",
      method: this.#name(refused.httpMethod),
      effect: "error",
      reason: failure.code,
      ...(failure.detail === undefined ? {} : { detail: failure.detail }),
      rules: [],
    });
  }

  /** A GET or DELETE that is about to be forwarded. False when it must not be. */
  transport(exchange: Exchange, httpMethod: string): boolean {
    return this.#write({
      ...this.#exchangeHead(exchange, exchange.id),
      direction: "client_to_server",
      kind: "transport",
      method: httpMethod,
      effect: "allow",
      rules: [],
    });
  }

  /** Bytes of a server that are no message, or an answer that Sluice gave because none came. */
  unanswered(exchange: Exchange, asked: Asked | undefined, failure: Failure, decisionId: string, status?: number): void {
    const { metrics, log } = this.#parts;
    const server = exchange.server.name;
    metrics.upstreamFault(server, failure.code);
    const level = failure.code === "ERR_UPSTREAM_REFUSED" || failure.code === "ERR_CLIENT_GONE" ? "debug" : "warn";
    log[level]({ server, code: failure.code, detail: failure.detail, status, decision_id: decisionId }, "no usable answer from the server");
    const slot = this.#claim(asked?.request.message);
    this.#write({
      ...this.#exchangeHead(exchange, decisionId),
      direction: "server_to_client",
      kind: "synthetic",
      ...(asked === undefined ? {} : { method: this.#name(asked.request.method) }),
      effect: "error",
      reason: failure.code,
      ...(failure.detail === undefined ? {} : { detail: failure.detail }),
      rules: [],
      ...(status === undefined ? {} : { upstream_status: status }),
    });
    if (slot !== undefined) this.#parts.inFlight.leave(slot);
  }

  /** A request that may leave stays under way until it is answered; nothing else does. */
  #moveOn({ message, direction }: Transaction, slot: Slot, final: Outcome): void {
    const { inFlight } = this.#parts;
    if (message.kind !== "request" || direction !== "client_to_server" || final.bytes === undefined) return inFlight.leave(slot);
    this.#forwarded.set(message, slot);
    inFlight.forwarded(slot);
  }

  /** Takes a forwarded request out of what is under way, before its failure is recorded. */
  #claim(request: Message | undefined): Slot | undefined {
    const slot = this.#forwarded.get(request);
    if (slot === undefined) return undefined;
    this.#forwarded.delete(request);
    this.#parts.inFlight.failed(slot);
    return slot;
  }

  #messageHead(transaction: Transaction): MessageHead {
    const { screenText } = this.#parts;
    const { message, answers } = transaction;
    const subject = answers === undefined ? message : answers.message;
    const target = subject === undefined ? undefined : targetOf(subject);
    const method = message.method ?? answers?.method;
    const id = message.id === undefined ? Number.NaN : Number(message.id.raw);
    return {
      ...bareHead(transaction),
      phase: message.kind === "request" || message.kind === "notification" ? message.kind : "response",
      ...(method === undefined ? {} : { method: this.#name(method) }),
      ...(Number.isSafeInteger(id) ? { rpc_id: id } : {}),
      ...(target === undefined
        ? {}
        : {
            target: {
              kind: target.kind,
              name: target.name === undefined ? printableUri(target.uri ?? "", screenText) : this.#name(target.name),
            },
          }),
    };
  }

  #messageRecord(head: MessageHead, outcome: Outcome, elapsedMs: number): AuditRecord {
    const { screenText } = this.#parts;
    const { decision, findings } = outcome;
    return {
      ...this.#stamp(),
      ...head,
      effect: outcome.effect,
      ...(outcome.reason === undefined ? {} : { reason: outcome.reason }),
      ...(outcome.detail === undefined ? {} : { detail: outcome.detail }),
      rules: decision === undefined ? [] : auditRules(decision.matched, screenText),
      ...(decision === undefined || decision.would.length === 0 ? {} : { would: auditRules(decision.would, screenText) }),
      ...(decision?.wouldBe === undefined ? {} : { would_be: decision.wouldBe.effect }),
      ...(decision?.waived === undefined ? {} : { waived: [...decision.waived] }),
      ...(decision === undefined || decision.grants.length === 0 ? {} : { grants: decision.grants.map((grant) => grant.id) }),
      ...(findings === undefined || findings.list.length === 0 ? {} : { findings: auditFindings(findings.list, this.#screenName) }),
      ...(findings?.capped === true ? { findings_capped: true as const } : {}),
      ...(outcome.list === undefined
        ? {}
        : {
            list: {
              total: outcome.list.total,
              hidden_total: outcome.list.hidden.length,
              hidden: outcome.list.hidden.slice(0, HIDDEN).map((item) => ({ name: this.#name(item.name), rules: [...item.rules] })),
            },
          }),
      bytes_out: outcome.bytes?.length ?? 0,
      latency_us: Math.round(elapsedMs * 1000),
      ...(decision === undefined ? {} : { revision: decision.revision }),
    };
  }

  /** What is on record of a message that cannot be described. */
  #bareRecord(transaction: Transaction, { effect, reason, detail }: Outcome): AuditRecord {
    return {
      ...this.#stamp(),
      ...bareHead(transaction),
      effect,
      ...(reason === undefined ? {} : { reason }),
      ...(detail === undefined ? {} : { detail }),
      rules: [],
    };
  }

  #name(name: string): string {
    return printable(name, this.#screenName);
  }

  #exchangeHead(exchange: Exchange, decisionId: string): Head {
    return { ...this.#stamp(), ...exchangeHead(exchange, decisionId) };
  }

  #stamp(): Pick<AuditRecord, "schema" | "time"> {
    return { schema: "sluice.audit/v1", time: new Date(this.#parts.clock()).toISOString() };
  }

  /** Whether the message may go on. */
  #write(record: AuditRecord): boolean {
    const { sink, onError, metrics, log, inFlight } = this.#parts;
    inFlight.alive();
    const written = sink.write(record);
    if (written.ok) {
      if (this.#failing) log.info("audit records are written again");
      this.#failing = false;
      return true;
    }
    metrics.auditFailure();
    if (!this.#failing) log.error({ detail: written.failure.detail, on_error: onError }, "the audit record cannot be written");
    this.#failing = true;
    return onError === "allow";
  }
}

function exchangeHead({ id, server, principal, ip }: Exchange, decisionId: string): Omit<Head, "schema" | "time"> {
  return {
    decision_id: decisionId,
    exchange_id: id,
    server: server.name,
    principal: { id: principal.id, method: principal.method },
    client_ip: ip,
  };
}

/** What can be said of any message, whatever it holds. */
function bareHead({ exchange, direction, decisionId, message }: Transaction): MessageHead {
  return {
    ...exchangeHead(exchange, decisionId),
    direction,
    kind: "message",
    message_kind: message.kind,
    bytes_in: message.document.bytes.length,
  };
}

/** The head as the watchdog thread would write it: within its room, whatever names are in it. */
function headText(head: MessageHead): string {
  const text = JSON.stringify(head);
  if (text.length * LONGEST_LETTER <= TEXT_BYTES || Buffer.byteLength(text) <= TEXT_BYTES) return text;
  const { target: _target, method: _method, ...rest } = head;
  return JSON.stringify({ ...rest, principal: { id: "*", method: "none" }, client_ip: "*" });
}

const LONGEST_LETTER = 3;
const REMEMBERED = 2000;
const SHORT = 128;

/** The same function of a text, with the answers for short texts kept, so many at most. */
function remembering(screen: (text: string) => string): (text: string) => string {
  const answers = new Map<string, string>();
  return (text) => {
    if (text.length > SHORT) return screen(text);
    const known = answers.get(text);
    if (known !== undefined) return known;
    if (answers.size >= REMEMBERED) answers.clear();
    const answer = screen(text);
    answers.set(text, answer);
    return answer;
  };
}
