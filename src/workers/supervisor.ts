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
import { Member } from "./member.ts";
import type { Generation, ToSupervisor, WatchdogLine } from "./messages.ts";
import { commitAll, prepareAll } from "./reload.ts";
import { Restarts } from "./restarts.ts";
import { readable, Strikes } from "./strikes.ts";
import { Totals } from "./totals.ts";
import type { End } from "./worker-process.ts";

/** How long a worker may take to start. */
const START_MS = 60_000;
/** Anybody may ask for the metrics, and the state of all workers waits meanwhile: they are gathered no more often. */
const SCRAPES_APART_MS = 100;
/** Deaths within ten seconds that are no crash loop yet. */
const BURST = 5;

const now = (): number => performance.now();

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
  readonly #members = new Set<Member>();
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
      [...this.#members].map(async (member) => {
        const answer = await this.#start(member);
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
    for (const { worker } of this.#members) worker.tell({ kind: "reopen" });
  }

  /** Stops listening, gives calls under way `limits.drain_s` to finish, and ends the workers. */
  async close(): Promise<void> {
    const ms = (this.#generation?.config.limits.drain_s ?? 0) * 1000;
    this.#closing = true;
    // Whoever stops it waits for the process to end.
    for (const wait of this.#waits) clearTimeout(wait);
    await this.#keeper.close();
    await Promise.all([...this.#members].map((member) => member.drain(ms)));
  }

  async #reload(generation: Generation): Promise<Result<void, readonly Problem[]>> {
    await Promise.allSettled(this.#starting);
    const reload = (this.#reloads += 1);
    const members = this.#serving();
    this.#log.debug({ workers: members.length, revision: generation.bundle.revision }, "workers prepare a reload");
    const problems = await prepareAll(members, reload, generation);
    if (problems !== undefined) return fail(problems);
    // From here on it is decided, also for a worker that starts meanwhile.
    this.#generation = generation;
    await commitAll(members, reload);
    return ok(undefined);
  }

  #fork(place: number): Member {
    const member = new Member(place, this.#keeper.fd);
    this.#members.add(member);
    const letGo = this.#attachState(member.worker.channel);
    member.worker.onMessage((message) => {
      this.#heard(member, message);
    });
    member.worker.onWatchdog((line) => {
      this.#warned(member, line);
    });
    void member.worker.ended.then((end) => {
      letGo();
      this.#ended(member, end);
    });
    return member;
  }

  /** Answers how to let go of it. */
  #attachState(channel: Channel): () => void {
    if ("followed" in this.#state) return this.#state.followed.attach(channel);
    serveStore(this.#state.shared, channel);
    return () => {};
  }

  /** Tells a worker what to serve; answers its URL once it listens. */
  async #start(member: Member): Promise<Result<string, readonly Problem[]>> {
    const generation = this.#generation;
    if (generation === undefined) return fail([]);
    member.tell({
      kind: "start",
      generation,
      hmac: this.#hmac,
      credentials: this.#credentials,
      place: member.place,
      sharedState: "shared" in this.#state,
      quarantined: this.#strikes.quarantined(now()),
    });
    const answer = await member.next(START_MS, ({ kind }) => kind === "ready" || kind === "failed");
    if (answer?.kind === "ready") {
      member.state = "serving";
      return ok(answer.url);
    }
    member.end("unresponsive");
    return fail(
      answer?.kind === "failed" ? answer.problems : [startProblem(generation.config, "workers/start", "A worker ended while it started.")],
    );
  }

  /** Puts a new worker in a place. */
  async #bring(place: number): Promise<boolean> {
    if (this.#closing) return false;
    const member = this.#fork(place);
    while (this.#reloading !== undefined) await Promise.allSettled([this.#reloading]);
    const starting = this.#start(member);
    this.#starting.add(starting);
    const started = await starting;
    this.#starting.delete(starting);
    if (started.ok) this.#log.info({ worker: member.pid }, "a new worker serves");
    this.#tellStanding();
    return started.ok;
  }

  #heard(member: Member, message: ToSupervisor): void {
    if (message.kind === "scrape")
      void this.#scraped().then((text) => {
        member.tell({ kind: "scraped", id: message.id, text });
      });
    member.heard(message);
  }

  /** The watchdog of a worker spoke: one that stands still is ended once its replacement serves, so that somebody always accepts. */
  #warned(member: Member, { kind, principals }: WatchdogLine): void {
    member.suspects = principals;
    if (kind === "stalled" && this.#closing) return member.worker.kill();
    if (kind !== "stalled" || member.state !== "serving") return;
    member.state = "stalled";
    member.verdict = "stalled";
    this.#log.warn({ worker: member.pid }, "a worker stands still and is replaced");
    // It says nothing any more: a reload that waited for it would keep its replacement waiting.
    member.silent();
    void this.#bring(member.place).then(() => {
      member.worker.kill();
    });
  }

  #ended(member: Member, end: End): void {
    const { place, worker, state } = member;
    member.state = "ended";
    this.#members.delete(member);
    member.silent();
    if (this.#closing) return;
    const reason = member.verdict ?? (end.signal === "SIGKILL" ? "killed" : "crashed");
    this.#totals.ended(reason, member.metrics);
    this.#log.error({ worker: worker.pid, reason, code: end.code, signal: end.signal }, "a worker has ended");
    this.#blame(member.suspects);
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
    for (const { worker } of this.#members) worker.tell({ kind: "quarantine", principals });
  }

  /** Undefined when that fails: what somebody asks about the workers must not end what they depend on. */
  async #scrape(): Promise<string | undefined> {
    await Promise.all(this.#serving().map((member) => member.measure()));
    try {
      // Of all, also of one that stands still: what it counted is handed over only when it has ended.
      return await this.#totals.text([...this.#members].map(({ metrics }) => metrics));
    } catch (fault) {
      this.#log.error({ fault: faultName(fault) }, "the metrics of the workers cannot be added up");
      return undefined;
    }
  }

  #serving(): Member[] {
    return [...this.#members].filter(({ state }) => state === "serving");
  }

  #tellStanding(): void {
    const serving = this.#serving();
    this.#totals.serving(serving.length);
    const standing = { serving: serving.length, wanted: this.#wanted, waitMs: this.#waitMs };
    for (const { worker } of serving) worker.tell({ kind: "standing", standing });
  }
}
