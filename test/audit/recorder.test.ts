/** A record's text is made by hand: it is JSON, and says what it is to say, whatever names are in it. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import pino from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import { Recorder } from "../../src/audit/recorder.ts";
import { openAuditFile } from "../../src/audit/sink.ts";
import { readWholeMessage } from "../../src/mcp/read-message.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { type Exchange, type Transaction, withheld } from "../../src/transaction.ts";
import { InFlight } from "../../src/watch/in-flight.ts";

const LIMITS = { bytes: 1 << 20, depth: 64, nodes: 10_000, string: 1 << 20 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-recorder-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("property: a record, and what the watchdog would write, is JSON that says who and what, whatever they are called", async () => {
  const file = join(folder, "audit.jsonl");
  const text = fc.oneof(fc.string({ unit: "binary", maxLength: 60 }), fc.string({ maxLength: 1500 }));
  await fc.assert(
    fc.asyncProperty(text, text, text, fc.integer(), async (principal, ip, detail, id) => {
      rmSync(file, { force: true });
      const sink = openAuditFile(file);
      if (!sink.ok) throw new Error(sink.failure.detail);
      const inFlight = new InFlight({ capacity: 4 });
      const recorder = new Recorder({
        sink: sink.value,
        onError: "deny",
        metrics: new Metrics({ process: false }),
        log: pino({ level: "silent" }),
        screenText: (each) => each,
        clock: () => 0,
        ticks: () => 0,
        inFlight,
      });
      const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "echo", arguments: {} } }));
      const message = readWholeMessage(body, LIMITS);
      if (!message.ok) throw new Error(message.failure.code);
      const exchange = { id: "e", server: { name: "one" }, principal: { id: principal, method: "api_key" }, ip } as unknown as Exchange;
      const transaction: Transaction = {
        exchange,
        decisionId: "e-1",
        direction: "client_to_server",
        message: message.value,
        answers: undefined,
        now: 0,
      };
      const head = {
        decision_id: "e-1",
        exchange_id: "e",
        server: "one",
        principal: { id: principal, method: "api_key" },
        client_ip: ip,
        direction: "client_to_server",
        kind: "message",
        message_kind: "request",
        phase: "request",
        bytes_in: body.length,
        ...(Number.isSafeInteger(id) ? { rpc_id: id } : {}),
        method: "tools/call",
        target: { kind: "tool", name: "echo" },
      };
      const outcome = withheld(transaction, { code: "ERR_POLICY_FAULT", detail });
      expect(await recorder.message(recorder.enter(transaction), outcome)).toBe(outcome);
      const record = JSON.parse(readFileSync(file, "utf8")) as AuditRecord;
      const end = { effect: "error", reason: "ERR_POLICY_FAULT", detail, rules: [], bytes_out: 0, latency_us: 0 };
      expect(record).toEqual({ schema: "sluice.audit/v1", time: "1970-01-01T00:00:00.000Z", ...head, ...end });
      recorder.enter(transaction);
      inFlight.drain((began) => {
        const fits = Buffer.byteLength(JSON.stringify(head)) <= 2048;
        const { method: _method, target: _target, ...rest } = head;
        expect(JSON.parse(began)).toEqual(fits ? head : { ...rest, principal: { id: "*", method: "none" }, client_ip: "*" });
      });
      sink.value.close();
    }),
    { numRuns: 100 },
  );
});
