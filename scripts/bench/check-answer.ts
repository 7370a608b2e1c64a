/**
 * Whether an answer is the one that the call must get: status, id, and every byte where nothing may change. Counts what each one was.
 * Must stay cheap: it shares a core with the upstream.
 */
import type { Frame } from "./frames.ts";
import type { Counts, Job } from "./job.ts";
import { ANSWER_START, answerTail, ID_DIGITS, MUST_BE_GONE } from "./messages.ts";

export interface Check {
  answer(id: number, frame: Frame): void;
  counts(): Counts;
  problems(): readonly string[];
}

const SHOWN = 200;

export function createCheck({ answer: kind, expected }: Pick<Job, "answer" | "expected">): Check {
  const tail = Buffer.from(kind.form === "sse" ? `${answerTail(kind)}\n\n` : answerTail(kind), "latin1");
  const counts = { same: 0, redacted: 0, denied: 0, shed: 0, wrong: 0 };
  const problems: string[] = [];

  const what = (id: number, { head, body }: Frame): keyof Counts => {
    const status = head.slice(9, 12);
    if (status === "503") return "shed";
    if (status !== "200") return "wrong";
    const start = kind.form === "sse" ? body.lastIndexOf(ANSWER_START) : 0;
    if (start === -1 || body.toString("latin1", start, start + ANSWER_START.length) !== ANSWER_START) return "wrong";
    const behindId = start + ANSWER_START.length + ID_DIGITS;
    if (body.toString("latin1", behindId - ID_DIGITS, behindId) !== String(id)) return "wrong";
    if (kind.form === "sse" && eventsIn(body) !== kind.events) return "wrong";
    if (body.length - behindId === tail.length && body.compare(tail, 0, tail.length, behindId) === 0) return "same";
    if (body.includes('"isError":true') || body.includes('"error":')) return "denied";
    return kind.text === "personal" && !MUST_BE_GONE.some((value) => body.includes(value)) ? "redacted" : "wrong";
  };

  return {
    answer(id, frame) {
      const is = what(id, frame);
      counts[is] += 1;
      if (is !== expected && is !== "shed" && problems.length < 3) {
        problems.push(`expected ${expected}, got ${is}: ${frame.head.split("\r\n", 1)[0]} ${frame.body.toString("latin1", 0, SHOWN)}`);
      }
    },
    counts: () => ({ ...counts }),
    problems: () => problems,
  };
}

function eventsIn(body: Buffer): number {
  let events = 0;
  for (let at = body.indexOf("data: "); at !== -1; at = body.indexOf("data: ", at + 6)) events += 1;
  return events;
}
