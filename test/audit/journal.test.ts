/** Records of one turn of the event loop share a write: each is there before its message goes on, and whose is not there does not. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import pino from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Journal } from "../../src/audit/journal.ts";
import { type AuditSink, openAuditFile } from "../../src/audit/sink.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import type { Outcome } from "../../src/transaction.ts";
import { InFlight, type Slot } from "../../src/watch/in-flight.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-journal-"));
  file = join(folder, "audit.jsonl");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A file that has room for so many more records. */
class Filling implements AuditSink {
  readonly #file: AuditSink;
  room = Number.POSITIVE_INFINITY;
  /** How many records came with each write. */
  readonly groups: number[] = [];
  constructor() {
    const opened = openAuditFile(file);
    if (!opened.ok) throw new Error(opened.failure.detail);
    this.#file = opened.value;
  }
  write(record: string): ReturnType<AuditSink["write"]> {
    const { failure } = this.writeAll([record]);
    return failure === undefined ? { ok: true, value: undefined } : { ok: false, failure };
  }
  writeAll(records: readonly string[]): ReturnType<AuditSink["writeAll"]> {
    const { written } = this.#file.writeAll(records.slice(0, this.room));
    this.room -= written;
    this.groups.push(records.length);
    return { written, failure: written === records.length ? undefined : { code: "ERR_AUDIT", detail: "full" } };
  }
  reopen(): ReturnType<AuditSink["reopen"]> {
    return this.#file.reopen();
  }
  close(): void {
    this.#file.close();
  }
}

function open(onError: "deny" | "allow" = "deny") {
  const sink = new Filling();
  const inFlight = new InFlight({
    capacity: 64,
    end: () => {
      throw new Error("given up");
    },
  });
  const metrics = new Metrics({ process: false });
  const journal = new Journal({ sink, onError, metrics, log: pino({ level: "silent" }), clock: () => 0, inFlight });
  /** Goes on as `allow`, or as `error` when it may not. */
  const judged = (name: string, slot = inFlight.enter(`{"name":"${name}"}`) as Slot) => ({
    slot,
    members: `"name":"${name}"`,
    settle: (mayPass: boolean): Outcome => {
      if (mayPass) inFlight.forwarded(slot);
      else inFlight.leave(slot);
      return { effect: mayPass ? "allow" : "error" } as Outcome;
    },
  });
  return { sink, inFlight, metrics, journal, judged };
}

const names = (): string[] =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as { name: string }).name);

describe("records of one turn", () => {
  test("are written with one write before any of their messages goes on, and those go on in order", async () => {
    const { sink, journal, judged } = open();
    const went: string[] = [];
    const all = ["a", "b", "c"].map(async (name) => {
      await journal.share(judged(name));
      expect(names()).toEqual(["a", "b", "c"]);
      went.push(name);
    });
    expect(names()).toEqual([]);
    await Promise.all(all);
    expect(went).toEqual(["a", "b", "c"]);
    expect(sink.groups).toEqual([3]);
  });

  test("wait for no other when one may not wait, which then is behind them", async () => {
    const { journal, judged } = open();
    const first = journal.share(judged("first"));
    expect(journal.now(judged("now"))).toMatchObject({ effect: "allow" });
    expect(names()).toEqual(["first", "now"]);
    expect(await first).toMatchObject({ effect: "allow" });
  });

  test("are the last records of a process that ends before they are written, each once", async () => {
    const { inFlight, journal, judged } = open();
    const shared = journal.share(judged("a"));
    const taken: [string, boolean][] = [];
    inFlight.drain((head, forwarded) => taken.push([head, forwarded]));
    expect(taken).toEqual([['{"name":"a"}', false]]);
    // Nothing goes on, in a process that did not end.
    expect(() => journal.now(judged("b"))).toThrow("given up");
    expect(names()).toEqual([]);
    expect(await Promise.race([shared, turn("waits")])).toBe("waits");
  });

  test("do not wait for one that cannot go on: it alone fails", async () => {
    const { journal, judged } = open();
    const broken = judged("broken");
    const settle = (): never => {
      throw new TypeError("broken");
    };
    const shared = [judged("before"), { ...broken, settle }, judged("behind")].map(async (each) => journal.share(each));
    expect((await Promise.allSettled(shared)).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(names()).toEqual(["before", "broken", "behind"]);
  });

  test("without room for an entry are written at once: nobody else would", () => {
    const { journal, judged } = open();
    const { settle } = judged("a");
    expect(journal.share({ slot: undefined, members: '"name":"a"', settle })).toMatchObject({ effect: "allow" });
    expect(names()).toEqual(["a"]);
  });
});

describe("property:", () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant("share" as const) },
    { weight: 2, arbitrary: fc.constant("now" as const) },
    { weight: 2, arbitrary: fc.constant("turn" as const) },
    { weight: 2, arbitrary: fc.record({ room: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.constant({ room: 1000 }) },
  );

  test.each(["deny", "allow"] as const)(
    "a message goes on when its record is there, and each record is there once (%s)",
    async (onError) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          rmSync(file, { force: true });
          const { sink, inFlight, metrics, journal, judged } = open(onError);
          const outcomes: (Outcome | Promise<Outcome>)[] = [];
          for (const each of steps) {
            if (each === "turn") await turn();
            else if (each === "share") outcomes.push(journal.share(judged(String(outcomes.length))));
            else if (each === "now") outcomes.push(journal.now(judged(String(outcomes.length))));
            else sink.room = each.room;
          }
          const effects = (await Promise.all(outcomes.map(async (outcome) => outcome))).map(({ effect }) => effect);
          sink.close();
          const there = new Set(names());
          expect(names()).toEqual([...there].toSorted((one, other) => Number(one) - Number(other)));
          expect(effects).toEqual(effects.map((_, at) => (onError === "allow" || there.has(String(at)) ? "allow" : "error")));
          const failed = /^sluice_audit_failures_total (\d+)$/mu.exec(await metrics.text())?.[1];
          expect(Number(failed)).toBe(effects.length - there.size);
          // Nothing is left in between: what went on waits for its answer.
          const waiting: string[] = [];
          inFlight.drain((head, forwarded) => waiting.push(forwarded ? head : "judged"));
          expect(waiting.toSorted()).toEqual(effects.flatMap((effect, at) => (effect === "allow" ? [`{"name":"${at}"}`] : [])).toSorted());
        }),
        { numRuns: 150 },
      );
    },
  );
});
