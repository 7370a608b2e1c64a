/**
 * Every message between the supervisor and its workers, besides those of the store (`src/state/`). All are plain data: they travel as
 * structured clones. Must hold nothing from traffic but the flows of callers that are to be blamed.
 */
import type { Config } from "../config/config.ts";
import type { Problem } from "../config/problem.ts";
import type { PolicyBundle } from "../policy/activate.ts";
import type { Quarantined } from "../watch/quarantine.ts";

/** What a gateway judges by: replaced as one. */
export interface Generation {
  readonly config: Config;
  readonly bundle: PolicyBundle;
}

/** How the workers are, for readiness. */
export interface Standing {
  /** Workers that serve. */
  readonly serving: number;
  readonly wanted: number;
  /** Milliseconds until the next one is tried, after several have died at once; 0: nothing holds it back. */
  readonly waitMs: number;
}

/** Metrics as `prom-client` gives and aggregates them. */
export type MetricsJson = readonly object[];

export type ToWorker =
  /** Build everything, then serve. */
  | {
      readonly kind: "start";
      readonly generation: Generation;
      readonly hmac: Uint8Array;
      /** PEM of certificate and key, when TLS is served: as they were when the supervisor started. */
      readonly credentials: { readonly cert: Uint8Array; readonly key: Uint8Array } | undefined;
      /** The worker's place among its siblings, from 1; a replacement takes over its predecessor's. */
      readonly place: number;
      /** Whether the supervisor keeps the state of all workers; else it follows the state of this one. */
      readonly sharedState: boolean;
      readonly quarantined: readonly Quarantined[];
    }
  /** First half of a reload: build what comes beside what is; answered by `prepared`. */
  | { readonly kind: "prepare"; readonly reload: number; readonly generation: Generation }
  /** Second half: all are prepared; answered by `committed`. */
  | { readonly kind: "commit"; readonly reload: number }
  /** Some other worker could not: let go of what was prepared. */
  | { readonly kind: "forget"; readonly reload: number }
  | { readonly kind: "reopen" }
  | { readonly kind: "standing"; readonly standing: Standing }
  | { readonly kind: "quarantine"; readonly principals: readonly Quarantined[] }
  /** Say your metrics; answered by `metrics`. */
  | { readonly kind: "measure" }
  /** The answer to `scrape`; undefined: there is none. */
  | { readonly kind: "scraped"; readonly id: number; readonly text: string | undefined }
  /** Stop in good order within so many milliseconds, then end. */
  | { readonly kind: "drain"; readonly ms: number };

export type ToSupervisor =
  /** It serves: `url` is the base that clients connect to. */
  | { readonly kind: "ready"; readonly url: string }
  /** It cannot serve, and ends. */
  | { readonly kind: "failed"; readonly problems: readonly Problem[] }
  | { readonly kind: "prepared"; readonly reload: number; readonly problems: readonly Problem[] | undefined }
  | { readonly kind: "committed"; readonly reload: number }
  | { readonly kind: "metrics"; readonly metrics: MetricsJson }
  /** Somebody wants the metrics of all workers. */
  | { readonly kind: "scrape"; readonly id: number };

/**
 * Lines of JSON that the watchdog thread of a worker writes to its pipe (descriptor 5). `principals`: flows whose work the loop was doing
 * when it stood still; a later line replaces an earlier one, and an empty list says that the loop goes on.
 */
export interface WatchdogLine {
  /** `stalled`: the worker is given up, what was under way is on record; it is killed once its replacement serves. */
  readonly kind: "suspect" | "stalled";
  readonly principals: readonly string[];
}

/** Descriptors of a worker, besides its standard ones and the channel (3). */
export const LISTEN_FD = 4;
export const WATCHDOG_FD = 5;
