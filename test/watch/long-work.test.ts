/** The command line with one worker: a caller whose messages hold the loop for long, one after the other, does not keep others out. */
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RawAnswer } from "../support/post.ts";
import { json, type Received } from "../support/upstream.ts";
import { call, SLOW_RULE } from "./stage.ts";
import { OK, openTwoCallers, type TwoCallers } from "./two-callers.ts";

/** The list of arguments that the policy looks at for long; each another one, or it would be decided from memory. */
let drawn = 0;
const list = (): string => `{"list":[${Array.from({ length: 400 }, (_, at) => at).join(",")},${(drawn += 1)}]}`;
const news = (): string => `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":0,"arguments":${list()}}}`;
const answersAtLength = (received: Received, response: ServerResponse): void => {
  json(`{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":${list()}}}`)(received, response);
};
/** In milliseconds: a caller that has to wait does so for at least eight seconds, and no message takes that long. */
const WAIT_MS = 6_000;
let stage: TwoCallers<"alice" | "bob">;

beforeAll(async () => {
  // What is shown here is neither a stall nor overload.
  stage = await openTwoCallers(["alice", "bob"], "{stall_ms: 10s, lag_ms: 10s, drain_s: 1}", {
    "slow.rego": SLOW_RULE,
    "answers.rego": SLOW_RULE.replaceAll("params.arguments", "result.structuredContent").replaceAll(/slow(?=\/|\n)/g, "answers"),
  });
});
afterAll(() => stage.close());

/** What Alice sends with a request of her own making. */
const headers = () => ({
  "X-API-Key": stage.keys.alice,
  "Content-Type": "application/json",
  Accept: "application/json, text/event-stream",
});

/** Calls of bob until `work` has ended. Answers how many: all of them were served. */
async function bobCallsDuring(work: Promise<unknown>): Promise<number> {
  let going = true;
  void work.finally(() => {
    going = false;
  });
  let calls = 0;
  for (; going; calls += 1) {
    const answer = await stage.post("bob", call("{}"));
    expect([answer.status, answer.body.toString()]).toEqual([200, OK]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return calls;
}

test("alone, a caller may have all of the loop's time", async () => {
  for (const until = performance.now() + 4_500; performance.now() < until; ) {
    const began = performance.now();
    expect((await stage.post("alice", call(list()))).status).toBe(200);
    // Else nothing here takes the loop for long, and nothing is shown.
    expect(performance.now() - began).toBeGreaterThan(100);
  }
});

test("while others call it is refused for a while, and they are served", async () => {
  await stage.post("bob", call("{}"));
  let going = true;
  const untilRefused = async (): Promise<RawAnswer> => {
    let answer: RawAnswer;
    do answer = await stage.post("alice", call(list()));
    while (going && answer.status === 200);
    return answer;
  };
  // One connection alone is slowed down by answers that wait.
  const many = Array.from({ length: 6 }, untilRefused);
  const alice = Promise.race(many).finally(() => {
    going = false;
  });
  expect(await bobCallsDuring(alice)).toBeGreaterThan(0);
  const refused = await alice;
  const refusedAt = performance.now();
  await Promise.all(many);
  expect(refused.status).toBe(503);
  expect(Number(refused.headers["retry-after"])).toBeGreaterThan(1);
  expect(JSON.parse(refused.body.toString())).toMatchObject({ error: { code: -31_503 } });
  expect(stage.records().findLast(({ principal, kind }) => principal.id === "alice" && kind === "refused")).toMatchObject({
    reason: "ERR_OVERLOADED",
    detail: "the time of the event loop, by one caller",
  });
  const again = refusedAt + Number(refused.headers["retry-after"]) * 1000;
  await new Promise((resolve) => setTimeout(resolve, again - performance.now()));
  await stage.post("bob", call("{}"));
  expect((await stage.post("alice", call("{}"))).status).toBe(200);
}, 240_000);

test("what its server sends waits, and nothing of it is lost", async () => {
  const told: string[] = [];
  let came = "";
  stage.upstream.answer(async (received, response) => {
    if (received.body !== call("[]")) return json(OK)(received, response);
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (let waited = 0; waited < WAIT_MS; ) {
      const event = `data: ${news()}\n\n`;
      told.push(event);
      const began = performance.now();
      response.write(event);
      while (!came.endsWith(event)) await new Promise((resolve) => setTimeout(resolve, 20));
      waited = performance.now() - began;
    }
    told.push(`data: ${OK}\n\n`);
    response.end(told.at(-1));
  });
  const alice = (async () => {
    const { body } = await fetch(stage.url, { method: "POST", body: call("[]"), headers: headers() });
    for await (const text of body?.pipeThrough(new TextDecoderStream()) ?? []) came += text;
  })();
  expect(await bobCallsDuring(alice)).toBeGreaterThan(0);
  expect(came).toBe(told.join(""));
}, 240_000);

test("an answer that waits is nobody's once its client has left", async () => {
  stage.upstream.answer((received, response) => (received.body === call("[]") ? answersAtLength : json(OK))(received, response));
  const left = (async () => {
    for (;;) {
      const leave = new AbortController();
      const answer = fetch(stage.url, {
        method: "POST",
        body: call("[]"),
        headers: headers(),
        signal: leave.signal,
      }).then(
        (response) => response.text(),
        () => undefined,
      );
      const waits = new Promise<"waits">((resolve) => setTimeout(resolve, WAIT_MS, "waits"));
      if ((await Promise.race([answer, waits])) !== "waits") continue;
      leave.abort();
      await answer;
      return;
    }
  })();
  await bobCallsDuring(left);
  const gone = () => stage.records().find(({ principal, reason }) => principal.id === "alice" && reason === "ERR_CLIENT_GONE");
  await expect.poll(gone, { timeout: 30_000 }).toMatchObject({ kind: "synthetic", method: "tools/call" });
  const answers = stage
    .records()
    .filter(
      ({ exchange_id, direction, kind }) => exchange_id === gone()?.exchange_id && direction === "server_to_client" && kind === "message",
    );
  expect(answers).toEqual([]);
}, 240_000);

test("many short messages at once are no better than a long one", async () => {
  stage.upstream.answer(json(OK));
  const short = (): string => call(`{"list":[${Array.from({ length: 170 }, (_, at) => at).join(",")},${(drawn += 1)}]}`);
  const byAlice = () => stage.records().filter(({ principal, kind }) => principal.id === "alice" && kind === "refused").length;
  const before = byAlice();
  const alice = (async () => {
    while (byAlice() === before) await Promise.all(Array.from({ length: 60 }, () => stage.post("alice", short())));
  })();
  expect(await bobCallsDuring(alice)).toBeGreaterThan(0);
}, 240_000);

test("an answer that waits when everything stops is on record as interrupted", async () => {
  stage.upstream.answer((received, response) => (received.body === call("[]") ? answersAtLength : json(OK))(received, response));
  const many = Array.from({ length: 8 }, async () => {
    while (stage.process.exitCode === null) {
      await stage.post("alice", call("[]")).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  const waits = (async () => {
    // Calls that are with nobody: their server has answered, and their client has not.
    const asked = () => stage.upstream.received.filter(({ body }) => body === call("[]")).length;
    const first = asked();
    for (let before = first; ; before = asked()) {
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      if (asked() > first && asked() === before) return;
    }
  })();
  await bobCallsDuring(waits);
  stage.process.kill("SIGTERM");
  await Promise.all(many);
  const requests = stage
    .records()
    .filter(
      ({ principal, kind, effect, message_kind }) =>
        principal.id === "alice" && kind === "message" && message_kind === "request" && effect === "allow",
    );
  const ends = stage.records().filter(({ principal, direction }) => principal.id === "alice" && direction === "server_to_client");
  const ended = new Set(ends.map(({ exchange_id }) => exchange_id));
  expect(requests.filter(({ exchange_id }) => !ended.has(exchange_id))).toEqual([]);
  expect(ends.filter(({ reason }) => reason === "ERR_INTERRUPTED").length).toBeGreaterThan(0);
}, 240_000);
