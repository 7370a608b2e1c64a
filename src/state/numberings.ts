/**
 * The numbers that redacted values of a flow are told apart by. Must not give two values one number: numbers only grow, and a value that
 * was forgotten gets a new one.
 */
import { BoundedMap } from "./bounded-map.ts";
import { join, split } from "./keys.ts";
import type { Note, Numbered } from "./notes.ts";
import type { StoreLimits } from "./store-limits.ts";
import type { Telling } from "./telling.ts";

interface Numbering {
  readonly byValue: BoundedMap<number>;
  readonly last: Map<string, number>;
}

export class Numberings {
  readonly #limits: StoreLimits;
  readonly #clock: () => number;
  readonly #telling: Telling;
  readonly #flows: BoundedMap<Numbering>;

  constructor(limits: StoreLimits, clock: () => number, telling: Telling) {
    this.#limits = limits;
    this.#clock = clock;
    this.#telling = telling;
    this.#flows = new BoundedMap(
      { entries: limits.flows, ttlMs: limits.flowTtlMs, weight: limits.ordinals, weigh: ({ byValue }) => byValue.size },
      clock,
    );
  }

  number(flow: string, values: readonly { label: string; digest: string }[]): number[] {
    const numbering = this.#of(flow);
    const fresh: Numbered[] = [];
    const numbers = values.map(({ label, digest }) => {
      const key = join(label, digest);
      const known = numbering.byValue.get(key);
      if (known !== undefined) return known;
      const number = (numbering.last.get(label) ?? 0) + 1;
      numbering.last.set(label, number);
      numbering.byValue.set(key, number);
      fresh.push({ label, digest, number });
      return number;
    });
    this.#flows.set(flow, numbering);
    if (fresh.length > 0) this.#telling.changed(() => ({ note: "numbered", flow, numbers: fresh }));
    else this.#telling.used(join("numbered", flow), () => ({ note: "numbered", flow, numbers: [] }));
    return numbers;
  }

  follow(flow: string, numbers: readonly Numbered[], ageMs: number): void {
    const numbering = this.#of(flow);
    for (const { label, digest, number } of numbers) {
      numbering.last.set(label, Math.max(numbering.last.get(label) ?? 0, number));
      if (digest !== undefined) numbering.byValue.set(join(label, digest), number);
    }
    this.#flows.set(flow, numbering, ageMs);
  }

  *notes(): Generator<Note> {
    for (const [flow, { byValue, last }, age] of this.#flows.entries()) {
      const given: Numbered[] = [...last].map(([label, number]) => ({ label, number }));
      for (const [key, number] of byValue.entries()) {
        const [label = "", digest = ""] = split(key);
        given.push({ label, digest, number });
      }
      yield { note: "numbered", flow, numbers: given, age };
    }
  }

  #of(flow: string): Numbering {
    const bounds = { entries: this.#limits.ordinalsPerFlow, ttlMs: Infinity };
    return this.#flows.get(flow) ?? { byValue: new BoundedMap<number>(bounds, this.#clock), last: new Map<string, number>() };
  }
}
