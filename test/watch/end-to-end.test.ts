/** The command line with its supervisor: others are served while a worker stands still, and who makes two stand still is refused. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import { startSluice } from "../cli/sluice-process.ts";
import { type RawAnswer, send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";
import { call, SLOW_RULE, STALLING } from "./stage.ts";

const OK = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
const KEYS = { bad: `sluice_${"b".repeat(32)}`, good: `sluice_${"g".repeat(32)}` };
let folder: string;
let upstream: ScriptedUpstream;
let sluice: ReturnType<typeof startSluice>;
let url: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-stall-"));
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
      "limits: {stall_ms: 700}",
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
  send(url, { body, headers: { "X-API-Key": KEYS[who], Connection: "close" } });
const records = (): AuditRecord[] =>
  readFileSync(join(folder, "audit.jsonl"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditRecord);

/** Calls of the other caller, on connections of their own, until the stalling one has ended. */
async function callDuring(stalling: Promise<unknown>): Promise<number> {
  let going = true;
  void stalling.finally(() => {
    going = false;
  });
  const calls: Promise<RawAnswer>[] = [];
  while (going) {
    calls.push(post("good", call("{}")));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const answers = await Promise.all(calls);
  for (const answer of answers) expect(answer.body.toString()).toBe(OK);
  return answers.length;
}

test("with one worker, other clients' calls succeed during a stall; the second stall of a caller has it refused for a while", async () => {
  expect((await post("good", call("{}"))).body.toString()).toBe(OK);
  for (let strike = 1; strike <= 2; strike += 1) {
    const stalling = post("bad", STALLING).catch((fault: unknown) => fault);
    // Let the stall begin: what comes on other connections is accepted by the worker's replacement.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await callDuring(stalling)).toBeGreaterThan(3);
    expect(await stalling).toBeInstanceOf(Error);
  }
  let refused: RawAnswer;
  do refused = await post("bad", call("{}"));
  while (refused.status === 200);
  expect(refused.status).toBe(429);
  expect(Number(refused.headers["retry-after"])).toBeGreaterThan(250);
  expect(JSON.parse(refused.body.toString())).toMatchObject({ error: { code: -31_403 } });
  expect((await post("good", call("{}"))).body.toString()).toBe(OK);

  const reasons = records().filter(({ principal }) => principal.id === "bad");
  expect(reasons.filter(({ reason }) => reason === "ERR_STALLED")).toHaveLength(2);
  expect(reasons.at(-1)).toMatchObject({ kind: "refused", reason: "ERR_QUARANTINED", principal: { id: "bad", method: "api_key" } });
  expect(upstream.received.filter(({ body }) => body === STALLING)).toEqual([]);
  const good = records().filter(
    ({ principal, kind, message_kind }) => principal.id === "good" && kind === "message" && message_kind === "request",
  );
  expect(good).toHaveLength(upstream.received.filter(({ body }) => body === call("{}")).length);
}, 120_000);
