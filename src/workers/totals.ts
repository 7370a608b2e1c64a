/**
 * The metrics of all workers as one: what each says now, what ended ones had counted, and the supervisor's own. Must not let a counter
 * go backwards because a worker was replaced.
 */
import type { MetricsJson } from "./messages.ts";

interface Value {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  readonly values: readonly Value[];
}

/** Why a worker ended. */
export type DeathReason = "crashed" | "killed" | "stalled" | "unresponsive";

export class Totals {
  /** Counts of workers that have ended. */
  readonly #ended = new Map<string, Metric & { readonly values: Value[] }>();
  readonly #deaths = new Map<DeathReason, number>();
  readonly #reloads = new Map<string, number>();
  #serving = 0;

  serving(workers: number): void {
    this.#serving = workers;
  }

  reload(outcome: "ok" | "failed"): void {
    this.#reloads.set(outcome, (this.#reloads.get(outcome) ?? 0) + 1);
  }

  /** A worker has ended; `last` is what it said last. Its gauges end with it, its counts stay. */
  ended(reason: DeathReason, last: MetricsJson): void {
    this.#deaths.set(reason, (this.#deaths.get(reason) ?? 0) + 1);
    for (const metric of last as readonly Metric[]) {
      if (metric.type !== "counter" && metric.type !== "histogram") continue;
      const known = this.#ended.get(metric.name);
      this.#ended.set(metric.name, { ...metric, values: known === undefined ? [...metric.values] : sum(known.values, metric.values) });
    }
  }

  /** Prometheus's text format. `workers`: what each worker that serves says. */
  async text(workers: readonly MetricsJson[]): Promise<string> {
    // The library is loaded when somebody asks, not when the supervisor starts.
    const { AggregatorRegistry } = await import("prom-client");
    return AggregatorRegistry.aggregate([...workers.map((each) => [...each]), [...this.#ended.values()], this.own()]).metrics();
  }

  /** What the supervisor counts itself. */
  own(): Metric[] {
    const counter = (name: string, help: string, label: string, counts: ReadonlyMap<string, number>): Metric => ({
      name,
      help,
      type: "counter",
      aggregator: "sum",
      values: [...counts].map(([key, value]) => ({ labels: { [label]: key }, value })),
    });
    return [
      counter("sluice_worker_deaths_total", "Workers that ended and were replaced, by reason.", "reason", this.#deaths),
      counter("sluice_policy_reloads_total", "Policy reloads, by outcome.", "outcome", this.#reloads),
      {
        name: "sluice_workers",
        help: "Workers that serve.",
        type: "gauge",
        aggregator: "sum",
        values: [{ labels: {}, value: this.#serving }],
      },
    ];
  }
}

function sum(some: readonly Value[], more: readonly Value[]): Value[] {
  const sums = new Map<string, Value>();
  for (const value of [...some, ...more]) {
    const key = JSON.stringify([value.metricName, Object.entries(value.labels).toSorted(([one], [other]) => (one < other ? -1 : 1))]);
    sums.set(key, { ...value, value: value.value + (sums.get(key)?.value ?? 0) });
  }
  return [...sums.values()];
}
