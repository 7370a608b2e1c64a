/** The laws of a chaos run see what they are there for: one wrong thing in an account that is right breaks exactly its law. */
import { expect, test } from "vitest";
import { checkLaws, type Evidence, HANG_MS } from "../../scripts/chaos/laws.ts";
import { Ledger, type Sending } from "../../scripts/chaos/ledger.ts";
import { drawSchedule, SPARED_FROM } from "../../scripts/chaos/schedule.ts";
import { Random } from "../../scripts/chaos/random.ts";
import type { AuditRecord } from "../../src/audit/record.ts";

const PRINCIPAL = "p1";

/** An account of three calls: answered, denied, and one whose worker was killed after it was forwarded. */
interface Account {
  readonly ledger: Ledger;
  readonly sendings: readonly [Sending, Sending, Sending];
  readonly records: AuditRecord[];
  readonly evidence: { -readonly [Key in keyof Evidence]: Evidence[Key] };
}

function record(rpcId: number, more: Partial<AuditRecord> = {}): AuditRecord {
  return {
    schema: "sluice.audit/v1",
    time: new Date().toISOString(),
    decision_id: `d${rpcId}`,
    exchange_id: `x${rpcId}`,
    server: "one",
    principal: { id: PRINCIPAL, method: "api_key" },
    client_ip: "127.0.0.1",
    direction: "client_to_server",
    kind: "message",
    message_kind: "request",
    rpc_id: rpcId,
    effect: "allow",
    rules: [],
    ...more,
  };
}

function rightAccount(): Account {
  const ledger = new Ledger();
  const send = (rpcId: number): Sending =>
    ledger.send({ principal: PRINCIPAL, server: "one", kind: "request", method: "tools/call", rpcId });
  const sendings = [send(1), send(2), send(3)] as const;
  for (const { marker } of [sendings[0], sendings[2]]) ledger.arrived(`{"chaos/marker":"${marker}"}`, undefined);
  ledger.end(sendings[0], "answered");
  ledger.end(sendings[1], "denied", { decisionId: "d2" });
  ledger.end(sendings[2], "broken");
  const records = [record(1), record(2, { effect: "deny" }), record(3)];
  const metrics = [
    "sluice_messages_total 3",
    "sluice_audit_failures_total 0",
    'sluice_worker_deaths_total{reason="killed"} 1',
    'sluice_policy_reloads_total{outcome="ok"} 1',
    'sluice_policy_reloads_total{outcome="failed"} 1',
  ].join("\n");
  const now = ledger.now();
  return {
    ledger,
    sendings,
    records,
    evidence: {
      ledger,
      audit: { files: 1, records, torn: [] },
      diary: [
        { fault: "kill -9 of a worker", startMs: now, endMs: now },
        { fault: "reload, good", startMs: now + 60_000, endMs: now + 60_001 },
        { fault: "reload, broken policy", startMs: now + 60_000, endMs: now + 60_001 },
      ],
      metrics,
      expectedReloads: { done: 1, refused: 1 },
      growth: [{ pid: 1, who: "worker", fromBytes: 100_000_000, toBytes: 110_000_000, seconds: 100 }],
      held: { calls: 0 },
      left: [],
      workers: 2,
    },
  };
}

const brokenLaws = (account: Account): string[] =>
  checkLaws(account.evidence)
    .filter(({ broken }) => broken.length > 0)
    .map(({ law }) => law);

test("an account that is right breaks no law", () => {
  expect(brokenLaws(rightAccount())).toEqual([]);
});

const arrive = ({ ledger }: Account, { marker }: Sending): void => ledger.arrived(`{"chaos/marker":"${marker}"}`, undefined);

test.each<[string, string, (account: Account) => void]>([
  ["a call that never ends", "sent =", ({ sendings }) => Object.assign(sendings[0], { ending: undefined, endedMs: undefined })],
  ["a call that takes for ever", "sent =", ({ sendings: [one] }) => Object.assign(one, { endedMs: one.startedMs + HANG_MS + 1 })],
  ["a break without a fault", "a connection breaks", ({ evidence }) => (evidence.diary = evidence.diary.slice(1))],
  ["a denied call that arrives", "what was refused", (account) => arrive(account, account.sendings[1])],
  ["a call that arrives twice", "nothing arrived twice", (account) => arrive(account, account.sendings[0])],
  ["a forwarded call that a killed worker did not record", "what arrived", ({ records }) => records.pop()],
  ["an answered call without a record", "one record", ({ records }) => records.shift()],
  ["two records for one call", "one record", ({ records }) => records.push(record(1, { decision_id: "d4" }))],
  ["a record of a call that nobody made", "one record", ({ records }) => records.push(record(9))],
  ["a decision that is not on record", "every decision", ({ sendings }) => Object.assign(sendings[0], { decisionId: "elsewhere" })],
  ["two records with one id", "decision ids", ({ records }) => Object.assign(records[0] ?? {}, { decision_id: "d3" })],
  ["a line that is no record", "the audit log", ({ evidence }) => (evidence.audit = { ...evidence.audit, torn: ["audit.jsonl:1"] })],
  ["a leak", "answers are whole", ({ ledger }) => ledger.alarms.push("a redacted text reached p1")],
  ["a count above the records", "metrics agree", ({ evidence }) => (evidence.metrics = evidence.metrics.replace("total 3", "total 4"))],
  ["a worker that crashes", "workers end", ({ evidence }) => (evidence.metrics += '\nsluice_worker_deaths_total{reason="crashed"} 1')],
  [
    "a reload that is refused for nothing",
    "each reload",
    ({ evidence }) => (evidence.metrics = evidence.metrics.replace('"ok"} 1', '"ok"} 0').replace('"failed"} 1', '"failed"} 2')),
  ],
  ["memory that grows", "memory", ({ evidence }) => (evidence.growth = evidence.growth.map((each) => ({ ...each, toBytes: 200_000_000 })))],
  ["a call that is still held", "nothing is held", ({ evidence }) => (evidence.held = { calls: 1 })],
  ["a process that stays", "no process", ({ evidence }) => (evidence.left = [4711])],
])("%s breaks its law", (_what, law, change) => {
  const account = rightAccount();
  change(account);
  expect(brokenLaws(account).some((broken) => broken.startsWith(law))).toBe(true);
});

test("a seed repeats the schedule, another one does not, and each kind of fault is in every one", () => {
  const draw = (seed: number, seconds = 20) => drawSchedule(new Random(seed), seconds);
  expect(draw(5)).toEqual(draw(5));
  expect(draw(5)).not.toEqual(draw(6));
  const kinds = (seconds: number): string[] => [...new Set(draw(5, seconds).map(({ kind }) => kind))].toSorted();
  expect(kinds(1)).toEqual(kinds(300));
  const late = draw(5, 300).filter(({ atMs }) => atMs > SPARED_FROM * 300_000);
  expect(late.filter(({ kind }) => kind === "stalling message" || kind === "worker stopped for a moment")).toEqual([]);
  expect(late.filter((fault) => fault.kind === "kill -9 of a worker" && !fault.spare)).toEqual([]);
});
