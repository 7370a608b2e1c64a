/**
 * Starts the thread that watches the event loop, and gives it the loop's heartbeat. Must not decide when the loop stands still: the
 * thread does.
 */
import { Worker } from "node:worker_threads";
import { faultName, type Logger } from "../observe/logger.ts";
import type { InFlight } from "./in-flight.ts";

export interface WatchdogOptions {
  /** Path of the audit file: the thread opens it for itself. */
  readonly audit: string;
  /** Descriptor of a pipe to the supervisor; undefined: there is none, and the thread ends the process alone. */
  readonly report: number | undefined;
  readonly log: Logger;
}

export interface Watchdog {
  stop(): Promise<void>;
}

const BEATS_MS = 50;
/** Bounds of a thread that holds next to nothing. */
const ROOM = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 };
const THREAD = new URL("./watchdog-thread.js", import.meta.url);

/** The limit is what `inFlight.stallAfter` was told last. */
export function startWatchdog(inFlight: InFlight, { audit, report, log }: WatchdogOptions): Watchdog {
  const beats = setInterval(() => {
    inFlight.beat();
  }, BEATS_MS);
  beats.unref();
  let thread = start();
  let stopping = false;

  function start(): Worker {
    const { memory, capacity } = inFlight;
    const started = new Worker(THREAD, { workerData: { memory, capacity, audit, report }, resourceLimits: ROOM, execArgv: [] });
    started.unref();
    // A process without its watchdog could stand still for ever.
    started.once("error", (fault) => {
      log.error({ fault: faultName(fault) }, "the watchdog thread broke down and is started anew");
      setTimeout(() => {
        if (!stopping) thread = start();
      }, BEATS_MS).unref();
    });
    return started;
  }

  return {
    async stop() {
      stopping = true;
      clearInterval(beats);
      await thread.terminate();
    },
  };
}
