/**
 * Places of the input, as a tree that grows with what is read of it: reaching a place is reading that there is something. Must not know
 * of plans.
 */
import type { Statement } from "../check/plan.ts";
import { union, WHOLE, step, type Reads } from "./reads.ts";

/** Deeper places are not told apart: what is reached from there is read whole. */
const MAX_DEPTH = 10;
/** More places than this in one variable are read whole. */
export const MAX_PLACES = 256;

export class Place {
  /** `input.findings[_].kind`. */
  readonly path: string;
  /** Keys from the input on; undefined = any key or element. */
  readonly keys: readonly (string | undefined)[];
  /** The statements that need the whole value. */
  readonly wholeFor = new Set<Statement>();
  readonly #members = new Map<string, Place>();
  #each: Place | undefined;
  #length = false;

  constructor(path = "input", keys: readonly (string | undefined)[] = []) {
    this.path = path;
    this.keys = keys;
  }

  /** The place of a member; undefined when it is too deep, and then all of this one is read. */
  member(key: string, by: Statement): Place | undefined {
    if (this.keys.length >= MAX_DEPTH) return this.#tooDeep(by);
    let place = this.#members.get(key);
    if (place === undefined) this.#members.set(key, (place = new Place(this.path + step(key), [...this.keys, key])));
    return place;
  }

  /** The place of every member and element. */
  each(by: Statement): Place | undefined {
    if (this.keys.length >= MAX_DEPTH) return this.#tooDeep(by);
    return (this.#each ??= new Place(`${this.path}[_]`, [...this.keys, undefined]));
  }

  readWhole(by: Statement): void {
    this.wholeFor.add(by);
  }

  /** How many members, elements or characters there are. */
  readLength(by: Statement): void {
    if (this.each(by) !== undefined) this.#length = true;
  }

  reads(): Reads {
    if (this.wholeFor.size > 0) return WHOLE;
    const members = Object.fromEntries([...this.#members].map(([key, place]) => [key, place.reads()]));
    const each = this.#each === undefined ? {} : { each: this.#each.reads(), ...(this.#length ? { length: true as const } : {}) };
    return union({ members }, each);
  }

  /** This place and all below it. */
  *all(): Iterable<Place> {
    yield this;
    for (const place of this.#members.values()) yield* place.all();
    if (this.#each !== undefined) yield* this.#each.all();
  }

  #tooDeep(by: Statement): undefined {
    this.readWhole(by);
    return undefined;
  }
}
