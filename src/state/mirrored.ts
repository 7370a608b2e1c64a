/**
 * The state of one worker, followed by its supervisor, so that the worker that takes its place forgets nothing that protects. Reads stay in
 * the process; only changes are told, and no message passes before what it depends on is handed over.
 * Must not ask the supervisor anything while a message waits.
 */
import { Fault } from "../errors.ts";
import type { Channel } from "../workers/channel.ts";
import { isRecord } from "./calls.ts";
import { MemoryStore } from "./memory.ts";
import { asNote, type Note } from "./notes.ts";
import { Outbox } from "./outbox.ts";
import { followerLimits, type StoreLimits } from "./store-limits.ts";
import type { Consumption, FlowFacts, LimitRequest, Outstanding, Scope, Store } from "./store.ts";

/** Milliseconds that handing over may take: a supervisor that does not read for so long is in trouble. */
const HAND_OVER_MS = 2_000;

/** Notes in one message of a seed. */
const NOTES_PER_MESSAGE = 1_000;

/** The worker's side. */
export class MirroredStore implements Store {
  /** Resolves once everything that the workers before it knew is known; rejects when the supervisor is gone. */
  readonly seeded: Promise<void>;
  readonly #memory: MemoryStore;
  readonly #handOverMs: number;
  /** Of the latest change; absent once it is handed over. Stays when it cannot be: then nothing passes any more. */
  #handedOver: Promise<void> | undefined;

  /** `handOverMs`: milliseconds after which a change counts as not handed over, and the message that depends on it is denied. */
  constructor(memory: MemoryStore, channel: Channel, handOverMs = HAND_OVER_MS) {
    this.#memory = memory;
    this.#handOverMs = handOverMs;
    const outbox = new Outbox<Note>(channel, (notes) => ({ kind: "mirror", notes }));
    memory.listen((note) => {
      const handedOver = outbox.push(note);
      this.#handedOver = handedOver;
      handedOver.then(
        () => {
          if (this.#handedOver === handedOver) this.#handedOver = undefined;
        },
        () => undefined,
      );
    });
    this.seeded = new Promise((resolve, reject) => {
      channel.take((message) => {
        if (!isRecord(message) || message["kind"] !== "mirror") return;
        for (const note of notesIn(message)) memory.follow(note);
        if (message["seeded"] === true) resolve();
      });
      channel.send({ kind: "mirror-seed" }).catch(() => {
        reject(new Fault({ code: "ERR_STATE", detail: "the supervisor is gone" }));
      });
    });
    // Whoever waits for it hears of it.
    this.seeded.catch(() => undefined);
  }

  facts(flow: string, defined?: { readonly catalogue: string; readonly key: string }): FlowFacts | Promise<FlowFacts> {
    const facts = this.#memory.facts(flow, defined);
    return this.#handedOver === undefined ? facts : this.#told(Promise.resolve(facts));
  }

  consume(limits: readonly LimitRequest[], flow?: string): Promise<Consumption> {
    return this.#told(this.#memory.consume(limits, flow));
  }

  addLabels(flow: string, labels: readonly string[]): Promise<void> {
    return this.#told(this.#memory.addLabels(flow, labels));
  }

  ordinals(flow: string, values: readonly { label: string; digest: string }[]): Promise<readonly number[]> {
    return this.#told(this.#memory.ordinals(flow, values));
  }

  sessionOwner(server: string, session: string, principal: string): Promise<string> {
    return this.#told(this.#memory.sessionOwner(server, session, principal));
  }

  endSession(server: string, session: string): Promise<void> {
    return this.#told(this.#memory.endSession(server, session));
  }

  remember(scope: Scope, id: string, request: Outstanding): Promise<void> {
    return this.#told(this.#memory.remember(scope, id, request));
  }

  recall(scope: Scope, id: string): Promise<Outstanding | undefined> {
    return this.#told(this.#memory.recall(scope, id));
  }

  settle(scope: Scope, id: string): Promise<Outstanding | undefined> {
    return this.#told(this.#memory.settle(scope, id));
  }

  forget(scope: Scope, id: string): Promise<void> {
    return this.#memory.forget(scope, id);
  }

  define(catalogue: string, definitions: ReadonlyMap<string, string>): Promise<void> {
    return this.#told(this.#memory.define(catalogue, definitions));
  }

  /** Waits for all that was told so far: another message may have made the change that this one builds on. */
  async #told<T>(work: Promise<T>): Promise<T> {
    const value = await work;
    if (this.#handedOver !== undefined) await inTime(this.#handedOver, this.#handOverMs);
    return value;
  }
}

/** The supervisor's side: what the workers in existence know, and those to come need. */
export class Replica {
  readonly #memory: MemoryStore;
  readonly #workers = new Set<Channel>();

  /** `clock`: milliseconds; `limits`: of the workers' stores. */
  constructor(clock: () => number, limits: Partial<StoreLimits> = {}) {
    this.#memory = new MemoryStore(clock, followerLimits(limits));
  }

  /**
   * Follows a worker, seeds it when it asks, and tells it what others tell: while one replaces another, both may serve. Whatever else comes
   * is left alone. Answers how to let go of it once it has ended: it is told no more, but what it had handed over may still come, and counts.
   */
  attach(channel: Channel): () => void {
    channel.take((message) => {
      if (!isRecord(message)) return;
      if (message["kind"] === "mirror-seed") this.#seed(channel);
      if (message["kind"] === "mirror") this.#follow(channel, notesIn(message));
    });
    return () => {
      this.#workers.delete(channel);
    };
  }

  #follow(from: Channel, notes: readonly Note[]): void {
    if (notes.length === 0) return;
    for (const note of notes) this.#memory.follow(note);
    for (const worker of this.#workers) if (worker !== from) tell(worker, { kind: "mirror", notes });
  }

  /** All of it in this turn, so that what is told from now on comes after it and nothing is told twice. */
  #seed(channel: Channel): void {
    if (this.#workers.has(channel)) return;
    this.#workers.add(channel);
    const notes = [...this.#memory.snapshot()];
    for (let at = 0; at < notes.length; at += NOTES_PER_MESSAGE)
      tell(channel, { kind: "mirror", notes: notes.slice(at, at + NOTES_PER_MESSAGE) });
    tell(channel, { kind: "mirror", notes: [], seeded: true });
  }
}

/** A worker that is gone needs to know nothing. */
function tell(worker: Channel, message: object): void {
  worker.send(message).catch(() => undefined);
}

function notesIn(message: Record<string, unknown>): Note[] {
  const { notes } = message;
  return Array.isArray(notes) ? notes.flatMap((note) => asNote(note) ?? []) : [];
}

async function inTime(handedOver: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Fault({ code: "ERR_STATE", detail: "the supervisor does not take what is told" }));
    }, ms);
  });
  try {
    await Promise.race([handedOver, late]);
  } catch (fault) {
    throw fault instanceof Fault ? fault : new Fault({ code: "ERR_STATE", detail: "the supervisor is gone" });
  } finally {
    clearTimeout(timer);
  }
}
