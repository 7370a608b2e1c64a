/**
 * Counting at the pace of messages: a library's counter looks its labels up at a cost of microseconds each time. Cells are found by one
 * key and handed to the registry when it is read. Must not know what is counted.
 */
import type { Metric, Registry } from "prom-client";

type Labels = Readonly<Record<string, string>>;

interface Description {
  readonly name: string;
  readonly help: string;
}

/** Counts by key; a key stands for the same labels each time. */
export class Tally {
  readonly #cells = new Map<string, { readonly labels: Labels; count: number }>();

  constructor({ name, help }: Description, registry: Registry) {
    register(registry, {
      name,
      get: () => ({
        name,
        help,
        type: "counter",
        aggregator: "sum",
        values: [...this.#cells.values()].map(({ labels, count }) => ({ labels, value: count })),
      }),
    });
  }

  /** One more. `labels` is asked for the first time only. */
  add(key: string, labels: () => Labels): void {
    const cell = this.#cells.get(key);
    if (cell === undefined) this.#cells.set(key, { labels: labels(), count: 1 });
    else cell.count += 1;
  }
}

/** How values of one label are spread over buckets, given by their upper bounds in rising order. */
export class Spread {
  readonly #label: string;
  readonly #bounds: readonly number[];
  readonly #cells = new Map<string, { readonly counts: number[]; sum: number }>();

  constructor(
    { name, help, label, bounds }: Description & { readonly label: string; readonly bounds: readonly number[] },
    registry: Registry,
  ) {
    this.#label = label;
    this.#bounds = bounds;
    register(registry, { name, get: () => ({ name, help, type: "histogram", aggregator: "sum", values: this.#values(name) }) });
  }

  observe(label: string, value: number): void {
    let cell = this.#cells.get(label);
    if (cell === undefined) {
      cell = { counts: Array.from({ length: this.#bounds.length + 1 }, () => 0), sum: 0 };
      this.#cells.set(label, cell);
    }
    let bucket = 0;
    while (bucket < this.#bounds.length && value > (this.#bounds[bucket] as number)) bucket += 1;
    cell.counts[bucket] = (cell.counts[bucket] as number) + 1;
    cell.sum += value;
  }

  /** Prometheus's text format: buckets are cumulative, the last one is +Inf. */
  #values(name: string): object[] {
    return [...this.#cells].flatMap(([label, { counts, sum }]) => {
      const labels = { [this.#label]: label };
      let all = 0;
      const buckets = counts.map((count, at) => {
        all += count;
        return { metricName: `${name}_bucket`, labels: { le: this.#bounds[at] ?? "+Inf", ...labels }, value: all };
      });
      return [...buckets, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: all }];
    });
  }
}

/** The registry asks a metric for its name and, when it is read, for its values: nothing else. */
function register(registry: Registry, metric: { readonly name: string; readonly get: () => object }): void {
  registry.registerMetric(metric as unknown as Metric);
}
