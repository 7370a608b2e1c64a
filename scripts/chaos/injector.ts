/**
 * Makes the faults of a schedule happen, and keeps a diary of when each did: what broke for a client must have an entry to blame. Must
 * not look at what becomes of it.
 */
import { spawnSync } from "node:child_process";
import { existsSync, renameSync, statSync } from "node:fs";
import { SERVER_FAULTS } from "./front.ts";
import type { Ledger } from "./ledger.ts";
import { workersOf } from "./processes.ts";
import { flood, hangUp, stall } from "./raw-clients.ts";
import type { Fault } from "./schedule.ts";
import type { Files, Key, Sluice, Stage } from "./stage.ts";

export interface Entry {
  readonly fault: string;
  readonly startMs: number;
  endMs: number;
}

export interface InjectorParts {
  readonly ledger: Ledger;
  readonly stage: Stage;
  readonly sluice: Sluice;
  readonly files: Files;
  /** For those who hang up; for those who flood; for the two who stall. */
  readonly keys: { readonly hasty: Key; readonly many: Key; readonly stalling: readonly [Key, Key] };
}

const RELOAD_MS = 30_000;
/** Let pass what Sluice still does with an order, such as opening the file anew. */
const AFTER_MS = 300;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Injector {
  readonly diary: Entry[] = [];
  readonly skipped = new Map<string, string>();
  readonly #parts: InjectorParts;
  readonly #stopped = new Set<number>();
  readonly #limited = new Set<number>();
  /** Faults that share the files of Sluice happen one after the other. */
  #files: Promise<unknown> = Promise.resolve();
  #under = new Set<Promise<void>>();
  #rotations = 0;
  /** Reloads that were asked for, by what should become of them. */
  readonly expected = { done: 0, refused: 0 };

  constructor(parts: InjectorParts) {
    this.#parts = parts;
  }

  /** Plays the schedule from `beganMs` on; resolves when the last fault is over. */
  async play(schedule: readonly Fault[], beganMs: number, isOver: () => boolean): Promise<void> {
    for (const fault of schedule) {
      const wait = beganMs + fault.atMs - this.#parts.ledger.now();
      if (wait > 0) await sleep(wait);
      if (isOver()) break;
      const doing = this.#inject(fault).catch((problem: unknown) => {
        this.skipped.set(fault.kind, problem instanceof Error ? problem.message : String(problem));
      });
      this.#under.add(doing);
      void doing.then(() => this.#under.delete(doing));
    }
    await Promise.all(this.#under);
  }

  /** Whatever happens: no process stays stopped or limited. */
  release(): void {
    for (const pid of this.#stopped) signal(pid, "SIGCONT");
    for (const pid of this.#limited) limitFileSize(pid, "unlimited");
  }

  async #inject(fault: Fault): Promise<void> {
    const { ledger, stage, sluice, files, keys } = this.#parts;
    const { base } = sluice;
    switch (fault.kind) {
      case "server": {
        const row = SERVER_FAULTS[fault.row];
        if (row !== undefined) stage.fronts[fault.server].arm(row, fault.opening);
        return;
      }
      case "server down":
        return this.#during("server down", () => stage.fronts[fault.server].goDown(fault.ms));
      case "client hangs up":
        return this.#during(`client hangs up ${fault.moment}`, () =>
          hangUp({ ledger, base, server: fault.server, key: keys.hasty }, fault.moment),
        );
      case "kill -9 of a worker": {
        const workers = workersOf(sluice.pid);
        const victim = fault.spare && workers.length > 1 ? workers.at(-1) : workers[fault.atMs % Math.max(1, workers.length)];
        if (victim === undefined || (fault.spare && workers.length < 2)) return this.#skip(fault.kind, "there was no worker to spare");
        return this.#during(fault.kind, async () => {
          signal(victim, "SIGKILL");
          await sleep(AFTER_MS);
        });
      }
      case "worker stopped for a moment": {
        const victim = workersOf(sluice.pid)[0];
        if (victim === undefined) return this.#skip(fault.kind, "there was no worker");
        return this.#during(fault.kind, async () => {
          this.#stopped.add(victim);
          signal(victim, "SIGSTOP");
          await sleep(fault.ms);
          signal(victim, "SIGCONT");
          this.#stopped.delete(victim);
          await sleep(AFTER_MS);
        });
      }
      case "stalling message":
        return this.#during(fault.kind, () => stall({ ledger, base, server: "v2-json", key: keys.stalling[fault.caller] }));
      case "flood":
        return this.#during(fault.kind, () => flood({ ledger, base, server: "v2-json", key: keys.many }, fault.calls));
      case "reload":
        return this.#withFiles(`reload, ${fault.what}`, async () => {
          if (fault.what === "good") files.good();
          else if (fault.what === "broken policy") files.brokenPolicy();
          else files.brokenConfig();
          await this.#hangUp(fault.what === "good" ? "done" : "refused");
          if (fault.what !== "good") files.good();
        });
      case "audit file moved away":
        return this.#withFiles(fault.kind, async () => {
          if (!existsSync(files.audit)) return;
          this.#rotations += 1;
          renameSync(files.audit, files.audit.replace(/\.jsonl$/, `.${String(this.#rotations).padStart(4, "0")}.jsonl`));
          await this.#hangUp("done");
        });
      case "audit unwritable":
        return this.#withFiles(fault.kind, async () => {
          if (!existsSync(files.audit)) return;
          const workers = workersOf(sluice.pid);
          // A part of a line still fits: it is torn.
          const size = statSync(files.audit).size + 2_000;
          for (const pid of workers) {
            this.#limited.add(pid);
            if (!limitFileSize(pid, String(size))) throw new Error("prlimit is missing or not allowed");
          }
          await sleep(fault.ms);
          for (const pid of workers) {
            limitFileSize(pid, "unlimited");
            this.#limited.delete(pid);
          }
          await sleep(AFTER_MS);
        });
    }
  }

  /** The machine had no processor for this process for so long: then it had none for Sluice either. */
  starved(fromMs: number, toMs: number): void {
    this.diary.push({ fault: "the machine is too busy", startMs: fromMs, endMs: toMs });
  }

  #skip(kind: string, why: string): void {
    this.skipped.set(kind, why);
  }

  async #during(fault: string, work: () => Promise<void>): Promise<void> {
    const { ledger } = this.#parts;
    const entry: Entry = { fault, startMs: ledger.now(), endMs: Number.POSITIVE_INFINITY };
    this.diary.push(entry);
    try {
      await work();
    } finally {
      entry.endMs = ledger.now();
    }
  }

  #withFiles(fault: string, work: () => Promise<void>): Promise<void> {
    const doing = this.#files.then(() => this.#during(fault, work));
    this.#files = doing.catch(() => undefined);
    return doing;
  }

  /** Sends SIGHUP and waits until Sluice says what came of it. */
  async #hangUp(outcome: "done" | "refused"): Promise<void> {
    const { sluice, ledger } = this.#parts;
    this.expected[outcome] += 1;
    const before = sluice.reloads.done + sluice.reloads.refused;
    signal(sluice.pid, "SIGHUP");
    const until = ledger.now() + RELOAD_MS;
    while (sluice.reloads.done + sluice.reloads.refused === before && ledger.now() < until) await sleep(50);
    await sleep(AFTER_MS);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended: that is what most of these are for.
  }
}

function limitFileSize(pid: number, soft: string): boolean {
  const { status } = spawnSync("prlimit", ["--pid", String(pid), `--fsize=${soft}:unlimited`], { stdio: "ignore" });
  return status === 0 || !existsSync(`/proc/${pid}`);
}
