/** Lines that are written together where not all of them fit: what is said to be there is there once and whole, and nothing else is. */
import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const WRITER = join(import.meta.dirname, "limited-writer.ts");
const hasPrlimit = spawnSync("prlimit", ["--version"]).status === 0;

interface Step {
  /** Bytes by which the file may grow. */
  room: number;
  lines: string[];
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-groups-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** How many lines of each step the writer said are there, and what the file holds. */
async function write(steps: Step[]): Promise<{ said: number[]; text: string }> {
  const file = join(folder, "audit.jsonl");
  rmSync(file, { force: true });
  writeFileSync(join(folder, "steps.json"), JSON.stringify(steps));
  const { stdout } = await promisify(execFile)(process.execPath, [WRITER, file, join(folder, "steps.json")]);
  return { said: stdout.trim().split("\n").map(Number), text: readFileSync(file, "utf8") };
}

const isRecord = (line: string): boolean => {
  try {
    return typeof JSON.parse(line) === "object";
  } catch {
    return false;
  }
};

describe.runIf(hasPrlimit)("a group of lines that does not fit", () => {
  test("is there up to the first line that is not whole, wherever it is cut", async () => {
    const lines = ['{"name":"one"}', '{"name":"zwö"}', '{"name":"three"}'];
    const ends = lines.map((_, at) => Buffer.byteLength(lines.slice(0, at + 1).join("\n")));
    // The step behind each cut has room again.
    const cuts = Array.from({ length: (ends.at(-1) as number) + 2 }, (_, room) => room);
    const steps = cuts.flatMap((room) => [
      { room, lines },
      { room: 1000, lines: ['{"name":"next"}'] },
    ]);
    const { said, text } = await write(steps);
    let expected: string[] = [];
    for (const [at, room] of cuts.entries()) {
      const there = said[at * 2] as number;
      expect(there).toBe(ends.filter((end) => end <= room).length);
      expect(said[at * 2 + 1]).toBe(1);
      expected = [...expected, ...lines.slice(0, there), '{"name":"next"}'];
    }
    expect(text.split("\n").filter(isRecord)).toEqual(expected);
  }, 120_000);

  test("property: what is said to be written is there once, whole and in order, and nothing else", async () => {
    const line = fc.record({ name: fc.string({ unit: "grapheme", maxLength: 40 }), filler: fc.nat(400) });
    const step = fc.record({
      room: fc.oneof(fc.nat(600), fc.nat(200_000)),
      lines: fc.array(line, { minLength: 1, maxLength: 12 }),
      long: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (shapes) => {
        let number = 0;
        const steps = shapes.map(({ room, lines, long }) => ({
          room,
          // A long one does not fit into the memory that lines are gathered in.
          lines: lines.map(({ name, filler }, at) => {
            number += 1;
            return JSON.stringify({ number, name, filler: "x".repeat(long && at === 1 ? 70_000 : filler) });
          }),
        }));
        const { said, text } = await write(steps);
        expect(text.split("\n").filter(isRecord)).toEqual(steps.flatMap(({ lines }, at) => lines.slice(0, said[at])));
      }),
      { numRuns: 8 },
    );
  }, 120_000);
});
