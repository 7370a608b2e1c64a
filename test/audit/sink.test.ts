import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import { type AuditSink, openAuditFile } from "../../src/audit/sink.ts";

let folder: string;
let file: string;
let sink: AuditSink | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-sink-"));
  file = join(folder, "audit.jsonl");
});
afterEach(() => {
  sink?.close();
  sink = undefined;
  rmSync(folder, { recursive: true });
});

const record = (name: string): string =>
  JSON.stringify({
    schema: "sluice.audit/v1",
    time: "2026-11-24T00:00:00.000Z",
    decision_id: name,
    exchange_id: name,
    server: "one",
    principal: { id: "ann", method: "api_key" },
    client_ip: "127.0.0.1",
    direction: "client_to_server",
    kind: "message",
    effect: "allow",
    rules: [],
  } satisfies AuditRecord);
const line = (name: string): string => `${record(name)}\n`;

function open(path = file): AuditSink {
  const opened = openAuditFile(path);
  if (!opened.ok) throw new Error(opened.failure.detail);
  sink = opened.value;
  return opened.value;
}

test("a record is a line in a file that only its owner reads, there as soon as it is written", () => {
  const opened = open();
  expect(opened.write(record("a"))).toMatchObject({ ok: true });
  expect(readFileSync(file, "utf8")).toBe(line("a"));
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("a file that others can read is theirs no longer", () => {
  writeFileSync(file, line("old"));
  chmodSync(file, 0o664);
  open();
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("records come behind those that are there, and a last line that was half written stays alone", () => {
  writeFileSync(file, `${line("old")}{"schema":"slu`);
  const opened = open();
  opened.write(record("a"));
  opened.write(record("b"));
  expect(readFileSync(file, "utf8")).toBe(`${line("old")}{"schema":"slu\n${line("a")}${line("b")}`);
});

test("after a file was moved away and opened anew, records go to the new one", () => {
  const opened = open();
  opened.write(record("a"));
  renameSync(file, `${file}.1`);
  opened.write(record("b"));
  expect(opened.reopen()).toMatchObject({ ok: true });
  opened.write(record("c"));
  expect(readFileSync(`${file}.1`, "utf8")).toBe(line("a") + line("b"));
  expect(readFileSync(file, "utf8")).toBe(line("c"));
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test.runIf(existsSync("/proc/self/fd"))("the file that was moved away is let go", () => {
  const held = (): number =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(file);
      } catch {
        // The descriptor that listed them.
        return false;
      }
    }).length;
  const opened = open();
  for (let at = 0; at < 3; at += 1) {
    renameSync(file, `${file}.${at}`);
    opened.reopen();
    expect(held()).toBe(1);
  }
  opened.close();
  expect(held()).toBe(0);
});

test("the new file may end in half a line as well", () => {
  const opened = open();
  renameSync(file, `${file}.1`);
  appendFileSync(file, "half");
  opened.reopen();
  opened.write(record("a"));
  expect(readFileSync(file, "utf8")).toBe(`half\n${line("a")}`);
});

test("a file that cannot be opened is a failure that names no path; once it can be, records are written again", () => {
  const away = join(folder, "away");
  const path = join(away, "audit.jsonl");
  expect(openAuditFile(path)).toMatchObject({ ok: false, failure: { code: "ERR_AUDIT", detail: expect.not.stringContaining(folder) } });
  expect(existsSync(away)).toBe(false);

  const opened = open();
  renameSync(folder, `${folder}-gone`);
  expect(opened.reopen()).toMatchObject({ ok: false, failure: { code: "ERR_AUDIT" } });
  expect(opened.write(record("lost"))).toMatchObject({ ok: false, failure: { code: "ERR_AUDIT" } });
  renameSync(`${folder}-gone`, folder);
  expect(opened.write(record("a"))).toMatchObject({ ok: true });
  expect(readFileSync(file, "utf8")).toBe(line("a"));
});

test("a device that is full refuses the record", () => {
  expect(open("/dev/full").write(record("a"))).toMatchObject({ ok: false, failure: { code: "ERR_AUDIT" } });
});

test("closing twice closes nothing else", () => {
  const opened = open();
  opened.close();
  opened.close();
  expect(opened.write(record("a"))).toMatchObject({ ok: true });
});
