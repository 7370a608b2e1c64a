/** The table that the event loop and the watchdog thread share: each entry is recorded by one of them, whatever the order of their steps. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InFlight, type Slot } from "../../src/watch/in-flight.ts";
import { CURRENT_AT, ENTRIES_AT, ENTRY_WORDS, STATE, TEXT_BYTES, textsAt, WORD } from "../../src/watch/layout.js";

class Ended extends Error {}
const open = (capacity: number): InFlight =>
  new InFlight({
    capacity,
    end: () => {
      throw new Ended();
    },
  });

/** The thread's view. */
class Thread {
  readonly #words: Int32Array;
  readonly #table: InFlight;
  readonly recorded: [string, "stalled" | "interrupted"][] = [];
  #at = 0;
  constructor(table: InFlight) {
    this.#table = table;
    this.#words = new Int32Array(table.memory, 0, ENTRIES_AT / 4 + table.capacity * ENTRY_WORDS);
  }
  get current(): string {
    return Buffer.from(this.#table.memory).toString("utf8", CURRENT_AT, CURRENT_AT + (this.#words[WORD.CURRENT] ?? 0));
  }
  giveUp(): void {
    Atomics.store(this.#words, WORD.DOOMED, 1);
  }
  /** Looks at the next entry, and takes it when it is under way. */
  step(): void {
    const slot = this.#at++ % this.#table.capacity;
    const word = ENTRIES_AT / 4 + slot * ENTRY_WORDS;
    const state = Atomics.load(this.#words, word);
    if (state !== STATE.JUDGING && state !== STATE.FORWARDED) return;
    if (Atomics.compareExchange(this.#words, word, state, STATE.TAKEN) !== state) return;
    const start = textsAt(this.#table.capacity) + slot * TEXT_BYTES;
    const text = Buffer.from(this.#table.memory).toString("utf8", start, start + (this.#words[word + 1] as number));
    this.recorded.push([text, state === STATE.JUDGING ? "stalled" : "interrupted"]);
  }
}

/** What the loop does with one request, a step at a time, as the recorder does it. Each yields where the thread may run. */
function* life(table: InFlight, name: string, log: string[], answered: boolean): Generator<void, void> {
  const slot = table.enter(`${name} request`);
  if (slot === undefined) return;
  yield;
  table.judged(slot);
  log.push(`${name} request`);
  yield;
  table.forwarded(slot);
  yield;
  table.alive();
  log.push(`${name} sent`);
  yield;
  if (answered) {
    table.answer(slot, `${name} answer`);
    yield;
    table.judged(slot);
    log.push(`${name} answer`);
  } else {
    table.failed(slot);
    log.push(`${name} failed`);
  }
  yield;
  table.leave(slot);
}

test("every entry is recorded once, by the loop or by the thread, and nothing is sent that was recorded as stalled", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 5, arbitrary: fc.nat(3) }, fc.constant("thread" as const)), { maxLength: 60 }),
      fc.nat(40),
      fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
      (schedule, doom, answered) => {
        const table = open(4);
        const thread = new Thread(table);
        const log: string[] = [];
        const lives = answered.map((each, at) => life(table, String(at), log, each));
        let ended = false;
        for (const [time, who] of schedule.entries()) {
          if (time === doom) thread.giveUp();
          if (who === "thread") {
            if (time >= doom) thread.step();
          } else if (!ended) {
            try {
              lives[who]?.next();
            } catch (fault) {
              // The loop found out that it was given up: it does nothing more.
              expect(fault).toBeInstanceOf(Ended);
              ended = true;
            }
          }
        }
        // The thread looks at all of them in the end.
        if (schedule.length > doom) for (let at = 0; at < 4; at += 1) thread.step();
        const records = [
          ...log.filter((line) => !line.endsWith("sent")),
          ...thread.recorded.map(([text, what]) => (what === "stalled" ? text : `${text.split(" ")[0]} failed`)),
        ];
        expect(new Set(records).size).toBe(records.length);
        for (const [text, what] of thread.recorded) {
          const name = text.split(" ")[0];
          if (what === "stalled") expect(text.endsWith("request") && log.includes(`${name} sent`)).toBe(false);
          expect(records.filter((line) => line === `${name} answer` || line === `${name} failed`).length).toBeLessThanOrEqual(1);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

describe("room", () => {
  test("that is used up is given again when entries leave", () => {
    const table = open(2);
    const [one, two] = [table.enter("a"), table.enter("b")];
    expect(table.enter("c")).toBeUndefined();
    for (const slot of [one, two] as Slot[]) {
      table.judged(slot);
      table.leave(slot);
    }
    expect([table.enter("d"), table.enter("e"), table.enter("f")].map((slot) => slot === undefined)).toEqual([false, false, true]);
  });
});

describe("whose work is done", () => {
  test("is known while it is done, and nobody's afterwards, also when it throws", () => {
    const table = open(1);
    const thread = new Thread(table);
    expect(table.working("ann")(() => thread.current)).toBe("ann");
    expect(thread.current).toBe("");
    expect(() =>
      table.working("böb")(() => {
        throw new Error(thread.current);
      }),
    ).toThrow("böb");
    expect(thread.current).toBe("");
  });

  test("stays the outer one's within it", () => {
    const table = open(1);
    const thread = new Thread(table);
    expect(table.working("ann")(() => [table.working("ann")(() => thread.current), thread.current])).toEqual(["ann", "ann"]);
  });

  test("is nobody's when the name does not fit: a part of it could be another's", () => {
    const table = open(1);
    expect(table.working("x".repeat(2000))(() => new Thread(table).current)).toBe("");
  });
});

test("a loop that was given up does nothing more, whatever it comes to next", () => {
  const steps: ((table: InFlight, slot: Slot) => unknown)[] = [
    (table) => table.enter("b"),
    (table) => {
      table.beat();
    },
    (table) => {
      table.alive();
    },
    (table) => table.working("ann")(() => 1),
    (table, slot) => {
      table.judged(slot);
    },
  ];
  for (const step of steps) {
    const table = open(2);
    const slot = table.enter("a") as Slot;
    const thread = new Thread(table);
    thread.giveUp();
    thread.step();
    expect(() => step(table, slot)).toThrow(Ended);
  }
});
