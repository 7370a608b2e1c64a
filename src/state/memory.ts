/**
 * The store of one process: everything in memory, everything bounded, nothing survives a restart.
 * Must not lose what protects: where running out of room would forget a label or reset a limit it refuses instead.
 */
import { BoundedMap } from "./bounded-map.ts";
import { Buckets } from "./buckets.ts";
import { FairMap } from "./fair-map.ts";
import type { Consumption, FlowFacts, LimitRequest, Outstanding, Scope, Store } from "./store.ts";

/** How much is kept. Counts, bytes and milliseconds. */
export interface StoreLimits {
  /** Flows with labels, numbered values or counters. */
  readonly flows: number;
  readonly flowTtlMs: number;
  readonly labelsPerFlow: number;
  /** Values of one flow whose number is remembered. */
  readonly ordinalsPerFlow: number;
  readonly ordinals: number;
  readonly countersPerFlow: number;
  readonly buckets: number;
  readonly sessions: number;
  readonly sessionsPerPrincipal: number;
  readonly sessionTtlMs: number;
  readonly outstanding: number;
  readonly outstandingPerHolder: number;
  readonly outstandingBytes: number;
  /** A larger request is remembered without its body. */
  readonly bodyBytes: number;
  readonly outstandingTtlMs: number;
  readonly definitionsPerScope: number;
  /** Of all definitions together, and of one scope's. */
  readonly definitionBytes: number;
  readonly definitionBytesPerScope: number;
  readonly definitionTtlMs: number;
}

const HOUR_MS = 3_600_000;
const MIB = 1_048_576;

export const DEFAULT_STORE_LIMITS: StoreLimits = {
  flows: 50_000,
  flowTtlMs: 24 * HOUR_MS,
  labelsPerFlow: 256,
  ordinalsPerFlow: 10_000,
  ordinals: 500_000,
  countersPerFlow: 256,
  buckets: 100_000,
  sessions: 100_000,
  sessionsPerPrincipal: 20_000,
  sessionTtlMs: 24 * HOUR_MS,
  outstanding: 20_000,
  outstandingPerHolder: 5_000,
  outstandingBytes: 64 * MIB,
  bodyBytes: 4 * MIB,
  outstandingTtlMs: HOUR_MS,
  definitionsPerScope: 5_000,
  definitionBytes: 64 * MIB,
  definitionBytesPerScope: 8 * MIB,
  definitionTtlMs: 24 * HOUR_MS,
};

/** The numbers of one flow. Numbers only grow: a value that was forgotten gets a new one, never another value's. */
interface Numbering {
  readonly byValue: BoundedMap<number>;
  readonly last: Map<string, number>;
}

/** A request as it is kept. */
interface Asked {
  readonly method: string;
  /** Absent when it was too large to keep. */
  readonly body: Buffer | undefined;
  answered: boolean;
  /** Another request had the same id. */
  readonly ambiguous: boolean;
}

/** The definitions of one scope with their size, which is what a scope weighs. */
interface Catalogue {
  readonly byKey: BoundedMap<string>;
}

export class MemoryStore implements Store {
  readonly #limits: StoreLimits;
  readonly #clock: () => number;
  readonly #buckets: Buckets;
  readonly #counters: BoundedMap<Set<string>>;
  readonly #labels: BoundedMap<Set<string>>;
  readonly #numberings: BoundedMap<Numbering>;
  readonly #sessions: FairMap<string>;
  readonly #outstanding: FairMap<Asked>;
  readonly #catalogues: BoundedMap<Catalogue>;

  /** `clock`: milliseconds; ages are measured with it. */
  constructor(clock: () => number, limits: Partial<StoreLimits> = {}) {
    const all = { ...DEFAULT_STORE_LIMITS, ...limits };
    this.#limits = all;
    this.#clock = clock;
    this.#buckets = new Buckets(all.buckets);
    const flows = { entries: all.flows, ttlMs: all.flowTtlMs };
    this.#counters = new BoundedMap(flows, clock);
    this.#labels = new BoundedMap(flows, clock);
    this.#numberings = new BoundedMap({ ...flows, weight: all.ordinals, weigh: ({ byValue }) => byValue.size }, clock);
    this.#sessions = new FairMap(
      { entries: all.sessions, weight: Infinity, entriesPerHolder: all.sessionsPerPrincipal, ttlMs: all.sessionTtlMs },
      clock,
    );
    this.#outstanding = new FairMap(
      {
        entries: all.outstanding,
        weight: all.outstandingBytes,
        entriesPerHolder: all.outstandingPerHolder,
        ttlMs: all.outstandingTtlMs,
      },
      clock,
    );
    this.#catalogues = new BoundedMap(
      { entries: all.flows, ttlMs: all.definitionTtlMs, weight: all.definitionBytes, weigh: ({ byKey }) => byKey.weight },
      clock,
    );
  }

  async facts(flow: string, defined?: { readonly catalogue: string; readonly key: string }): Promise<FlowFacts> {
    const now = this.#clock();
    const keys = [...(this.#counters.get(flow) ?? [])];
    return {
      labels: [...(this.#labels.get(flow) ?? [])],
      counters: Object.fromEntries(keys.map((key) => [key, Math.ceil(this.#buckets.used(key, now))])),
      definition: defined === undefined ? undefined : this.#catalogues.get(defined.catalogue)?.byKey.get(defined.key),
    };
  }

  async consume(limits: readonly LimitRequest[], flow?: string): Promise<Consumption> {
    const outcome = this.#buckets.take(limits, this.#clock());
    if (outcome.granted && flow !== undefined) this.#count(flow, limits);
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
  }

  async ordinals(flow: string, values: readonly { label: string; digest: string }[]): Promise<readonly number[]> {
    const bounds = { entries: this.#limits.ordinalsPerFlow, ttlMs: Infinity };
    const numbering = this.#numberings.get(flow) ?? {
      byValue: new BoundedMap<number>(bounds, this.#clock),
      last: new Map<string, number>(),
    };
    const numbers = values.map(({ label, digest }) => {
      const key = join(label, digest);
      const known = numbering.byValue.get(key);
      if (known !== undefined) return known;
      const next = (numbering.last.get(label) ?? 0) + 1;
      numbering.last.set(label, next);
      numbering.byValue.set(key, next);
      return next;
    });
    this.#numberings.set(flow, numbering);
    return numbers;
  }

  async sessionOwner(server: string, session: string, principal: string): Promise<string> {
    const key = join(server, session);
    const owner = this.#sessions.get(key) ?? principal;
    this.#sessions.set(key, owner, owner);
    return owner;
  }

  async endSession(server: string, session: string): Promise<void> {
    this.#sessions.delete(join(server, session));
  }

  /** Beyond the bounds the oldest requests are forgotten: their answers are then unasked for and dropped, which is safe. */
  async remember(scope: Scope, id: string, { method, body }: Outstanding): Promise<void> {
    const key = keyOf(scope, id);
    const known = this.#outstanding.get(key);
    const reused = known !== undefined && scope.session !== "" && known.body?.equals(body) !== true;
    const kept: Asked = {
      method,
      body: body.length > this.#limits.bodyBytes ? undefined : ownCopy(body),
      answered: false,
      ambiguous: reused || known?.ambiguous === true,
    };
    // The two directions do not compete: what a server asks is not forgotten for what its client sends.
    this.#outstanding.set(key, join(scope.direction, scope.principal), kept, kept.body?.length ?? 0);
  }

  async recall(scope: Scope, id: string): Promise<Outstanding | undefined> {
    return answerable(this.#outstanding.get(keyOf(scope, id)));
  }

  async settle(scope: Scope, id: string): Promise<Outstanding | undefined> {
    const asked = this.#outstanding.get(keyOf(scope, id));
    if (asked === undefined || asked.answered) return undefined;
    const request = answerable(asked);
    if (request !== undefined) asked.answered = true;
    return request;
  }

  async define(catalogue: string, definitions: ReadonlyMap<string, string>): Promise<void> {
    const bounds = {
      entries: this.#limits.definitionsPerScope,
      ttlMs: this.#limits.definitionTtlMs,
      weight: this.#limits.definitionBytesPerScope,
      weigh: (definition: string) => Buffer.byteLength(definition),
    };
    const byKey = this.#catalogues.get(catalogue)?.byKey ?? new BoundedMap<string>(bounds, this.#clock);
    for (const [key, definition] of definitions) byKey.set(key, definition);
    this.#catalogues.set(catalogue, { byKey });
  }

  #count(flow: string, limits: readonly LimitRequest[]): void {
    const keys = this.#counters.get(flow) ?? new Set();
    for (const { key } of limits) {
      // Facts for policy to read, not the limits themselves: a flow that has used very many keeps the latest.
      keys.delete(key);
      keys.add(key);
      const [oldest] = keys;
      if (oldest !== undefined && keys.size > this.#limits.countersPerFlow) keys.delete(oldest);
    }
    this.#counters.set(flow, keys);
  }
}

/** NUL stands in no header value, configured name or JSON spelling, so that joined keys stay apart. */
const SEPARATOR = "\u0000";

function join(first: string, second: string): string {
  return `${first}${SEPARATOR}${second}`;
}

/** A request of which too little is known cannot be judged with: its answer is withheld. */
function answerable(asked: Asked | undefined): Outstanding | undefined {
  return asked?.body === undefined || asked.ambiguous ? undefined : { method: asked.method, body: asked.body };
}

/** Bytes on their own: a slice would keep the whole block of memory that it was read into. */
function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

function keyOf({ direction, server, principal, session }: Scope, id: string): string {
  return [direction, server, principal, session, id].join(SEPARATOR);
}
