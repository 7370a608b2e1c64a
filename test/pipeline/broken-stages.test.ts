/**
 * Breaks every stage in turn (throw, hang, garbage, empty) and expects one answer, in both directions and on a stream: denied, audited,
 * not forwarded. Invariants 2, 3 and 4 of the architecture.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Judgement } from "../../src/stages.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"marker-sent"}}}';
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"marker-received"}]}}';

const STAGES = ["detect", "enrich", "decide", "enforce"] as const;
const FAULTS: Record<string, () => unknown> = {
  throws: () => {
    throw new Error("marker-thrown");
  },
  "rejects with a string": () => Promise.reject("marker-thrown" as unknown as Error),
  hangs: () => new Promise(() => {}),
  "answers undefined": () => undefined,
  "answers null": () => null,
  "answers an empty object": () => ({}),
  "answers a string": () => "marker-garbage",
  "answers an outcome that nobody decided": () => ({ effect: "allow", bytes: Buffer.from(CALL), list: [], phase: 1, matched: 1 }),
  "answers an unknown effect": () => ({ effect: "permit", matched: [], bytes: Buffer.from(CALL), reason: undefined }),
};

/** The stage that is broken, for messages in one direction only, so that the other one can be watched. */
let broken: { stage: (typeof STAGES)[number]; direction: string; fault: () => unknown } | undefined;

function breakable(real: Judgement): Judgement {
  const wrap = (stage: keyof Judgement) => {
    const original = real[stage] as (...args: unknown[]) => Promise<unknown>;
    return async (...args: unknown[]) => {
      const { direction } = args[0] as { direction: string };
      return broken?.stage === stage && broken.direction === direction ? broken.fault() : original(...args);
    };
  };
  return { detect: wrap("detect"), enrich: wrap("enrich"), decide: wrap("decide"), enforce: wrap("enforce") } as Judgement;
}

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}"}}`, {}, { judgement: breakable, judgeMs: 150 });
});
afterEach(() => {
  broken = undefined;
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const cases = STAGES.flatMap((stage) => Object.entries(FAULTS).map(([name, fault]) => ({ stage, name, fault })));

describe.each(cases)("when $stage $name", ({ stage, fault }) => {
  test("a request is denied, audited once and not forwarded", async () => {
    broken = { stage, direction: "client_to_server", fault };
    const [sent, recorded] = [upstream.received.length, gateway.records().length];
    const answer = await send(gateway.endpoint("one"), { body: CALL });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ id: 1, result: { isError: true } });
    expect(answer.body.toString()).not.toContain("marker");
    expect(upstream.received).toHaveLength(sent);
    const fresh = gateway.records().slice(recorded);
    expect(fresh).toHaveLength(1);
    expect(fresh[0]).toMatchObject({ effect: "error", direction: "client_to_server", kind: "message", bytes_out: 0 });
    expect(fresh[0]?.reason).toMatch(/^ERR_(DETECT|STAGE|POLICY_FAULT|DECISION|ENFORCE)$/);
    expect(JSON.stringify(fresh)).not.toContain("marker");
  });

  test.each([
    ["a JSON answer", json(RESULT)],
    ["an answer on a stream", events(`data: ${RESULT}\n\n`)],
  ])("%s is withheld and audited once", async (_form, script) => {
    broken = { stage, direction: "server_to_client", fault };
    upstream.answer(script);
    const recorded = gateway.records().length;
    const answer = await send(gateway.endpoint("one"), { body: CALL });
    expect(answer.body.toString()).toContain('"isError":true');
    expect(answer.body.toString()).not.toContain("marker");
    const fresh = gateway.records().slice(recorded);
    expect(fresh.map((record) => [record.direction, record.effect])).toEqual([
      ["client_to_server", "allow"],
      ["server_to_client", "error"],
    ]);
  });
});

test("with whole stages the same messages pass", async () => {
  upstream.answer(json(RESULT));
  const answer = await send(gateway.endpoint("one"), { body: CALL });
  expect(answer.body.toString()).toBe(RESULT);
});
