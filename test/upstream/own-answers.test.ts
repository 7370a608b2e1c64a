import { pino } from "pino";
import { describe, expect, test, vi } from "vitest";
import { fail, ok, type Result } from "../../src/errors.ts";
import { OwnAnswers } from "../../src/upstream/own-answers.ts";

const MOST = 32;
const TAKEN = { status: 202 };

function answers() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "debug", base: null }, { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) });
  return { lines, own: new OwnAnswers(log, () => {}) };
}

/** Posts that end when they are told to. */
function posts() {
  const ends: ((result: Result<{ status: number }>) => void)[] = [];
  const post = (): Promise<Result<{ status: number }>> =>
    new Promise((resolve) => {
      ends.push(resolve);
    });
  return { ends, post };
}

describe("answers of Sluice's own", () => {
  test("to one server are under way in a bounded number; more are let go, and more again when some were taken", async () => {
    const { own } = answers();
    const { ends, post } = posts();
    for (let at = 0; at < MOST * 2; at += 1) own.send("slow", post);
    expect(ends).toHaveLength(MOST);
    ends[0]?.(ok(TAKEN));
    await Promise.resolve().then(() => Promise.resolve());
    await new Promise(setImmediate);
    own.send("slow", post);
    own.send("slow", post);
    expect(ends).toHaveLength(MOST + 1);
  });

  test("to one server do not keep another's", () => {
    const { own } = answers();
    const slow = posts();
    const other = posts();
    for (let at = 0; at < MOST * 2; at += 1) own.send("slow", slow.post);
    own.send("other", other.post);
    expect(other.ends).toHaveLength(1);
  });

  test.each([
    ["fail", () => Promise.resolve(fail({ code: "ERR_UPSTREAM" as const }))],
    ["throw", () => Promise.reject(new TypeError("payload"))],
  ])("that %s are logged without what was thrown, and give their place back", async (_name, post) => {
    const { own, lines } = answers();
    for (let at = 0; at < MOST; at += 1) own.send("one", post);
    await new Promise(setImmediate);
    expect(lines).toHaveLength(MOST);
    expect(lines[0]).toMatchObject({ server: "one", msg: "a server could not be told that its request was refused" });
    expect(JSON.stringify(lines)).not.toContain("payload");
    const next = posts();
    own.send("one", next.post);
    expect(next.ends).toHaveLength(1);
  });

  test("are not waited for without end", () => {
    const { own } = answers();
    const timeout = vi.spyOn(AbortSignal, "timeout");
    let signal: AbortSignal | undefined;
    own.send("one", (given) => {
      signal = given;
      return new Promise(() => {});
    });
    expect(signal).toBe(timeout.mock.results[0]?.value);
    expect(timeout.mock.calls[0]?.[0]).toBeLessThanOrEqual(10_000);
    timeout.mockRestore();
  });
});
