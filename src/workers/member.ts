/**
 * One worker in the supervisor's eyes, from its fork to its end: its state, what it said last, and who waits for what it says next. Must
 * not decide what becomes of it.
 */
import type { MetricsJson, ToSupervisor, ToWorker } from "./messages.ts";
import type { DeathReason } from "./totals.ts";
import { WorkerProcess } from "./worker-process.ts";

/** How long a worker may take to say its metrics. */
const MEASURE_MS = 500;
/** More than a worker takes, once its drain has run out, for the records of calls that it gives up. */
const LATE_MS = 3_000;

export class Member {
  readonly place: number;
  readonly worker: WorkerProcess;
  state: "booting" | "serving" | "stalled" | "ended" = "booting";
  /** Callers that its watchdog named last. */
  suspects: readonly string[] = [];
  metrics: MetricsJson = [];
  /** Why the supervisor ended it itself. */
  verdict: DeathReason | undefined;
  /** Whoever waits for a message; told `undefined` when none comes any more. */
  readonly #awaited = new Set<(message: ToSupervisor | undefined) => void>();

  /** Forks a worker on the listening socket of this descriptor, for a place among the workers. */
  constructor(place: number, listenFd: number) {
    this.place = place;
    this.worker = new WorkerProcess(listenFd);
  }

  get pid(): number | undefined {
    return this.worker.pid;
  }

  tell(message: ToWorker): void {
    this.worker.tell(message);
  }

  /** It has said something. */
  heard(message: ToSupervisor): void {
    if (message.kind === "metrics") this.metrics = message.metrics;
    for (const taker of this.#awaited) taker(message);
  }

  /** It says nothing any more: nobody is kept waiting for it. */
  silent(): void {
    for (const leave of this.#awaited) leave(undefined);
  }

  /** The next message that fits; undefined when the worker says nothing any more, or not in time. */
  next(ms: number, fits: (message: ToSupervisor) => boolean): Promise<ToSupervisor | undefined> {
    return new Promise((resolve) => {
      const done = (message: ToSupervisor | undefined): void => {
        clearTimeout(late);
        this.#awaited.delete(taker);
        resolve(message);
      };
      const taker = (message: ToSupervisor | undefined): void => {
        if (message === undefined || fits(message)) done(message);
      };
      const late = setTimeout(() => {
        done(undefined);
      }, ms);
      this.#awaited.add(taker);
      if (this.state === "ended") done(undefined);
    });
  }

  /** Has it say its metrics; resolves when it has, or does not. */
  async measure(): Promise<void> {
    this.tell({ kind: "measure" });
    await this.next(MEASURE_MS, ({ kind }) => kind === "metrics");
  }

  /** Gives it so many milliseconds to finish what is under way, and resolves at its end. One that does not serve has nothing to finish. */
  async drain(ms: number): Promise<void> {
    if (this.state === "serving") this.tell({ kind: "drain", ms });
    else this.worker.kill();
    const late = setTimeout(() => {
      this.worker.kill();
    }, ms + LATE_MS);
    await this.worker.ended;
    clearTimeout(late);
  }

  /** Ends it, unless it has ended. */
  end(verdict: DeathReason): void {
    if (this.state === "ended") return;
    this.verdict ??= verdict;
    this.worker.kill();
  }
}
