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
  answered: boolean;
  /** It was sent more than once: an answer to one of them says nothing of the others. */
  readonly repeated: boolean;
}

export class Requests {
  readonly #bodyBytes: number;
  readonly #telling: Telling;
  readonly #kept: FairMap<Kept>;

  /** `lost`: told of each request that goes for want of room or time, because its id then looks as if it had not been used. */
  constructor(limits: StoreLimits, clock: () => number, telling: Telling, lost: (scope: Scope) => void) {
    this.#bodyBytes = limits.bodyBytes;
    this.#telling = telling;
    this.#kept = new FairMap(
      {
        entries: limits.outstanding,
        weight: limits.outstandingBytes,
        entriesPerHolder: limits.outstandingPerHolder,
        ttlMs: limits.outstandingTtlMs,
        lost: ({ scope }) => {
          lost(scope);
        },
      },
      clock,
    );
  }

  /**
   * Beyond the bounds the oldest requests are forgotten: their answers are then unasked for and dropped. `doubtful`: whether the id may
   * have been used where nothing is known of it; asked once what is kept has been looked at.
   */
  remember(scope: Scope, id: string, { method, body }: Outstanding, doubtful: () => boolean): void {
    const known = this.#kept.get(keyOf(scope, id));
    const reused = known !== undefined && scope.session !== "" && known.body?.equals(body) !== true;
    const ambiguous = reused || known?.ambiguous === true || doubtful();
    const kept = ambiguous || body.length > this.#bodyBytes ? undefined : ownCopy(body);
    const asked: KeptRequest = { method, body: kept, answered: false, ambiguous };
    this.#keep(scope, id, asked, known !== undefined, 0);
    if (scope.direction === "server_to_client") this.#telling.changed(() => ({ note: "asked", scope, id, asked }));
  }

  recall(scope: Scope, id: string): Outstanding | undefined {
    const kept = this.#kept.get(keyOf(scope, id));
    // A request of which too little is known cannot be judged with: its answer is withheld.
    return kept?.body === undefined || kept.ambiguous ? undefined : { method: kept.method, body: kept.body };
  }

  settle(scope: Scope, id: string): Outstanding | undefined {
    if (this.#kept.get(keyOf(scope, id))?.answered === true) return undefined;
    const request = this.recall(scope, id);
    if (request === undefined) return undefined;
    this.settled(scope, id);
    if (scope.direction === "server_to_client") this.#telling.changed(() => ({ note: "settled", scope, id }));
    return request;
  }

  follow(scope: Scope, id: string, asked: KeptRequest, ageMs: number): void {
    this.#keep(scope, id, asked, false, ageMs);
  }

  /** It stays, so that its id is not taken for one that was never used. */
  settled(scope: Scope, id: string): void {
    const kept = this.#kept.get(keyOf(scope, id));
    if (kept !== undefined) kept.answered = true;
  }

  /** Nothing of it can come any more. One whose id stands for others too, or that was sent again, stays. */
  forget(scope: Scope, id: string): void {
    const key = keyOf(scope, id);
    const kept = this.#kept.get(key);
    if (kept?.ambiguous === false && !kept.repeated) this.#kept.delete(key);
  }

  #keep(scope: Scope, id: string, asked: KeptRequest, repeated: boolean, ageMs: number): void {
    const kept = { ...asked, scope, id, repeated };
    // The two directions do not compete: what a server asks is not forgotten for what its client sends.
    this.#kept.set(keyOf(scope, id), join(scope.direction, scope.principal), kept, asked.body?.length ?? 0, ageMs);
  }

  *notes(): Generator<Note> {
    for (const [, { scope, id, repeated: _, ...asked }, age] of this.#kept.entries())
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
