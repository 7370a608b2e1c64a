/**
 * Runs of digits in searched text: groups of digits with one space or hyphen between them, as long as they go on.
 * A byte loop, because a call into RE2 per candidate costs more than a hundred bytes of this. Must not judge what a run is.
 */
import { isDigit, nextDigit } from "../bytes.ts";

/** One maximal run. `positions[i]` is the byte of digit i, `ends[g]` the number of digits up to the end of group g. */
export interface DigitRun {
  readonly digits: readonly number[];
  readonly positions: readonly number[];
  readonly ends: readonly number[];
}

const SPACE = 0x20;
const HYPHEN = 0x2d;

/** The runs with at least `least` digits, in order. */
export function* digitRuns(text: Buffer, least: number): Generator<DigitRun> {
  for (let at = nextDigit(text, 0); at < text.length; at = nextDigit(text, at)) {
    const end = runEnd(text, at);
    if (end - at >= least) {
      const run = readRun(text, at, end);
      if (run.digits.length >= least) yield run;
    }
    at = end;
  }
}

function runEnd(text: Buffer, start: number): number {
  let end = start;
  for (;;) {
    while (isDigit(text[end])) end += 1;
    const separator = text[end];
    if ((separator !== SPACE && separator !== HYPHEN) || !isDigit(text[end + 1])) return end;
    end += 1;
  }
}

function readRun(text: Buffer, start: number, end: number): DigitRun {
  const digits: number[] = [];
  const positions: number[] = [];
  const ends: number[] = [];
  for (let at = start; at < end; at += 1) {
    const byte = text[at];
    if (isDigit(byte)) {
      digits.push((byte as number) - 0x30);
      positions.push(at);
    } else ends.push(digits.length);
  }
  ends.push(digits.length);
  return { digits, positions, ends };
}
