/**
 * Keeps the listening socket and the workers: starts them, replaces those that end, takes all of them to a new configuration or none,
 * and lets them finish. Must not read a message, and must not serve anything itself.
 */
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Config } from "../config/config.ts";
import type { Problem } from "../config/problem.ts";
import { fail, ok, type Result } from "../errors.ts";
import { type Credentials, credentialsProblem, listenProblem, readCredentials, startProblem } from "../http/listen.ts";
import { faultName, type Logger } from "../observe/logger.ts";
import { spaced } from "../observe/spaced.ts";
import type { PolicyBundle } from "../policy/activate.ts";
import { MemoryStore } from "../state/memory.ts";
import { Replica } from "../state/mirrored.ts";
import { serveStore } from "../state/remote.ts";
import type { Channel } from "./channel.ts";
import { type Keeper, keepSocket } from "./keeper.ts";
import type { Generation, MetricsJson, ToSupervisor, WatchdogLine } from "./messages.ts";
import { Restarts } from "./restarts.ts";
import { Strikes } from "./strikes.ts";
import { type DeathReason, Totals } from "./totals.ts";
import { type End, WorkerProcess } from "./worker-process.ts";

/** How long a worker may take to start, to prepare a reload, to swap, to say its metrics; and after a drain has run out, to end. */
const START_MS = 60_000;
const PREPARE_MS = 30_000;
const COMMIT_MS = 5_000;
const SCRAPE_MS = 500;
/** Anybody may ask for the metrics, and the state of all workers waits meanwhile: they are gathered no more often. */
const SCRAPES_APART_MS = 100;
/** More than a worker takes for the records of calls that it breaks. */
const LATE_MS = 3_000;
/** Deaths within ten seconds that are no crash loop yet. */
const BURST = 5;

const now = (): number => performance.now();

/** One worker, from its fork to its end. */
interface Handle {
  readonly place: number;
  readonly worker: WorkerProcess;
  state: "booting" | "serving" | "stalled" | "ended";
  /** Callers that its watchdog named last. */
  suspects: readonly string[];
  metrics: MetricsJson;
  /** Why the supervisor ended it itself. */
  verdict: DeathReason | undefined;
  /** Whoever waits for a message; told `undefined` at the end. */
  readonly awaited: Set<(message: ToSupervisor | undefined) => void>;
}

export interface SupervisorOptions {
  readonly workers: number;
  readonly log: Logger;
}

/** Forks the workers on a socket of the configured address. They boot, and serve when `serve` says what. */
export async function openSupervisor(config: Config, options: SupervisorOptions): Promise<Result<Supervisor, Problem[]>> {
  let credentials: Credentials | undefined;
  try {
    credentials = config.tls === undefined ? undefined : readCredentials(config.tls);
  } catch (fault) {
    return fail([credentialsProblem(config, fault)]);
  }
  const kept = await keepSocket(config.listen.host, config.listen.port);
  if (!kept.ok) return fail([listenProblem(config, kept.failure)]);
  return ok(new Supervisor(kept.value, credentials, options));
}

export class Supervisor {
  readonly #keeper: Keeper;
  readonly #credentials: Credentials | undefined;
  readonly #log: Logger;
  readonly #wanted: number;
  readonly #hmac = randomBytes(32);
  readonly #handles = new Set<Handle>();
  readonly #totals = new Totals();
  /** The state of all workers when there are several, or what the only one's replacement has to know. */
  readonly #state: { readonly shared: MemoryStore } | { readonly followed: Replica };
  readonly #strikes = new Strikes();
  readonly #restarts: Restarts;
  readonly #scraped = spaced(() => this.#scrape(), SCRAPES_APART_MS);
  #generation: Generation | undefined;
  #reloads = 0;
  /** A reload and the start of a worker exclude each other: so a new worker has the configuration that the others have. */
  #reloading: Promise<unknown> | undefined;
  readonly #starting = new Set<Promise<unknown>>();
  #waitMs = 0;
  readonly #waits = new Set<NodeJS.Timeout>();
  #closing = false;

  constructor(keeper: Keeper, credentials: Credentials | undefined, { workers, log }: SupervisorOptions) {
    this.#keeper = keeper;
    this.#credentials = credentials;
    this.#log = log;
    this.#wanted = workers;
    this.#state = workers > 1 ? { shared: new MemoryStore(now) } : { followed: new Replica(now) };
    this.#restarts = new Restarts(Math.max(BURST, 2 * workers));
    for (let place = 1; place <= workers; place += 1) this.#fork(place);
  }

  /** Starts serving: answers the base URL for clients, once all workers listen. */
  async serve(config: Config, bundle: PolicyBundle): Promise<Result<string, readonly Problem[]>> {
    this.#generation = { config, bundle };
    const started = await Promise.all(
      [...this.#handles].map(async (handle) => {
        const answer = await this.#start(handle);
        // Nothing will be served: what ends from here on is neither news nor replaced.
        this.#closing ||= !answer.ok;
        return answer;
      }),
    );
    const failed = started.find((each) => !each.ok);
    this.#tellStanding();
    const [first] = started;
    if (failed !== undefined || first === undefined || !first.ok)
      return failed ?? fail([startProblem(config, "workers/start", "There is no worker.")]);
    return first;
  }

  /** Takes all workers to a new configuration and policy, or none of them. */
  async reload(config: Config, bundle: PolicyBundle): Promise<Result<void, readonly Problem[]>> {
    const generation = { config, bundle };
    const reloading = this.#reload(generation);
    this.#reloading = reloading;
    try {
      return await reloading;
    } finally {
      this.#reloading = undefined;
    }
  }

  /** Counts a reload. */
  reloaded(outcome: "ok" | "failed"): void {
    this.#totals.reload(outcome);
  }

  /** Every worker opens the audit file anew. */
  reopenAudit(): void {
    for (const { worker } of this.#handles) worker.tell({ kind: "reopen" });
  }

  /** Stops listening, gives calls under way `limits.drain_s` to finish, and ends the workers. */
  async close(): Promise<void> {
    const ms = (this.#generation?.config.limits.drain_s ?? 0) * 1000;
    this.#closing = true;
    // Whoever stops it waits for the process to end.
    for (const wait of this.#waits) clearTimeout(wait);
    await this.#keeper.close();
    await Promise.all(
      [...this.#handles].map(async ({ worker, state }) => {
        if (state === "serving") worker.tell({ kind: "drain", ms });
        else worker.kill();
        const late = setTimeout(() => {
          worker.kill();
        }, ms + LATE_MS);
        await worker.ended;
        clearTimeout(late);
      }),
    );
  }

  async #reload(generation: Generation): Promise<Result<void, readonly Problem[]>> {
    await Promise.allSettled(this.#starting);
    const reload = (this.#reloads += 1);
    const handles = this.#serving();
    this.#log.debug({ workers: handles.length, revision: generation.bundle.revision }, "workers prepare a reload");
    const answers = await Promise.all(
      handles.map(async (handle) => {
        handle.worker.tell({ kind: "prepare", reload, generation });
        const answer = await this.#next(handle, PREPARE_MS, (said) => said.kind === "prepared" && said.reload === reload);
        if (answer === undefined)
          return [startProblem(generation.config, "workers/reload", "A worker did not say in time that it can take this configuration.")];
        return answer.kind === "prepared" ? answer.problems : undefined;
      }),
    );
    const problems = answers.find((answer) => answer !== undefined);
    if (problems !== undefined) {
      for (const { worker } of handles) worker.tell({ kind: "forget", reload });
      return fail(problems);
    }
    // From here on it is decided: a worker that does not follow is replaced by one that does.
    this.#generation = generation;
    await Promise.all(
      handles.map(async (handle) => {
        handle.worker.tell({ kind: "commit", reload });
        const done = await this.#next(handle, COMMIT_MS, (said) => said.kind === "committed" && said.reload === reload);
        if (done === undefined) this.#end(handle, "unresponsive");
      }),
    );
    return ok(undefined);
  }

  #fork(place: number): Handle {
    const handle: Handle = {
      place,
      worker: new WorkerProcess(this.#keeper.fd),
      state: "booting",
      suspects: [],
      metrics: [],
      verdict: undefined,
      awaited: new Set(),
    };
    this.#handles.add(handle);
    const letGo = this.#attachState(handle.worker.channel);
    handle.worker.onMessage((message) => {
      this.#heard(handle, message);
    });
    handle.worker.onWatchdog((line) => {
      this.#warned(handle, line);
    });
    void handle.worker.ended.then((end) => {
      letGo();
      this.#ended(handle, end);
    });
    return handle;
  }

  /** Answers how to let go of it. */
  #attachState(channel: Channel): () => void {
    if ("followed" in this.#state) return this.#state.followed.attach(channel);
    serveStore(this.#state.shared, channel);
    return () => {};
  }

  /** Tells a worker what to serve; answers its URL once it listens. */
  async #start(handle: Handle): Promise<Result<string, readonly Problem[]>> {
    const generation = this.#generation;
    if (generation === undefined) return fail([]);
    handle.worker.tell({
      kind: "start",
      generation,
      hmac: this.#hmac,
      credentials: this.#credentials,
      place: handle.place,
      sharedState: "shared" in this.#state,
      quarantined: this.#strikes.quarantined(now()),
    });
    const answer = await this.#next(handle, START_MS, ({ kind }) => kind === "ready" || kind === "failed");
    if (answer?.kind === "ready") {
      handle.state = "serving";
      return ok(answer.url);
    }
    this.#end(handle, "unresponsive");
    return fail(
      answer?.kind === "failed" ? answer.problems : [startProblem(generation.config, "workers/start", "A worker ended while it started.")],
    );
  }

  /** Puts a new worker in a place. */
  async #bring(place: number): Promise<boolean> {
    if (this.#closing) return false;
    const handle = this.#fork(place);
    while (this.#reloading !== undefined) await Promise.allSettled([this.#reloading]);
    const starting = this.#start(handle);
    this.#starting.add(starting);
    const started = await starting;
    this.#starting.delete(starting);
    if (started.ok) this.#log.info({ worker: handle.worker.pid }, "a new worker serves");
    this.#tellStanding();
    return started.ok;
  }

  #heard(handle: Handle, message: ToSupervisor): void {
    if (message.kind === "metrics") handle.metrics = message.metrics;
    if (message.kind === "scrape")
      void this.#scraped().then((text) => {
        handle.worker.tell({ kind: "scraped", id: message.id, text });
      });
    for (const taker of handle.awaited) taker(message);
  }

  /** The watchdog of a worker spoke: one that stands still is ended once its replacement serves, so that somebody always accepts. */
  #warned(handle: Handle, { kind, principals }: WatchdogLine): void {
    handle.suspects = principals;
    if (kind === "stalled" && this.#closing) return handle.worker.kill();
    if (kind !== "stalled" || handle.state !== "serving") return;
    handle.state = "stalled";
    handle.verdict = "stalled";
    this.#log.warn({ worker: handle.worker.pid }, "a worker stands still and is replaced");
    // It says nothing any more: a reload that waited for it would keep its replacement waiting.
    for (const leave of handle.awaited) leave(undefined);
    void this.#bring(handle.place).then(() => {
      handle.worker.kill();
    });
  }

  #ended(handle: Handle, end: End): void {
    const { place, worker, state } = handle;
    handle.state = "ended";
    this.#handles.delete(handle);
    for (const leave of handle.awaited) leave(undefined);
    if (this.#closing) return;
    const reason = handle.verdict ?? (end.signal === "SIGKILL" ? "killed" : "crashed");
    this.#totals.ended(reason, handle.metrics);
    this.#log.error({ worker: worker.pid, reason, code: end.code, signal: end.signal }, "a worker has ended");
    this.#blame(handle.suspects);
    // The place of one that stood still is taken already; before anything is served there is nothing to replace.
    if (state !== "stalled" && this.#generation !== undefined) this.#replace(place);
    this.#tellStanding();
  }

  #replace(place: number): void {
    const wait = this.#restarts.died(now());
    if (wait === 0) return void this.#bring(place);
    this.#waitMs = wait;
    this.#log.error({ wait_ms: wait }, "workers end again and again: the next one waits");
    const over = setTimeout(() => {
      this.#waits.delete(over);
      this.#waitMs = 0;
      void this.#bring(place);
    }, wait);
    this.#waits.add(over);
  }

  #blame(suspects: readonly string[]): void {
    const seconds = this.#generation?.config.limits.quarantine_s ?? 0;
    const principals = this.#strikes.strike(suspects, now(), seconds * 1000);
    if (principals.length === 0) return;
    this.#log.warn(
      { callers: principals.map(({ principal }) => readable(principal)), seconds },
      "a caller has ended two workers and is refused",
    );
    for (const { worker } of this.#handles) worker.tell({ kind: "quarantine", principals });
  }

  #end(handle: Handle, verdict: DeathReason): void {
    if (handle.state === "ended") return;
    handle.verdict ??= verdict;
    handle.worker.kill();
  }

  /** The next message that fits; undefined when the worker ends or does not say it in time. */
  #next(handle: Handle, ms: number, fits: (message: ToSupervisor) => boolean): Promise<ToSupervisor | undefined> {
    return new Promise((resolve) => {
      const done = (message: ToSupervisor | undefined): void => {
        clearTimeout(late);
        handle.awaited.delete(taker);
        resolve(message);
      };
      const taker = (message: ToSupervisor | undefined): void => {
        if (message === undefined || fits(message)) done(message);
      };
      const late = setTimeout(() => {
        done(undefined);
      }, ms);
      handle.awaited.add(taker);
      if (handle.state === "ended") done(undefined);
    });
  }

  /** Undefined when that fails: what somebody asks about the workers must not end what they depend on. */
  async #scrape(): Promise<string | undefined> {
    await Promise.all(
      this.#serving().map((handle) => {
        handle.worker.tell({ kind: "measure" });
        return this.#next(handle, SCRAPE_MS, ({ kind }) => kind === "metrics");
      }),
    );
    try {
      // Of all, also of one that stands still: what it counted is handed over only when it has ended.
      return await this.#totals.text([...this.#handles].map(({ metrics }) => metrics));
    } catch (fault) {
      this.#log.error({ fault: faultName(fault) }, "the metrics of the workers cannot be added up");
      return undefined;
    }
  }

  #serving(): Handle[] {
    return [...this.#handles].filter(({ state }) => state === "serving");
  }

  #tellStanding(): void {
    const serving = this.#serving();
    this.#totals.serving(serving.length);
    const standing = { serving: serving.length, wanted: this.#wanted, waitMs: this.#waitMs };
    for (const { worker } of serving) worker.tell({ kind: "standing", standing });
  }
}

/** A flow as a person reads it: those of anonymous callers are addresses behind a NUL. */
function readable(flow: string): string {
  return flow.startsWith("\u0000") ? `anonymous at ${flow.slice(1)}` : flow;
}
