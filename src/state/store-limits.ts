/**
 * How much a store keeps, and for how long. Must not grow with traffic: every number bounds something.
 */

/** Counts, bytes and milliseconds. */
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
  /** A use is told to whoever follows the store once in this time; what follows counts as used that much later. */
  readonly retellMs: number;
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
  retellMs: HOUR_MS,
};

/** Of a store that follows one with `limits`: it hears of uses late, so it forgets later, and has room for what that leaves. */
export function followerLimits(limits: Partial<StoreLimits> = {}): StoreLimits {
  const own = { ...DEFAULT_STORE_LIMITS, ...limits };
  return {
    ...own,
    flows: own.flows * 2,
    buckets: own.buckets * 2,
    sessions: own.sessions * 2,
    flowTtlMs: own.flowTtlMs + own.retellMs,
    sessionTtlMs: own.sessionTtlMs + own.retellMs,
    definitionTtlMs: own.definitionTtlMs + own.retellMs,
  };
}
