/**
 * What a worker does: builds a gateway on the supervisor's socket from what it is sent, and follows the supervisor's orders one after
 * the other. Must not read the configuration file or build a policy: all workers serve what the supervisor checked.
 */
import { flushCompileCache } from "node:module";
import { performance } from "node:perf_hooks";
import { refrozen } from "../config/freeze.ts";
import type { Problem } from "../config/problem.ts";
import { type Gateway, type Prepared, startGateway } from "../gateway.ts";
import type { Credentials } from "../http/listen.ts";
import { MemoryStore } from "../state/memory.ts";
import { MirroredStore } from "../state/mirrored.ts";
import { RemoteStore } from "../state/remote.ts";
import type { Channel } from "./channel.ts";
import { LISTEN_FD, type Standing, type ToSupervisor, type ToWorker, WATCHDOG_FD } from "./messages.ts";
import { processChannel } from "./process-channel.ts";

/** How often the supervisor is told what was counted: what a worker counted after that is lost when it is killed. */
const METRICS_MS = 1_000;

const ticks = (): number => performance.now();

/** The store's messages come on the same channel and are not for here. */
const ORDERS: Readonly<Record<ToWorker["kind"], true>> = {
  start: true,
  prepare: true,
  commit: true,
  forget: true,
  reopen: true,
  standing: true,
  quarantine: true,
  measure: true,
  scraped: true,
  drain: true,
};

export function serveWorker(): void {
  const worker = new ServingWorker(processChannel(process));
  worker.endWithSupervisor();
  worker.obey();
}

class ServingWorker {
  readonly #channel: Channel;
  #gateway: Gateway | undefined;
  #prepared: { readonly reload: number; readonly next: Prepared } | undefined;
  readonly #scrapes = new Map<number, (text: string | undefined) => void>();
  #lastScrape = 0;
  #standing: Standing | undefined;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Ends with the supervisor: nothing serves on, or holds the port, without one. */
  endWithSupervisor(): void {
    process.on("disconnect", () => {
      this.#gateway?.abandon();
      process.exit(0);
    });
  }

  /** In order of arrival, each when the one before it is done: a reload is prepared before it is committed. */
  obey(): void {
    let last: Promise<void> = Promise.resolve();
    this.#channel.take((message) => {
      const order = message as ToWorker;
      if (!Object.hasOwn(ORDERS, order.kind)) return;
      if (order.kind === "measure") return void this.#measure();
      if (order.kind === "scraped") return this.#scrapes.get(order.id)?.(order.text);
      if (order.kind === "standing") return (this.#standing = order.standing);
      // A fault here is the worker's end: the supervisor replaces it.
      last = last.then(() => this.#follow(order));
    });
  }

  async #follow(order: Exclude<ToWorker, { kind: "measure" | "scraped" | "standing" }>): Promise<void> {
    switch (order.kind) {
      case "start":
        return this.#start(order);
      case "prepare": {
        const { config, bundle } = order.generation;
        const next = await this.#serving().prepare(refrozen(config), { bundle });
        this.#prepared = next.ok ? { reload: order.reload, next: next.value } : undefined;
        return this.#say({ kind: "prepared", reload: order.reload, problems: next.ok ? undefined : next.failure });
      }
      case "commit":
        if (this.#prepared?.reload !== order.reload) throw new Error("nothing was prepared");
        this.#prepared.next.commit();
        this.#prepared = undefined;
        return this.#say({ kind: "committed", reload: order.reload });
      case "forget":
        this.#prepared = undefined;
        return;
      case "reopen":
        this.#gateway?.reopenAudit();
        return;
      case "quarantine":
        // One that does not serve yet hears of it when it is told to.
        return this.#gateway?.quarantine(order.principals);
      case "drain":
        await this.#gateway?.close(order.ms);
        process.exit(0);
    }
  }

  async #start({
    generation: { config, bundle },
    hmac,
    credentials,
    sharedState,
    quarantined,
  }: Extract<ToWorker, { kind: "start" }>): Promise<void> {
    const store = sharedState ? new RemoteStore(this.#channel) : new MirroredStore(new MemoryStore(ticks), this.#channel);
    if (store instanceof MirroredStore) await store.seeded;
    const started = await startGateway(refrozen(config), {
      bundle,
      store,
      keys: { hmac: Buffer.from(hmac) },
      listen: { fd: LISTEN_FD, credentials: credentials === undefined ? undefined : refilled(credentials) },
      watchdog: { report: WATCHDOG_FD },
      // The other workers write to it, and the one that this one replaces.
      sharedAudit: true,
      scrape: () => this.#scrape(),
      standing: () => describe(this.#standing),
    });
    if (!started.ok) return this.#failed(started.failure);
    this.#gateway = started.value;
    started.value.quarantine(quarantined);
    setInterval(() => void this.#measure(), METRICS_MS).unref();
    // A worker that is killed writes nothing at its end; its replacement is to start fast.
    flushCompileCache();
    await this.#say({ kind: "ready", url: started.value.url });
  }

  async #failed(problems: readonly Problem[]): Promise<void> {
    await this.#say({ kind: "failed", problems });
    process.exit(1);
  }

  /** The metrics of all workers, which only the supervisor can gather. */
  async #scrape(): Promise<string> {
    const id = (this.#lastScrape += 1);
    const answer = new Promise<string | undefined>((resolve) => this.#scrapes.set(id, resolve));
    await this.#say({ kind: "scrape", id });
    const text = await answer;
    this.#scrapes.delete(id);
    if (text === undefined) throw new Error("the supervisor has no metrics");
    return text;
  }

  async #measure(): Promise<void> {
    const metrics = await this.#gateway?.metrics();
    if (metrics !== undefined) await this.#say({ kind: "metrics", metrics });
  }

  #serving(): Gateway {
    if (this.#gateway === undefined) throw new Error("not started");
    return this.#gateway;
  }

  /** A supervisor that is gone hears nothing, and `disconnect` ends the worker. */
  #say(message: ToSupervisor): Promise<void> {
    return this.#channel.send(message).catch(() => undefined);
  }
}

/** Bytes that came as structured clones are plain arrays. */
function refilled({ cert, key }: Record<keyof Credentials, Uint8Array>): Credentials {
  return { cert: Buffer.from(cert), key: Buffer.from(key) };
}

/** What is not as it should be with the workers; undefined: nothing. */
function describe(standing: Standing | undefined): string | undefined {
  if (standing === undefined || standing.serving >= standing.wanted) return undefined;
  const waits = standing.waitMs > 0 ? "; they end again and again, the next one waits" : "";
  return `${standing.serving} of ${standing.wanted} workers serve${waits}`;
}
