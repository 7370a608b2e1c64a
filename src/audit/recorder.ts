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
  /** What its record begins with, as JSON members. */
  readonly head: string;
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

/** Members of a record; an undefined one is not written. */
type Members<Key extends keyof AuditRecord> = { readonly [K in Key]: AuditRecord[K] | undefined };
type ExchangeHead = Pick<AuditRecord, "decision_id" | "exchange_id" | "server" | "principal" | "client_ip">;
/** What is known of a message's record before it is judged. */
type MessageHead = ExchangeHead &
  Pick<AuditRecord, "direction" | "kind"> &
  Partial<Members<"phase" | "method" | "message_kind" | "rpc_id" | "target" | "bytes_in">>;
/** The rest of it. */
type MessageEnd = Members<Exclude<keyof AuditRecord, keyof MessageHead | "schema" | "time" | "upstream_status">>;

export class Recorder {
  readonly #parts: RecorderParts;
  /** Names are few and come in every record: each is searched once. */
  readonly #screenName: (name: string) => string;
  readonly #name: (name: string) => string;
  /** Entries of clients' requests that have gone to their servers, by the request. */
  readonly #forwarded = new Map<Message | undefined, Slot>();
  #failing = false;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#screenName = remembering(parts.screenText);
    this.#name = remembering((name) => printable(name, this.#screenName));
  }

  /** A message begins to be judged: from here on it is on record whatever happens to this process. */
  enter(transaction: Transaction): Entry {
    const { inFlight, ticks } = this.#parts;
    const startedTicks = ticks();
    let known: MessageHead;
    let refusal: Failure | undefined;
    try {
      known = this.#messageHead(transaction);
    } catch (fault) {
      // What cannot be described is not let through, and is on record all the same.
      known = bareHead(transaction);
      refusal = { code: "ERR_AUDIT", detail: `record: ${faultName(fault)}` };
    }
    const text = JSON.stringify(known);
    const head = text.slice(1, -1);
    const request = this.#forwarded.get(transaction.answers?.message);
    if (request !== undefined) {
      this.#forwarded.delete(transaction.answers?.message);
      inFlight.answer(request, fitting(text, known));
      return { transaction, refusal, startedTicks, slot: request, head };
    }
    const slot = inFlight.enter(fitting(text, known));
    if (slot === undefined) refusal ??= { code: "ERR_OVERLOADED", detail: "too many messages are under way" };
    return { transaction, refusal, startedTicks, slot, head };
  }

  /** Records a judged message; answers its outcome, or a denial when the record is required and cannot be written. */
  message({ transaction, slot, head, startedTicks }: Entry, outcome: Outcome): Outcome {
    const { metrics, ticks, inFlight } = this.#parts;
    const elapsed = ticks() - startedTicks;
    if (slot !== undefined) inFlight.judged(slot);
    let final = outcome;
    let end: string;
    try {
      end = JSON.stringify(this.#messageEnd(outcome, elapsed));
    } catch (fault) {
      final = withheld(transaction, { code: "ERR_AUDIT", detail: `record: ${faultName(fault)}` });
      end = JSON.stringify({ effect: final.effect, reason: final.reason, detail: final.detail, rules: [] });
    }
    if (!this.#append(`${head},${end.slice(1, -1)}`)) final = withheld(transaction, { code: "ERR_AUDIT" });
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
      ...exchangeHead(exchange, exchange.id),
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
      ...exchangeHead(exchange, decisionId),
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
      method: method === undefined ? undefined : this.#name(method),
      rpc_id: Number.isSafeInteger(id) ? id : undefined,
      target:
        target === undefined
          ? undefined
          : { kind: target.kind, name: target.name === undefined ? printableUri(target.uri ?? "", screenText) : this.#name(target.name) },
    };
  }

  #messageEnd({ effect, reason, detail, decision, findings, list, bytes }: Outcome, elapsedMs: number): MessageEnd {
    const { screenText } = this.#parts;
    const found = findings === undefined || findings.list.length === 0 ? undefined : findings.list;
    return {
      effect,
      reason,
      detail,
      rules: decision === undefined ? [] : auditRules(decision.matched, screenText),
      would: decision === undefined || decision.would.length === 0 ? undefined : auditRules(decision.would, screenText),
      would_be: decision?.wouldBe?.effect,
      waived: decision?.waived === undefined ? undefined : [...decision.waived],
      grants: decision === undefined || decision.grants.length === 0 ? undefined : decision.grants.map((grant) => grant.id),
      findings: found === undefined ? undefined : auditFindings(found, this.#screenName),
      findings_capped: findings?.capped === true ? true : undefined,
      list:
        list === undefined
          ? undefined
          : {
              total: list.total,
              hidden_total: list.hidden.length,
              hidden: list.hidden.slice(0, HIDDEN).map((item) => ({ name: this.#name(item.name), rules: [...item.rules] })),
            },
      bytes_out: bytes?.length ?? 0,
      latency_us: Math.round(elapsedMs * 1000),
      revision: decision?.revision,
    };
  }

  /** Whether the message may go on. */
  #write(record: Omit<AuditRecord, "schema" | "time">): boolean {
    return this.#append(JSON.stringify(record).slice(1, -1));
  }

  /** `members`: of a record, as JSON. */
  #append(members: string): boolean {
    const { sink, onError, metrics, log, inFlight, clock } = this.#parts;
    inFlight.alive();
    const written = sink.write(`{"schema":"sluice.audit/v1","time":"${timeText(clock())}",${members}}`);
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

function exchangeHead({ id, server, principal, ip }: Exchange, decisionId: string): ExchangeHead {
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

let timed = { ms: Number.NaN, text: "" };

/** RFC 3339, UTC, of unix milliseconds: many records fall into one. */
function timeText(ms: number): string {
  if (ms !== timed.ms) timed = { ms, text: new Date(ms).toISOString() };
  return timed.text;
}

/** A head as the watchdog thread would write it: within its room, whatever names are in it. */
function fitting(text: string, head: MessageHead): string {
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
