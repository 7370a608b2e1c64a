/**
 * THE data path: every message, in both directions, on one page.
 *
 *   HTTP request ─ admit ─ read ─ screen ─ forward ─┐
 *   client ◄──────────── reply ◄─ screen ◄─ read ◄──┘   (a JSON body, or each event of a stream)
 *
 *   screen = detect · enrich · decide · enforce · record
 *
 * Whatever is not understood is denied; a denial is a value, never an exception; nothing leaves that `screen` did not return.
 * Must not know how a stage does its work.
 */
import { after, type Awaitable } from "./awaitable.ts";
import { denialAnswer } from "./enforce/denial.ts";
import { Fault, type Result } from "./errors.ts";
import type { Call, Hop } from "./http/call.ts";
import type { Message } from "./mcp/message.ts";
import { readEvent, readMessage } from "./mcp/read-message.ts";
import { rebuild, type SseEvent, withoutData } from "./mcp/sse.ts";
import { failureOf, type Screening, type Stages } from "./stages.ts";
import { type Asked, type Outcome, type Transaction, withheld } from "./transaction.ts";
import type { Answer } from "./upstream/answer.ts";
import { eachEvent } from "./upstream/events.ts";
import type { Working } from "./watch/in-flight.ts";

const NOTHING = Buffer.alloc(0);

/** Carries one HTTP request of a client to its server, and the answer back. A fault on the way ends the call, on record. */
export async function carry(stages: Stages, call: Call): Promise<void> {
  try {
    await convey(stages, call);
  } catch (fault) {
    stages.exits.refuse(call, failureOf(fault));
  }
}

async function convey(stages: Stages, call: Call): Promise<void> {
  const { admission, conversation, exits } = stages;
  const caller = await admission.admit(call);
  if (!caller.ok) return exits.refuse(call, caller.failure, caller.failure.caller);
  if (call.method !== "POST") {
    const exchange = await admission.open(call, caller.value);
    if (!exchange.ok) return exits.refuse(call, exchange.failure, caller.value);
    return relay(stages, { call, exchange: exchange.value, asked: undefined }, await stages.forward(call, exchange.value));
  }
  const message = await readMessage(call.body, stages.limits, stages.working(caller.value.flow));
  if (!message.ok) return exits.refuse(call, message.failure, caller.value);
  const exchange = await admission.identify(call, caller.value, message.value);
  if (!exchange.ok) return exits.refuse(call, exchange.failure, caller.value, message.value);

  const transaction = await conversation.begin(exchange.value, "client_to_server", message.value);
  const outcome = await screen(stages, transaction);
  const bytes = outcome.bytes ?? errorInPlaceOfAnswer(transaction, outcome);
  if (bytes === undefined) return exits.deny(call, transaction, outcome);
  const hop = { call, exchange: exchange.value, asked: conversation.passed(transaction) };
  const relayed = stages.forward(call, exchange.value, { transaction, bytes }).then((answer) => relay(stages, hop, answer));
  return relayed.finally(() => stages.recorder.ended(transaction));
}

/** Takes the server's answer back to the client. */
async function relay(stages: Stages, hop: Hop, answer: Result<Answer>): Promise<void> {
  const { exits } = stages;
  if (!answer.ok) return exits.fault(hop, answer.failure);
  const { form, status, headers, body } = answer.value;
  const { reply, gone } = hop.call;
  const marked = stages.working(hop.exchange.flow, hop.exchange.server.name);
  switch (form) {
    case "empty":
      return reply.empty(status, headers);
    case "refusal":
      return exits.fault(hop, { code: "ERR_UPSTREAM_REFUSED", detail: `status ${status}` }, answer.value);
    case "json": {
      const message = await readMessage(body, stages.limits, marked);
      // Once it is read, so that an answer that waits holds no connection.
      await stages.due(hop);
      if (gone.aborted) return exits.fault(hop, { code: "ERR_CLIENT_GONE" }, answer.value);
      if (!message.ok) return exits.fault(hop, message.failure, answer.value);
      if (message.value.method !== undefined)
        return exits.fault(hop, { code: "ERR_UPSTREAM_ANSWER", detail: "a call where an answer is due" }, answer.value);
      // Where no message waits, only a refusal comes as JSON (`classify`): it answers the HTTP request itself.
      const asked = hop.asked ?? { id: undefined, request: { method: hop.call.method, message: undefined }, open: false, resumable: false };
      const bytes = await deliver(stages, { ...hop, asked }, message.value);
      return bytes === undefined || hop.asked?.open === true
        ? exits.fault(hop, { code: "ERR_UPSTREAM_ANSWER", detail: "not the answer" }, answer.value)
        : reply.json(status, headers, bytes);
    }
    case "events": {
      reply.startEvents(headers, hop.asked);
      const broken = await eachEvent(body, stages.maxEventBytes, marked, async (event) => {
        await stages.due(hop);
        // What comes after the client has left goes nowhere: it is not judged, so that no record says it was let pass.
        if (gone.aborted) throw new Fault({ code: "ERR_CLIENT_GONE" });
        await reply.write(await deliverEvent(stages, hop, event, marked));
      });
      return exits.end(hop, broken);
    }
  }
}

/** One event of a stream: its original bytes, changed ones, or its bare id when its message may not pass. */
async function deliverEvent(stages: Stages, hop: Hop, event: SseEvent, marked: ReturnType<Working>): Promise<Buffer> {
  const changes = marked(() => stages.exits.cleanEvent(hop, event));
  const clean = changes === undefined ? event.raw : rebuild(event, changes);
  if (event.data === undefined || event.data.length === 0) return clean;
  const withheld = changes?.dropId === true ? NOTHING : withoutData(event);
  const message = readEvent(event.name, event.data, stages.limits, marked);
  if (!message.ok) {
    stages.exits.unreadable(hop, message.failure);
    return withheld;
  }
  const bytes = await deliver(stages, hop, message.value);
  if (bytes === undefined) return withheld;
  return bytes === message.value.document.bytes ? clean : rebuild(event, { ...changes, data: bytes });
}

/** One message of the server: what the client gets for it, if anything. */
async function deliver(stages: Stages, hop: Hop, message: Message): Promise<Buffer | undefined> {
  const { conversation, exits } = stages;
  const transaction = await conversation.begin(hop.exchange, "server_to_client", message, hop.asked);
  const outcome = await screen(stages, transaction);
  const bytes = outcome.bytes ?? errorInPlaceOfAnswer(transaction, outcome, hop.asked);
  if (bytes !== undefined) conversation.passed(transaction, hop.asked);
  // Never an error for the server's id on the client's stream: the two sides' ids are two namespaces.
  else if (message.kind === "request") exits.answerServer(hop, transaction, outcome);
  return bytes;
}

/** Judges one message: the same for requests, answers, notifications and every event, in both directions. Never throws. */
export async function screen(stages: Screening, transaction: Transaction): Promise<Outcome> {
  const entry = stages.recorder.enter(transaction);
  let outcome: Outcome;
  try {
    const judged = entry.refusal === undefined ? judge(stages, transaction) : withheld(transaction, entry.refusal);
    outcome = judged instanceof Promise ? await stages.timely(judged) : judged;
  } catch (fault) {
    outcome = withheld(transaction, failureOf(fault));
  }
  return stages.recorder.message(entry, outcome);
}

function judge(stages: Screening, transaction: Transaction): Awaitable<Outcome> {
  const { message, answers } = transaction;
  if (message.method === undefined && answers === undefined) return withheld(transaction, { code: "ERR_UNASKED" });
  const stage = stages.judgement();
  return after(stage.detect(transaction), (findings) =>
    after(stage.enrich(transaction, findings), (facts) =>
      after(stage.decide(transaction, facts, findings), (decision) =>
        after(stage.enforce(transaction, facts, findings, decision), (outcome) =>
          // Here and not once it is recorded: the record must not say that a request went which then cannot go.
          outcome.bytes === undefined ? outcome : after(stages.conversation.remember(transaction), () => outcome),
        ),
      ),
    ),
  );
}

/** A peer that waits for an answer gets one, whichever side it is on. Undefined when nobody waits. */
function errorInPlaceOfAnswer({ message, answers, exchange }: Transaction, outcome: Outcome, asked?: Asked): Buffer | undefined {
  if (answers === undefined) return undefined;
  const id = message.id === undefined || message.id.raw === "null" ? asked?.id : message.id;
  return denialAnswer(id, answers.method, exchange.era, outcome);
}
