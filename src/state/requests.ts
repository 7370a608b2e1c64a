/**
 * Requests on their way, by the scope that they were sent in and their id. Must not let an answer be judged with a request that it may not
 * belong to: then there is none.
 */
import { FairMap } from "./fair-map.ts";
import { join } from "./keys.ts";
import type { KeptRequest, Note } from "./notes.ts";
import type { StoreLimits } from "./store-limits.ts";
import type { Outstanding, Scope } from "./store.ts";
import type { Telling } from "./telling.ts";

interface Kept extends KeptRequest {
  readonly scope: Scope;
  readonly id: string;
}

export class Requests {
  readonly #bodyBytes: number;
  readonly #telling: Telling;
  readonly #kept: FairMap<Kept>;

  constructor(limits: StoreLimits, clock: () => number, telling: Telling) {
    this.#bodyBytes = limits.bodyBytes;
    this.#telling = telling;
    this.#kept = new FairMap(
      {
        entries: limits.outstanding,
        weight: limits.outstandingBytes,
        entriesPerHolder: limits.outstandingPerHolder,
        ttlMs: limits.outstandingTtlMs,
      },
      clock,
    );
  }

  /**
   * Beyond the bounds the oldest requests are forgotten: their answers are then unasked for and dropped, which is safe. `doubtful`: the id
   * may have been used where nothing is known of it.
   */
  remember(scope: Scope, id: string, { method, body }: Outstanding, doubtful: boolean): void {
    const known = this.#kept.get(keyOf(scope, id));
    const reused = known !== undefined && scope.session !== "" && known.body?.equals(body) !== true;
    const ambiguous = reused || doubtful || known?.ambiguous === true;
    const asked: KeptRequest = { method, body: ambiguous || body.length > this.#bodyBytes ? undefined : ownCopy(body), ambiguous };
    this.follow(scope, id, asked, 0);
    if (scope.direction === "server_to_client") this.#telling.changed(() => ({ note: "asked", scope, id, asked }));
  }

  recall(scope: Scope, id: string): Outstanding | undefined {
    const kept = this.#kept.get(keyOf(scope, id));
    // A request of which too little is known cannot be judged with: its answer is withheld.
    return kept?.body === undefined || kept.ambiguous ? undefined : { method: kept.method, body: kept.body };
  }

  settle(scope: Scope, id: string): Outstanding | undefined {
    const request = this.recall(scope, id);
    if (request === undefined) return undefined;
    this.forget(scope, id);
    if (scope.direction === "server_to_client") this.#telling.changed(() => ({ note: "settled", scope, id }));
    return request;
  }

  follow(scope: Scope, id: string, asked: KeptRequest, ageMs: number): void {
    // The two directions do not compete: what a server asks is not forgotten for what its client sends.
    this.#kept.set(keyOf(scope, id), join(scope.direction, scope.principal), { ...asked, scope, id }, asked.body?.length ?? 0, ageMs);
  }

  /** A request whose id stands for others too stays: they would be told from each other no longer. */
  forget(scope: Scope, id: string): void {
    const key = keyOf(scope, id);
    if (this.#kept.get(key)?.ambiguous === false) this.#kept.delete(key);
  }

  *notes(): Generator<Note> {
    for (const [, { scope, id, ...asked }, age] of this.#kept.entries())
      if (scope.direction === "server_to_client") yield { note: "asked", scope, id, asked, age };
  }
}

/** Bytes on their own: a slice would keep the whole block of memory that it was read into. */
function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

function keyOf({ direction, server, principal, session }: Scope, id: string): string {
  return join(direction, server, principal, session, id);
}
