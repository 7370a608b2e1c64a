/**
 * Token buckets, of which several are taken together or not at all.
 * Must not forget a bucket that is not full again: dropping one would hand out its units a second time.
 */
import type { Consumption, LimitRequest } from "./store.ts";

/** Longest wait that is told: what never succeeds (a cost above the bucket, no refill) is "tomorrow". */
export const MAX_WAIT_S = 86_400;

/** How often a full table is searched for buckets that have refilled. */
const SWEEP_MS = 1_000;

interface Bucket {
  readonly level: number;
  readonly at: number;
  readonly per_s: number;
  readonly max: number;
}

export class Buckets {
  readonly #capacity: number;
  readonly #buckets = new Map<string, Bucket>();
  #sweptAt = -Infinity;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Takes every cost or none; the refusal names the limit with the longest wait. */
  take(limits: readonly LimitRequest[], nowMs: number): Consumption {
    const taken = new Map<string, Bucket>();
    let refusal: { key: string; retry_after_s: number } | undefined;
    for (const limit of combine(limits)) {
      const level = this.#refilled(limit, nowMs);
      const wait = waitFor(limit, level);
      if (wait === 0) taken.set(limit.key, { level: level - limit.cost, at: nowMs, per_s: limit.per_s, max: limit.max });
      else if (refusal === undefined || wait > refusal.retry_after_s) refusal = { key: limit.key, retry_after_s: wait };
    }
    refusal ??= this.#makeRoom(taken, nowMs);
    if (refusal !== undefined) return { granted: false, ...refusal };
    for (const [key, bucket] of taken) this.#buckets.set(key, bucket);
    return { granted: true };
  }

  /**
   * Takes what was granted elsewhere, whatever is left here: then a bucket is overdrawn, until it has refilled. Answers false when the table
   * has no room for it.
   */
  taken(limits: readonly LimitRequest[], nowMs: number): boolean {
    const taken = new Map<string, Bucket>();
    for (const limit of combine(limits))
      taken.set(limit.key, { level: this.#refilled(limit, nowMs) - limit.cost, at: nowMs, per_s: limit.per_s, max: limit.max });
    if (this.#makeRoom(taken, nowMs) !== undefined) return false;
    for (const [key, bucket] of taken) this.#buckets.set(key, bucket);
    return true;
  }

  /** What has to be taken from full buckets so that they become these. */
  *inUse(nowMs: number): Generator<LimitRequest> {
    for (const [key, bucket] of this.#buckets) {
      const level = levelAt(bucket, nowMs);
      if (level < bucket.max) yield { key, cost: bucket.max - level, per_s: bucket.per_s, max: bucket.max };
    }
  }

  /** Units of a bucket in use: they grow with consumption and fall as it refills; 0 when it is full or unknown. */
  used(key: string, nowMs: number): number {
    const bucket = this.#buckets.get(key);
    return bucket === undefined ? 0 : bucket.max - levelAt(bucket, nowMs);
  }

  #refilled(limit: LimitRequest, nowMs: number): number {
    const bucket = this.#buckets.get(limit.key);
    if (bucket === undefined) return limit.max;
    const level = levelAt(bucket, nowMs);
    // A policy that was reloaded may have changed size and refill: what was used stays used.
    return bucket.max === limit.max ? level : Math.max(0, limit.max - (bucket.max - level));
  }

  /** A full table refuses new keys (fail closed): evicting one would reset its limit. */
  #makeRoom(taken: ReadonlyMap<string, Bucket>, nowMs: number): { key: string; retry_after_s: number } | undefined {
    const fresh = [...taken.keys()].filter((key) => !this.#buckets.has(key));
    if (this.#buckets.size + fresh.length <= this.#capacity) return undefined;
    if (nowMs - this.#sweptAt >= SWEEP_MS || nowMs < this.#sweptAt) {
      this.#sweptAt = nowMs;
      for (const [key, bucket] of this.#buckets) if (levelAt(bucket, nowMs) >= bucket.max) this.#buckets.delete(key);
    }
    const [first] = fresh;
    if (first === undefined || this.#buckets.size + fresh.length <= this.#capacity) return undefined;
    return { key: first, retry_after_s: SWEEP_MS / 1_000 };
  }
}

function levelAt(bucket: Bucket, nowMs: number): number {
  const refill = (Math.max(0, nowMs - bucket.at) / 1_000) * bucket.per_s;
  return Math.min(bucket.max, bucket.level + refill);
}

/** Limits on one key count together, under the strictest of their sizes and refills. */
function combine(limits: readonly LimitRequest[]): LimitRequest[] {
  const byKey = new Map<string, LimitRequest>();
  for (const { key, cost, per_s, max } of limits) {
    const other = byKey.get(key);
    if (other === undefined) byKey.set(key, { key, cost, per_s, max });
    else byKey.set(key, { key, cost: other.cost + cost, per_s: Math.min(other.per_s, per_s), max: Math.min(other.max, max) });
  }
  return [...byKey.values()];
}

/** Seconds until the cost can be paid, 0 when it can be now. A cost, size or refill that is no number, or negative, never can. */
function waitFor({ cost, per_s, max }: LimitRequest, level: number): number {
  if (!(cost >= 0 && per_s >= 0 && max >= 0) || cost > max) return MAX_WAIT_S;
  if (cost <= level) return 0;
  return Math.min(MAX_WAIT_S, Math.ceil((cost - level) / per_s));
}
