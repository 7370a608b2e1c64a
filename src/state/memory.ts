/**
 * The store of one process: everything in memory, everything bounded. It tells its changes to whoever listens, and can follow another
 * store by what that one tells. Must not lose what protects: where running out of room would forget a label or reset a limit it refuses
 * instead.
 */
import { BoundedMap } from "./bounded-map.ts";
import { Buckets } from "./buckets.ts";
import { Catalogues } from "./catalogues.ts";
import { FairMap } from "./fair-map.ts";
import { join, split } from "./keys.ts";
import type { Note } from "./notes.ts";
import { Numberings } from "./numberings.ts";
import { Requests } from "./requests.ts";
import { DEFAULT_STORE_LIMITS, type StoreLimits } from "./store-limits.ts";
import type { Consumption, FlowFacts, LimitRequest, Outstanding, Scope, Store } from "./store.ts";
import { Telling } from "./telling.ts";

interface Session {
  readonly owner: string;
  /** Which of its ids a client has used is not known to the full: it was bound by another store, or some are forgotten. */
  readonly doubtful: boolean;
}

/** Limits in one note of a snapshot. */
const LIMITS_PER_NOTE = 1_000;

export class MemoryStore implements Store {
  readonly #limits: StoreLimits;
  readonly #clock: () => number;
  readonly #telling: Telling;
  readonly #buckets: Buckets;
  readonly #counters: BoundedMap<Set<string>>;
  readonly #labels: BoundedMap<Set<string>>;
  readonly #numberings: Numberings;
  readonly #sessions: FairMap<Session>;
  readonly #requests: Requests;
  readonly #catalogues: Catalogues;

  /** `clock`: milliseconds; ages are measured with it. */
  constructor(clock: () => number, limits: Partial<StoreLimits> = {}) {
    const all = { ...DEFAULT_STORE_LIMITS, ...limits };
    const telling = new Telling(all.retellMs, clock);
    this.#limits = all;
    this.#clock = clock;
    this.#telling = telling;
    this.#buckets = new Buckets(all.buckets);
    this.#counters = new BoundedMap({ entries: all.flows, ttlMs: all.flowTtlMs }, clock);
    this.#labels = new BoundedMap({ entries: all.flows, ttlMs: all.flowTtlMs }, clock);
    this.#numberings = new Numberings(all, clock, telling);
    this.#sessions = new FairMap(
      { entries: all.sessions, weight: Infinity, entriesPerHolder: all.sessionsPerPrincipal, ttlMs: all.sessionTtlMs },
      clock,
    );
    this.#requests = new Requests(all, clock, telling, (scope) => {
      this.#doubt(scope);
    });
    this.#catalogues = new Catalogues(all, clock, telling);
  }

  facts(flow: string, defined?: { readonly catalogue: string; readonly key: string }): FlowFacts | Promise<FlowFacts> {
    const now = this.#clock();
    const keys = [...(this.#counters.get(flow) ?? [])];
    const labels = [...(this.#labels.get(flow) ?? [])];
    if (labels.length > 0) this.#telling.used(join("labels", flow), () => ({ note: "labels", flow, labels }));
    if (keys.length > 0) this.#telling.used(join("counted", flow), () => ({ note: "counted", flow, keys }));
    return {
      labels,
      counters: Object.fromEntries(keys.map((key) => [key, Math.ceil(this.#buckets.used(key, now))])),
      definition: defined === undefined ? undefined : this.#catalogues.definition(defined.catalogue, defined.key),
    };
  }

  async consume(limits: readonly LimitRequest[], flow?: string): Promise<Consumption> {
    const outcome = this.#buckets.take(limits, this.#clock());
    if (!outcome.granted) return outcome;
    const plain = limits.map(({ key, cost, per_s, max }) => ({ key, cost, per_s, max }));
    if (plain.length > 0) this.#telling.changed(() => ({ note: "taken", limits: plain }));
    if (flow !== undefined) {
      const keys = plain.map(({ key }) => key);
      const known = this.#counters.get(flow);
      const fresh = keys.filter((key) => known?.has(key) !== true);
      this.#count(flow, keys, 0);
      if (fresh.length > 0) this.#telling.changed(() => ({ note: "counted", flow, keys: fresh }));
    }
    return outcome;
  }

  /** Throws when there is no room: a label that is lost would lift what it guards against. */
  async addLabels(flow: string, labels: readonly string[]): Promise<void> {
    if (labels.length === 0) return;
    const known = this.#labels.get(flow);
    if (known === undefined && this.#labels.full) throw new Error("no room for another flow's labels");
    const all = new Set([...(known ?? []), ...labels]);
    if (all.size > this.#limits.labelsPerFlow) throw new Error("too many labels on one flow");
    this.#labels.set(flow, all);
    if (all.size > (known?.size ?? 0)) this.#telling.changed(() => ({ note: "labels", flow, labels }));
  }

  async ordinals(flow: string, values: readonly { label: string; digest: string }[]): Promise<readonly number[]> {
    return this.#numberings.number(flow, values);
  }

  async sessionOwner(server: string, session: string, principal: string): Promise<string> {
    const key = join(server, session);
    const known = this.#sessions.get(key);
    const bound = known ?? { owner: principal, doubtful: false };
    this.#sessions.set(key, bound.owner, bound);
    const note = (): Note => ({ note: "session", server, session, principal: bound.owner });
    if (known === undefined) this.#telling.changed(note);
    else this.#telling.used(join("session", key), note);
    return bound.owner;
  }

  async endSession(server: string, session: string): Promise<void> {
    this.#sessions.delete(join(server, session));
    this.#telling.changed(() => ({ note: "ended", server, session }));
  }

  async remember(scope: Scope, id: string, request: Outstanding): Promise<void> {
    const doubtful = (): boolean =>
      scope.direction === "client_to_server" && this.#sessions.get(join(scope.server, scope.session))?.doubtful === true;
    this.#requests.remember(scope, id, request, doubtful);
  }

  async recall(scope: Scope, id: string): Promise<Outstanding | undefined> {
    return this.#requests.recall(scope, id);
  }

  async settle(scope: Scope, id: string): Promise<Outstanding | undefined> {
    return this.#requests.settle(scope, id);
  }

  async forget(scope: Scope, id: string): Promise<void> {
    this.#requests.forget(scope, id);
  }

  async define(catalogue: string, definitions: ReadonlyMap<string, string>): Promise<void> {
    this.#catalogues.define(catalogue, definitions);
  }

  /** Tells `listener` every change that protects, while it is made: before the method that makes it has returned. */
  listen(listener: (note: Note) => void): void {
    this.#telling.listen(listener);
  }

  /** Does what another store has told. Answers false when there is no room for it. */
  follow(note: Note): boolean {
    // Uses are heard of late: what may have been used since counts as used.
    const age = "age" in note && note.age !== undefined ? Math.max(0, note.age - this.#limits.retellMs) : 0;
    switch (note.note) {
      case "labels":
        this.#labels.set(
          note.flow,
          new Set([...(this.#labels.get(note.flow) ?? []), ...note.labels].slice(0, this.#limits.labelsPerFlow)),
          age,
        );
        return true;
      case "taken":
        return this.#buckets.taken(note.limits, this.#clock());
      case "counted":
        this.#count(note.flow, note.keys, age);
        return true;
      case "numbered":
        this.#numberings.follow(note.flow, note.numbers, age);
        return true;
      case "session": {
        const key = join(note.server, note.session);
        const bound = this.#sessions.get(key) ?? { owner: note.principal, doubtful: true };
        this.#sessions.set(key, bound.owner, bound, 0, age);
        return true;
      }
      case "ended":
        this.#sessions.delete(join(note.server, note.session));
        return true;
      case "asked":
        this.#requests.follow(note.scope, note.id, note.asked, note.age ?? 0);
        return true;
      case "settled":
        this.#requests.settled(note.scope, note.id);
        return true;
      case "defined":
        this.#catalogues.follow(note.catalogue, note.definitions, age);
        return true;
      default:
        return note satisfies never;
    }
  }

  /** What makes an empty store that follows it the same, oldest first. */
  *snapshot(): Generator<Note> {
    for (const [key, { owner }, age] of this.#sessions.entries()) {
      const [server = "", session = ""] = split(key);
      yield { note: "session", server, session, principal: owner, age };
    }
    for (const [flow, labels, age] of this.#labels.entries()) yield { note: "labels", flow, labels: [...labels], age };
    const inUse = [...this.#buckets.inUse(this.#clock())];
    for (let at = 0; at < inUse.length; at += LIMITS_PER_NOTE) yield { note: "taken", limits: inUse.slice(at, at + LIMITS_PER_NOTE) };
    for (const [flow, keys, age] of this.#counters.entries()) yield { note: "counted", flow, keys: [...keys], age };
    yield* this.#numberings.notes();
    yield* this.#catalogues.notes();
    yield* this.#requests.notes();
  }

  /** A request of a client is forgotten, and something may still come of it. */
  #doubt({ direction, server, session }: Scope): void {
    if (direction !== "client_to_server") return;
    const key = join(server, session);
    const known = this.#sessions.get(key);
    if (known?.doubtful === false) this.#sessions.set(key, known.owner, { ...known, doubtful: true });
  }

  #count(flow: string, used: readonly string[], ageMs: number): void {
    const keys = this.#counters.get(flow) ?? new Set();
    for (const key of used) {
      // Facts for policy to read, not the limits themselves: a flow that has used very many keeps the latest.
      keys.delete(key);
      keys.add(key);
      const [oldest] = keys;
      if (oldest !== undefined && keys.size > this.#limits.countersPerFlow) keys.delete(oldest);
    }
    this.#counters.set(flow, keys, ageMs);
  }
}
