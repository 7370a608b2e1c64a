/**
 * Invariants 2 and 3, through the whole gateway and real sockets, whatever the policy decides: of a message that is not let through, not a
 * byte reaches the other side; every message has exactly one record, which says how many of its bytes really arrived.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import type { Decision, Effect } from "../../src/policy/decision.ts";
import type { Judgement } from "../../src/stages.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const EFFECTS: readonly Effect[] = ["allow", "deny", "hold", "error", "redact", "rewrite"];
const PASSING: ReadonlySet<string> = new Set(["allow", "redact", "rewrite"]);
const RUNS = 60;

interface Message {
  readonly form: "request" | "result" | "error" | "notification" | "server request" | "unasked" | "garbage";
  readonly effect: Effect;
}

const serverMessage: fc.Arbitrary<Message> = fc.record({
  form: fc.constantFrom("result", "error", "notification", "server request", "unasked", "garbage"),
  effect: fc.constantFrom(...EFFECTS),
});
const conversation = fc.record({
  request: fc.record({ method: fc.constantFrom("tools/call", "resources/read", "ping", "x/unknown"), effect: fc.constantFrom(...EFFECTS) }),
  answers: fc.array(serverMessage, { maxLength: 5 }),
  stream: fc.boolean(),
});

/** What to decide for the message that holds a marker. */
const decisions = new Map<string, Effect>();

function decided(effect: Effect): Decision {
  const reason = { deny: "ERR_DENIED", hold: "ERR_HELD", error: "ERR_DECISION" } as const;
  return {
    effect,
    ...(effect in reason ? { reason: reason[effect as keyof typeof reason] } : {}),
    matched: [],
    would: [],
    grants: [],
    redactions: [],
    rewrites: [],
    labels: [],
    limits: [],
    revision: "test",
  };
}

const decideByMarker = (real: Judgement): Judgement => ({
  ...real,
  decide: async (transaction) => {
    const marker = /marker-\d+-\d+/.exec(transaction.message.document.bytes.toString())?.[0] ?? "";
    return decided(decisions.get(marker) ?? "deny");
  },
});

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let run = 0;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}"}}`, {}, { judgement: decideByMarker });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

function params(method: string, marker: string): object {
  if (method === "tools/call") return { name: "t", arguments: { marker } };
  return method === "resources/read" ? { uri: `test:${marker}` } : { marker };
}

function text(form: Message["form"], marker: string): string {
  switch (form) {
    case "result":
      return `{"jsonrpc":"2.0","id":1,"result":{"content":[],"m":"${marker}"}}`;
    case "error":
      return `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"${marker}"}}`;
    case "notification":
      return `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${marker}"}}`;
    case "server request":
      return `{"jsonrpc":"2.0","id":1,"method":"roots/list","params":{"m":"${marker}"}}`;
    case "unasked":
      return `{"jsonrpc":"2.0","id":77,"result":{"m":"${marker}"}}`;
    default:
      return `{"jsonrpc":"2.0","id":1,"m":"${marker}"}`;
  }
}

/** Bytes of the messages with a marker in what the client got: a stream's events, or the one body. */
function bytesOf(answer: string, stream: boolean): number {
  const texts = stream ? [...answer.matchAll(/^data: (.*)$/gm)].map(([, data]) => data as string) : [answer];
  return sum(texts.filter((each) => each.includes("marker")).map((each) => Buffer.byteLength(each)));
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

test("denied is never forwarded, and every message has one record of what arrived", async () => {
  await fc.assert(
    fc.asyncProperty(conversation, async ({ request, answers, stream }) => {
      run += 1;
      const marker = (at: number): string => `marker-${run}-${at}`;
      decisions.set(marker(0), request.effect);
      answers.forEach((answer, at) => decisions.set(marker(at + 1), answer.effect));
      const sent = stream ? answers : answers.slice(0, 1);
      upstream.answer((received, response) => {
        if (!received.body.includes(marker(0))) {
          response.writeHead(202).end();
        } else if (stream) {
          response.writeHead(200, { "content-type": "text/event-stream" });
          response.end(sent.map(({ form }, at) => `data: ${text(form, marker(at + 1))}\n\n`).join(""));
        } else {
          response.writeHead(200, { "content-type": "application/json" }).end(sent[0] === undefined ? "" : text(sent[0].form, marker(1)));
        }
      });
      const [reached, recorded] = [upstream.received.length, gateway.records().length];
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: request.method, params: params(request.method, marker(0)) });
      const answer = (await send(gateway.endpoint("one"), { body })).body.toString();

      // Errors that Sluice gives a server for its own requests may arrive among them.
      const arrived = upstream.received.slice(reached).map((received) => received.body);
      const forwarded = arrived.some((text) => text.includes(marker(0)));
      expect(forwarded).toBe(PASSING.has(request.effect));
      if (forwarded) expect(arrived).toContain(body);
      const messages = gateway
        .records()
        .slice(recorded)
        .filter((record) => record.kind === "message");
      expect(new Set(messages.map((record) => record.decision_id)).size).toBe(messages.length);
      const out = (direction: AuditRecord["direction"]): number =>
        sum(messages.map((record) => (record.direction === direction ? (record.bytes_out ?? 0) : 0)));
      expect(out("client_to_server")).toBe(sum(arrived.filter((each) => each.includes(marker(0))).map((each) => Buffer.byteLength(each))));
      expect(out("server_to_client")).toBe(bytesOf(answer, stream));
      if (!forwarded) {
        expect(messages).toHaveLength(1);
        expect(answer).not.toContain("marker");
        return;
      }
      // A call where the one JSON answer is due is no message of the conversation.
      const judged = sent.filter(({ form }) => form !== "garbage" && (stream || (form !== "notification" && form !== "server request")));
      expect(messages).toHaveLength(1 + judged.length);
      let answered = false;
      sent.forEach(({ form, effect }, at) => {
        const ours = form === "result" || form === "error";
        const passes = PASSING.has(effect) && form !== "garbage" && form !== "unasked" && !(ours && answered);
        // As JSON only the answer itself may come back.
        const fits = stream || ours;
        if (answer.includes(marker(at + 1))) expect([form, effect, passes, fits]).toEqual([form, effect, true, true]);
        else expect(passes && fits).toBe(false);
        answered ||= ours;
      });
    }),
    { numRuns: RUNS },
  );
});
