/** A reload: all workers or none, and no call lost by it. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { metricOf } from "../support/metrics.ts";
import { type EchoUpstream, openEcho } from "./echo-upstream.ts";
import { load } from "./load.ts";
import { SLOW_RULE } from "../watch/stage.ts";
import { call, isEcho, post, serve, type Stage, until } from "./stage.ts";

const OTHER = "policy: {settings: {protocol_and_identity: {access: []}}}";

let upstream: EchoUpstream;
let stage: Stage | undefined;
beforeEach(async () => {
  upstream = await openEcho();
});
afterEach(async () => {
  await stage?.close();
  await upstream.close();
});

function revisions(metrics: string): string[] {
  return [...metrics.matchAll(/^sluice_policy_info\{revision="([^"]+)"\} (\d+)$/gm)].map(([, revision, value]) => `${revision}=${value}`);
}

test("reloads under load lose no call, and every worker swaps", { timeout: 120_000 }, async () => {
  stage = await serve(upstream.url, 2);
  const { url, says } = stage;
  const clients = load(url, 8);
  await until(() => clients.answered.length > 20, "calls are answered");
  const [before] = revisions(await stage.metrics());
  for (const [round, more] of ["limits: {findings: 900}", "policy: {mode: observe}", ""].entries()) {
    stage.configure(more);
    stage.signal("SIGHUP");
    await says("stdout", new RegExp(`(?:Reloaded: policy revision \\S+\\s+){${round + 1}}$`));
  }
  const sofar = clients.answered.length;
  const asked = await metricOf(url, "sluice_decision_memo_total");
  await until(() => clients.answered.length > sofar + 20, "calls are answered after it");
  await clients.stop();
  // The new policies are counted like the first one.
  expect(await metricOf(url, "sluice_decision_memo_total")).toBeGreaterThan(asked);
  expect([clients.wrong, clients.broken]).toEqual([[], []]);
  expect(await metricOf(url, "sluice_policy_reloads_total", { outcome: "ok" })).toBe(3);
  // The same configuration as in the beginning, in both workers.
  expect(revisions(await stage.metrics())).toEqual([before]);
  const recorded = stage.records().filter(({ method, direction }) => method === "tools/call" && direction === "client_to_server");
  expect(recorded).toHaveLength(upstream.received.length);
  expect(new Set(recorded.map(({ rpc_id }) => rpc_id))).toEqual(new Set(upstream.ids()));
});

test("what decisions were remembered goes on being counted after a reload", { timeout: 90_000 }, async () => {
  stage = await serve(upstream.url, 1);
  const { url } = stage;
  const asked = (): Promise<number> => metricOf(url, "sluice_decision_memo_total");
  await call(url, 1);
  const before = await asked();
  expect(before).toBeGreaterThan(0);
  stage.signal("SIGHUP");
  await stage.says("stdout", /Reloaded/);
  await call(url, 2);
  expect(await asked()).toBeGreaterThan(before);
});

test("when one worker cannot follow, none does", { timeout: 120_000 }, async () => {
  stage = await serve(upstream.url, 2, "log: {level: debug}");
  const [one, other] = stage.workers() as [number, number];
  // It hears nothing, and then it dies of it.
  process.kill(other, "SIGSTOP");
  stage.configure(`${OTHER}\nlog: {level: debug}`);
  stage.signal("SIGHUP");
  await stage.says("stderr", /workers prepare a reload/);
  process.kill(other, "SIGKILL");
  await stage.says("stderr", /Not reloaded: the running configuration and policy stay\./);
  await until(() => stage?.workers().length === 2, "a replacement");
  expect(stage.workers()).toContain(one);
  // Nobody judges by the new policy, which denies every call: not the one that was ready for it, nor the one that came after.
  for (let id = 1; id <= 20; id += 1) expect(isEcho(await call(stage.url, id))).toBe(true);
  expect(await metricOf(stage.url, "sluice_policy_reloads_total", { outcome: "failed" })).toBe(1);
  stage.signal("SIGHUP");
  await stage.says("stdout", /Reloaded: policy revision/);
  for (let id = 1; id <= 20; id += 1) expect(isEcho(await call(stage.url, 100 + id))).toBe(false);
});

test("a worker that comes after a reload serves what the others serve", { timeout: 120_000 }, async () => {
  stage = await serve(upstream.url, 1);
  stage.configure(OTHER);
  stage.signal("SIGHUP");
  await stage.says("stdout", /Reloaded: policy revision/);
  const [victim] = stage.workers() as [number];
  process.kill(victim, "SIGKILL");
  const answer = await call(stage.url, 1);
  expect(answer.status).toBe(200);
  expect(answer.body).toContain("locked by policy");
  expect(upstream.ids()).toEqual([]);
});

test("SIGHUP opens the audit file anew in every worker, also without a change", { timeout: 120_000 }, async () => {
  stage = await serve(upstream.url, 2);
  const audit = join(stage.folder, "audit.jsonl");
  for (let id = 1; id <= 10; id += 1) await call(stage.url, id);
  renameSync(audit, `${audit}.1`);
  stage.signal("SIGHUP");
  await stage.says("stdout", /Reloaded: policy revision/);
  const moved = readFileSync(`${audit}.1`, "utf8");
  for (const worker of stage.workers()) {
    const [resting] = stage.workers().filter((other) => other !== worker) as [number];
    process.kill(resting, "SIGSTOP");
    expect(isEcho(await call(stage.url, worker))).toBe(true);
    process.kill(resting, "SIGCONT");
  }
  expect(readFileSync(`${audit}.1`, "utf8")).toBe(moved);
  expect(new Set(stage.records().map(({ rpc_id }) => rpc_id))).toEqual(new Set(stage.workers()));
});

test("a worker that stands still while it prepares a reload is replaced first all the same, and nothing is reloaded", {
  timeout: 120_000,
}, async () => {
  const slow = "log: {level: debug}\npolicy: {path: ./rules}\nlimits: {stall_ms: 10s";
  const rules = join(mkdtempSync(join(tmpdir(), "sluice-rules-")), "rules");
  mkdirSync(rules);
  writeFileSync(join(rules, "slow.rego"), SLOW_RULE);
  const configured = slow.replace("./rules", rules);
  stage = await serve(upstream.url, 1, `${configured}}`);
  const list = Array.from({ length: 2_000 }, (_, at) => at);
  const stalled = post(stage.url, { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: { list } } }).catch(
    (fault: unknown) => fault,
  );
  await wait(500);
  // The policy stays, so that it is there at once: the reload gets to the worker before anybody notices that it stands still.
  stage.configure(`${configured}, findings: 900}`);
  stage.signal("SIGHUP");
  await stage.says("stderr", /workers prepare a reload/);
  expect(stage.said("stderr")).not.toContain("stands still");
  expect(await stalled).toBeInstanceOf(Error);
  await stage.says("stderr", /Not reloaded: the running configuration and policy stay\./);
  expect(isEcho(await call(stage.url, 2))).toBe(true);
  const said = stage.said("stderr");
  expect(said).toContain("a worker stands still and is replaced");
  const served = said.indexOf("a new worker serves");
  expect(served).toBeGreaterThan(0);
  expect(said.indexOf("a worker has ended")).toBeGreaterThan(served);
  rmSync(dirname(rules), { recursive: true });
});
