/**
 * Counting at the pace of messages: a library's counter looks its labels up at a cost of microseconds each time. Cells are found without
 * making a text of their labels, and handed to the registry when it is read. Must not know what is counted.
 */
import type { Metric, Registry } from "prom-client";

type Labels = Readonly<Record<string, string>>;

interface Description {
  readonly name: string;
  readonly help: string;
}

type Branch<Leaf> = Map<string, Leaf>;

interface Cell {
  readonly labels: Labels;
  count: number;
}

/** Counts by four labels. The cell is found by one label after the other: a key made of all of them would be a new text each time. */
export class Tally<Name extends string> {
  readonly #names: readonly [Name, Name, Name, Name];
  readonly #cells: Branch<Branch<Branch<Branch<Cell>>>> = new Map();
  readonly #all: Cell[] = [];

  constructor({ name, help, labels }: Description & { readonly labels: readonly [Name, Name, Name, Name] }, registry: Registry) {
    this.#names = labels;
    register(registry, {
      name,
      get: () => ({
        name,
        help,
        type: "counter",
        aggregator: "sum",
        values: this.#all.map(({ labels, count }) => ({ labels, value: count })),
      }),
    });
  }

  /** One more, under the values of the four labels in their order. */
  add(one: string, two: string, three: string, four: string): void {
    const cell = this.#cells.get(one)?.get(two)?.get(three)?.get(four);
    if (cell === undefined) this.#open(one, two, three, four).count += 1;
    else cell.count += 1;
  }

  #open(...values: [string, string, string, string]): Cell {
    const [one, two, three, four] = values;
    const cell = { labels: Object.fromEntries(this.#names.map((name, at) => [name, values[at] as string])), count: 0 };
    branch(branch(branch(this.#cells, one), two), three).set(four, cell);
    this.#all.push(cell);
    return cell;
  }
}

function branch<Leaf>(from: Branch<Branch<Leaf>>, label: string): Branch<Leaf> {
  const known = from.get(label);
  if (known !== undefined) return known;
  const fresh: Branch<Leaf> = new Map();
  from.set(label, fresh);
  return fresh;
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
