/**
 * Takes a server's event stream apart, one event at a time and never more than one ahead: the next chunk is pulled when the last event
 * has been dealt with, so that back-pressure reaches the server. Must not look into events.
 */
import { type Failure, Fault } from "../errors.ts";
import { type SseEvent, SseParser } from "../mcp/sse.ts";
import { Turn } from "../turn.ts";
import type { BodyQueue } from "./body-queue.ts";

/** What was written leaves when the loop turns: the first event of a burst must not wait for the last. */
const FIRST_OUT_MS = 1;

/**
 * Hands each event to `take`; `marked` does the work of taking apart. Answers why the stream broke off; undefined when it ended in good
 * order. Rethrows what `take` throws.
 */
export async function eachEvent(
  body: BodyQueue,
  maxEventBytes: number,
  marked: <T>(work: () => T) => T,
  take: (event: SseEvent) => Promise<void>,
): Promise<Failure | undefined> {
  const parser = new SseParser(maxEventBytes);
  const turn = new Turn(FIRST_OUT_MS);
  try {
    for await (const chunk of body) {
      const parsed = marked(() => parser.push(chunk));
      for (const event of parsed.ok ? parsed.value : parsed.failure.before) {
        await take(event);
        await turn.end();
      }
      body.keeps(parser.held);
      if (!parsed.ok) return { code: "ERR_UPSTREAM_ANSWER", detail: parsed.failure.reason };
    }
  } catch (fault) {
    if (fault instanceof Fault) return fault.failure;
    throw fault;
  }
  return undefined;
}
