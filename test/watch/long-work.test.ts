/** The command line with one worker: a caller whose messages hold the loop for long, one after the other, does not keep others out. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import { startSluice } from "../cli/sluice-process.ts";
import { type RawAnswer, send } from "../support/post.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";
import { call, SLOW_RULE } from "./stage.ts";

const OK = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
/** The list of arguments that the policy looks at for long; each another one, or it would be decided from memory. */
let drawn = 0;
const list = (): string => `{"list":[${Array.from({ length: 320 }, (_, at) => at).join(",")},${(drawn += 1)}]}`;
const news = (): string => `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":0,"arguments":${list()}}}`;
const KEYS = { alice: `sluice_${"a".repeat(32)}`, bob: `sluice_${"b".repeat(32)}` };
let folder: string;
let upstream: ScriptedUpstream;
let sluice: ReturnType<typeof startSluice>;
let url: string;
/** Of one heavy message, in milliseconds: machines differ. */
let heavyMs: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-long-"));
  mkdirSync(join(folder, "rules"));
  writeFileSync(join(folder, "rules", "slow.rego"), SLOW_RULE);
  upstream = await openUpstream();
  upstream.answer(json(OK));
  const keys = Object.entries(KEYS).map(([id, key]) => `{id: ${id}, sha256: ${createHash("sha256").update(key).digest("hex")}}`);
  const file = join(folder, "sluice.yaml");
  writeFileSync(
    file,
    [
      "listen: 127.0.0.1:0",
      "audit: {file: ./audit.jsonl}",
      // What is shown here is neither a stall nor overload.
      "limits: {stall_ms: 10s, lag_ms: 10s}",
      "policy: {path: ./rules}",
      `authn: {api_keys: [${keys.join(", ")}]}`,
      `servers: {one: {url: "${upstream.url}"}}`,
    ].join("\n"),
  );
  sluice = startSluice(["serve", "--config", file]);
  sluice.stderr.resume();
  url = await new Promise((resolve, reject) => {
    sluice.once("exit", (code) => {
      reject(new Error(`it ended: ${code}`));
    });
    createInterface({ input: sluice.stdout }).on("line", (line) => {
      const found = /http:\/\/\S+/u.exec(line)?.[0];
      if (found !== undefined) resolve(found);
    });
  });
});
afterAll(async () => {
  sluice.kill("SIGKILL");
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

const post = (who: keyof typeof KEYS, body: string): Promise<RawAnswer> =>
  send(url, { body, headers: { "X-API-Key": KEYS[who], Accept: "application/json, text/event-stream", Connection: "close" } });
const records = (): AuditRecord[] =>
  readFileSync(join(folder, "audit.jsonl"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditRecord);

/** Calls of bob until `work` has ended. Answers how many: all of them were served. */
async function bobCallsDuring(work: Promise<unknown>): Promise<number> {
  let going = true;
  void work.finally(() => {
    going = false;
  });
  let calls = 0;
  for (; going; calls += 1) {
    const answer = await post("bob", call("{}"));
    expect([answer.status, answer.body.toString()]).toEqual([200, OK]);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return calls;
}

test("alone, a caller may have all of the loop's time", async () => {
  for (let left = 4_500; left > 0; ) {
    const began = performance.now();
    expect((await post("alice", call(list()))).status).toBe(200);
    heavyMs = performance.now() - began;
    left -= heavyMs;
  }
  expect(heavyMs).toBeGreaterThan(100);
});

test("while others call it is refused for a while, and they are served", async () => {
  await post("bob", call("{}"));
  let going = true;
  const untilRefused = async (): Promise<RawAnswer> => {
    let answer: RawAnswer;
    do answer = await post("alice", call(list()));
    while (going && answer.status === 200);
    return answer;
  };
  // One connection alone is slowed down by answers that wait.
  const both = [untilRefused(), untilRefused()];
  const alice = Promise.race(both).finally(() => {
    going = false;
  });
  expect(await bobCallsDuring(alice)).toBeGreaterThan(0);
  const refused = await alice;
  await Promise.all(both);
  expect(refused.status).toBe(503);
  expect(Number(refused.headers["retry-after"])).toBeGreaterThan(1);
  expect(JSON.parse(refused.body.toString())).toMatchObject({ error: { code: -31_503 } });
  expect(records().findLast(({ principal, kind }) => principal.id === "alice" && kind === "refused")).toMatchObject({
    reason: "ERR_OVERLOADED",
    detail: "the time of the event loop, by one caller",
  });
  await new Promise((resolve) => setTimeout(resolve, Number(refused.headers["retry-after"]) * 1000));
  await post("bob", call("{}"));
  expect((await post("alice", call("{}"))).status).toBe(200);
}, 120_000);

test("what its server sends waits, and nothing of it is lost", async () => {
  const told = Array.from({ length: Math.ceil(4_500 / heavyMs) }, () => `data: ${news()}`);
  told.push(`data: ${OK}`);
  upstream.answer((received, response) => {
    const answer = received.body === call("[]") ? events(...told.map((event) => `${event}\n\n`)) : json(OK);
    answer(received, response);
  });
  const alice = post("alice", call("[]"));
  expect(await bobCallsDuring(alice)).toBeGreaterThan(told.length);
  expect((await alice).body.toString().split("\n\n")).toEqual([...told, ""]);
  const times = records()
    .filter(({ principal, direction, kind }) => principal.id === "alice" && direction === "server_to_client" && kind === "message")
    .slice(-told.length)
    .map(({ time }) => Date.parse(time));
  const longest = Math.max(...times.slice(1).map((time, at) => time - (times[at] ?? time)));
  expect(longest).toBeGreaterThan(Math.max(2_000, 2 * heavyMs));
}, 120_000);

test("an answer that waits is nobody's once its client has left", async () => {
  upstream.answer(json(OK));
  const left = (async () => {
    for (;;) {
      const leave = new AbortController();
      const answer = fetch(url, {
        method: "POST",
        body: call(list()),
        headers: { "X-API-Key": KEYS.alice, "Content-Type": "application/json", Accept: "application/json, text/event-stream" },
        signal: leave.signal,
      }).then(
        (response) => response.text(),
        () => undefined,
      );
      const waits = new Promise<"waits">((resolve) => setTimeout(resolve, 2_000 + 2 * heavyMs, "waits"));
      if ((await Promise.race([answer, waits])) !== "waits") continue;
      leave.abort();
      await answer;
      return;
    }
  })();
  await bobCallsDuring(left);
  const gone = () => records().find(({ principal, reason }) => principal.id === "alice" && reason === "ERR_CLIENT_GONE");
  await expect.poll(gone, { timeout: 30_000 }).toMatchObject({ kind: "synthetic", method: "tools/call" });
  const answers = records().filter(
    ({ exchange_id, direction, kind }) => exchange_id === gone()?.exchange_id && direction === "server_to_client" && kind === "message",
  );
  expect(answers).toEqual([]);
}, 120_000);
