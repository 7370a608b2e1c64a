/**
 * Records every message exactly once: audit line, metrics, log. A record that cannot be written turns the message into a denial, or is
 * counted when the operator chose to go on. Must not judge, and must not write anything from a message that is not printable.
 */
import type { Failure } from "../errors.ts";
import type { Message } from "../mcp/message.ts";
import { targetOf } from "../mcp/methods.ts";
import { faultName } from "../observe/logger.ts";
import type { Decision } from "../policy/decision.ts";
import { type Asked, type Exchange, type Outcome, type Transaction, withheld } from "../transaction.ts";
import type { Slot } from "../watch/in-flight.ts";
import { Journal, type JournalParts } from "./journal.ts";
import { exchangeHead, fitting, headMembers, member, quoted } from "./members.ts";
import { auditFindings, auditRules, type AuditRecord, HIDDEN, printable, printableUri } from "./record.ts";

export interface RecorderParts extends JournalParts {
  /** Replaces whatever the detectors find in a text. */
  readonly screenText: (text: string) => string;
  /** Milliseconds, monotonic. */
  readonly ticks: () => number;
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
  /** The part of it that its answer's record says again. */
  readonly subject: string;
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

/** A client's request that has gone to its server. */
interface Forwarded {
  readonly slot: Slot;
  /** Method and target, as members of a record. */
  readonly subject: string;
}

export class Recorder {
  readonly #parts: RecorderParts;
  /** Names are few and come in every record: each is searched once. */
  readonly #screenName: (name: string) => string;
  readonly #name: (name: string) => string;
  /** Entries of clients' requests that have gone to their servers, by the request. */
  readonly #forwarded = new Map<Message | undefined, Forwarded>();
  readonly #journal: Journal;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
    this.#journal = new Journal(parts);
    this.#screenName = remembering(parts.screenText);
    this.#name = remembering((name) => printable(name, this.#screenName));
  }

  /** A message begins to be judged: from here on it is on record whatever happens to this process. */
  enter(transaction: Transaction): Entry {
    const { inFlight, ticks } = this.#parts;
    const startedTicks = ticks();
    const request = this.#forwarded.get(transaction.answers?.message);
    let head = "";
    let subject = "";
    let refusal: Failure | undefined;
    try {
      subject = request === undefined ? this.#subject(transaction) : request.subject;
      head = headMembers(transaction) + subject;
    } catch (fault) {
      // What cannot be described is not let through, and is on record all the same.
      head = headMembers(transaction);
      refusal = { code: "ERR_AUDIT", detail: `record: ${faultName(fault)}` };
    }
    const text = fitting(head, transaction);
    if (request !== undefined) {
      this.#forwarded.delete(transaction.answers?.message);
      inFlight.answer(request.slot, text);
      return { transaction, refusal, startedTicks, slot: request.slot, head, subject };
    }
    const slot = inFlight.enter(text);
    if (slot === undefined) refusal ??= { code: "ERR_OVERLOADED", detail: "too many messages are under way" };
    return { transaction, refusal, startedTicks, slot, head, subject };
  }

  /** Records a judged message; answers its outcome, or a denial when the record is required and cannot be written. */
  message(entry: Entry, outcome: Outcome): Outcome | Promise<Outcome> {
    const { metrics, ticks } = this.#parts;
    const { transaction, slot } = entry;
    const elapsed = ticks() - entry.startedTicks;
    let judged = outcome;
    let end: string;
    try {
      end = this.#endMembers(outcome, elapsed);
    } catch (fault) {
      judged = withheld(transaction, { code: "ERR_AUDIT", detail: `record: ${faultName(fault)}` });
      end = member("effect", judged.effect) + member("reason", judged.reason) + member("detail", judged.detail) + `,"rules":[]`;
    }
    const { exchange, message, answers, direction } = transaction;
    const settle = (mayPass: boolean): Outcome => {
      const final = mayPass ? judged : withheld(transaction, { code: "ERR_AUDIT" });
      metrics.message(exchange.server.name, message.method ?? answers?.method, direction, final.effect, elapsed / 1000);
      if (final.reason === "ERR_UNASKED" && direction === "server_to_client") metrics.unexpectedAnswer(exchange.server.name);
      if (slot !== undefined) this.#moveOn(entry, slot, final);
      return final;
    };
    const record = { slot, members: entry.head + end, settle };
    // The events of a stream are judged one after the other: each would wait for a turn of the loop.
    const alone = message.kind === "notification" || (message.kind === "request" && direction === "server_to_client");
    return alone ? this.#journal.now(record) : this.#journal.share(record);
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
  #moveOn({ transaction: { message, direction }, subject }: Entry, slot: Slot, final: Outcome): void {
    const { inFlight } = this.#parts;
    if (message.kind !== "request" || direction !== "client_to_server" || final.bytes === undefined) return inFlight.leave(slot);
    this.#forwarded.set(message, { slot, subject });
    inFlight.forwarded(slot);
  }

  /** Takes a forwarded request out of what is under way, before its failure is recorded. */
  #claim(request: Message | undefined): Slot | undefined {
    const forwarded = this.#forwarded.get(request);
    if (forwarded === undefined) return undefined;
    this.#forwarded.delete(request);
    this.#parts.inFlight.failed(forwarded.slot);
    return forwarded.slot;
  }

  /** What a message is about: what it says itself, or what the request says that it answers. */
  #subject({ message, answers }: Transaction): string {
    const subject = answers === undefined ? message : answers.message;
    const target = subject === undefined ? undefined : targetOf(subject);
    const method = message.method ?? answers?.method;
    const named = method === undefined ? "" : member("method", this.#name(method));
    if (target === undefined) return named;
    const name = target.name === undefined ? printableUri(target.uri ?? "", this.#parts.screenText) : this.#name(target.name);
    return `${named},"target":{"kind":"${target.kind}","name":${quoted(name)}}`;
  }

  /** Members of the record of a judged message, from its effect on. */
  #endMembers({ effect, reason, detail, decision, findings, list, bytes }: Outcome, elapsedMs: number): string {
    let end = `,"effect":"${effect}"`;
    if (reason !== undefined) end += member("reason", reason);
    if (detail !== undefined) end += member("detail", detail);
    end += decision === undefined ? `,"rules":[]` : this.#decisionMembers(decision);
    if (findings !== undefined && findings.list.length > 0) end += member("findings", auditFindings(findings.list, this.#screenName));
    if (findings?.capped === true) end += member("findings_capped", true);
    if (list !== undefined) {
      const hidden = list.hidden.slice(0, HIDDEN).map((item) => ({ name: this.#name(item.name), rules: [...item.rules] }));
      end += member("list", { total: list.total, hidden_total: list.hidden.length, hidden });
    }
    end += `,"bytes_out":${bytes?.length ?? 0},"latency_us":${Math.round(elapsedMs * 1000)}`;
    return decision === undefined ? end : end + member("revision", decision.revision);
  }

  /** Members about what policy said; in the ordinary case it said nothing. */
  #decisionMembers({ matched, would, wouldBe, waived, grants }: Decision): string {
    const { screenText } = this.#parts;
    let members = matched.length === 0 ? `,"rules":[]` : member("rules", auditRules(matched, screenText));
    if (would.length > 0) members += member("would", auditRules(would, screenText));
    if (wouldBe !== undefined) members += member("would_be", wouldBe.effect);
    if (waived !== undefined) members += member("waived", [...waived]);
    if (grants.length === 0) return members;
    return (
      members +
      member(
        "grants",
        grants.map((grant) => grant.id),
      )
    );
  }

  /** Whether what the record is about may go on. */
  #write(record: Omit<AuditRecord, "schema" | "time">): boolean {
    return this.#journal.write(JSON.stringify(record).slice(1, -1));
  }
}

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
