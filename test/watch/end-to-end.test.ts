/** The command line with its supervisor: others are served while a worker stands still, and who makes two stand still is refused. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RawAnswer } from "../support/post.ts";
import { call, SLOW_RULE, STALLING } from "./stage.ts";
import { OK, openTwoCallers, type TwoCallers } from "./two-callers.ts";

let stage: TwoCallers<"bad" | "good">;

beforeAll(async () => {
  stage = await openTwoCallers(["bad", "good"], "{stall_ms: 700}", { "slow.rego": SLOW_RULE });
});
afterAll(() => stage.close());

/** Calls of the other caller, on connections of their own, until the stalling one has ended. */
async function callDuring(stalling: Promise<unknown>): Promise<number> {
  let going = true;
  void stalling.finally(() => {
    going = false;
  });
  const calls: Promise<RawAnswer>[] = [];
  while (going) {
    calls.push(stage.post("good", call("{}")));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const answers = await Promise.all(calls);
  for (const answer of answers) expect(answer.body.toString()).toBe(OK);
  return answers.length;
}

test("with one worker, other clients' calls succeed during a stall; the second stall of a caller has it refused for a while", async () => {
  expect((await stage.post("good", call("{}"))).body.toString()).toBe(OK);
  for (let strike = 1; strike <= 2; strike += 1) {
    const stalling = stage.post("bad", STALLING).catch((fault: unknown) => fault);
    // Let the stall begin: what comes on other connections is accepted by the worker's replacement.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await callDuring(stalling)).toBeGreaterThan(3);
    expect(await stalling).toBeInstanceOf(Error);
  }
  let refused: RawAnswer;
  do refused = await stage.post("bad", call("{}"));
  while (refused.status === 200);
  expect(refused.status).toBe(429);
  expect(Number(refused.headers["retry-after"])).toBeGreaterThan(250);
  expect(JSON.parse(refused.body.toString())).toMatchObject({ error: { code: -31_403 } });
  expect((await stage.post("good", call("{}"))).body.toString()).toBe(OK);

  const reasons = stage.records().filter(({ principal }) => principal.id === "bad");
  expect(reasons.filter(({ reason }) => reason === "ERR_STALLED")).toHaveLength(2);
  expect(reasons.at(-1)).toMatchObject({ kind: "refused", reason: "ERR_QUARANTINED", principal: { id: "bad", method: "api_key" } });
  expect(stage.upstream.received.filter(({ body }) => body === STALLING)).toEqual([]);
  const good = stage
    .records()
    .filter(({ principal, kind, message_kind }) => principal.id === "good" && kind === "message" && message_kind === "request");
  expect(good).toHaveLength(stage.upstream.received.filter(({ body }) => body === call("{}")).length);
}, 120_000);
