/**
 * The definitions that lists have shown, by catalogue: one principal's view of one server. Must not grow beyond its bounds; what is least
 * used goes first, and is then a fact that policy does not have.
 */
import { BoundedMap } from "./bounded-map.ts";
import { join } from "./keys.ts";
import type { Note } from "./notes.ts";
import type { StoreLimits } from "./store-limits.ts";
import type { Telling } from "./telling.ts";

/** With its size, which is what a catalogue weighs. */
interface Catalogue {
  readonly byKey: BoundedMap<string>;
}

export class Catalogues {
  readonly #limits: StoreLimits;
  readonly #clock: () => number;
  readonly #telling: Telling;
  readonly #catalogues: BoundedMap<Catalogue>;

  constructor(limits: StoreLimits, clock: () => number, telling: Telling) {
    this.#limits = limits;
    this.#clock = clock;
    this.#telling = telling;
    this.#catalogues = new BoundedMap(
      { entries: limits.flows, ttlMs: limits.definitionTtlMs, weight: limits.definitionBytes, weigh: ({ byKey }) => byKey.weight },
      clock,
    );
  }

  define(catalogue: string, definitions: ReadonlyMap<string, string>): void {
    const { byKey } = this.#of(catalogue);
    const changed = new Map([...definitions].filter(([key, definition]) => byKey.get(key) !== definition));
    for (const [key, definition] of definitions) byKey.set(key, definition);
    this.#catalogues.set(catalogue, { byKey });
    if (changed.size > 0) this.#telling.changed(() => ({ note: "defined", catalogue, definitions: changed }));
  }

  definition(catalogue: string, key: string): string | undefined {
    const definition = this.#catalogues.get(catalogue)?.byKey.get(key);
    if (definition !== undefined)
      this.#telling.used(join("defined", catalogue, key), () => ({
        note: "defined",
        catalogue,
        definitions: new Map([[key, definition]]),
      }));
    return definition;
  }

  follow(catalogue: string, definitions: ReadonlyMap<string, string>, ageMs: number): void {
    const { byKey } = this.#of(catalogue);
    for (const [key, definition] of definitions) byKey.set(key, definition, ageMs);
    this.#catalogues.set(catalogue, { byKey }, ageMs);
  }

  /** One for each definition: each has an age of its own. */
  *notes(): Generator<Note> {
    for (const [catalogue, { byKey }] of this.#catalogues.entries())
      for (const [key, definition, age] of byKey.entries())
        yield { note: "defined", catalogue, definitions: new Map([[key, definition]]), age };
  }

  #of(catalogue: string): Catalogue {
    const bounds = {
      entries: this.#limits.definitionsPerScope,
      ttlMs: this.#limits.definitionTtlMs,
      weight: this.#limits.definitionBytesPerScope,
      weigh: (definition: string) => Buffer.byteLength(definition),
    };
    return this.#catalogues.get(catalogue) ?? { byKey: new BoundedMap<string>(bounds, this.#clock) };
  }
}
