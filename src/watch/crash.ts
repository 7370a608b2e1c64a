/**
 * The end of a process on a fault of its own: what is under way is put on record, one line says that it happened, and the process ends.
 * Must not go on: after a fault that nobody caught nothing can be trusted.
 */
import type { AuditSink } from "../audit/sink.ts";
import { faultName, type Logger } from "../observe/logger.ts";
import type { InFlight } from "./in-flight.ts";
import { lastRecord } from "./last-record.js";

/** Ends the process on the first fault or rejection that nobody caught. Answers how to stop doing so. */
export function endOnFault(inFlight: InFlight, sink: AuditSink, log: Logger): () => void {
  const end = (fault: unknown): never => {
    const unrecorded = recordUnderWay(inFlight, sink, "ERR_CRASHED");
    log.fatal({ fault: faultName(fault), unrecorded }, "the process ends on a fault of its own");
    process.exit(1);
  };
  // A rejection that nobody handles arrives here too.
  process.on("uncaughtException", end);
  return () => {
    process.off("uncaughtException", end);
  };
}

/** Puts what is under way on record, for a process that ends right after. Answers how much of it could not be written. */
export function recordUnderWay(inFlight: InFlight, sink: AuditSink, reason: "ERR_CRASHED" | "ERR_INTERRUPTED"): number {
  let unrecorded = 0;
  inFlight.drain((head, forwarded) => {
    try {
      if (sink.write(lastRecord(head, forwarded, reason)).ok) return;
    } catch {
      // One that cannot be made must not cost the others theirs.
    }
    unrecorded += 1;
  });
  return unrecorded;
}
