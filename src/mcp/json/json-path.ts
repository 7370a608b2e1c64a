/**
 * The JSONPath dialect that policies may use, as text: our own recogniser for names, wildcards, indexes, slices, unions and `..`
 * (RFC 9535 without filters and functions). Must not evaluate anything and must not guess: what it does not know it refuses.
 */

/** One of the alternatives in a segment. */
export type Selector =
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "wildcard" }
  | { readonly kind: "slice"; readonly start: number | undefined; readonly end: number | undefined; readonly step: number };

/** One step from a value to its children (`descend`: to those of all its descendants too). */
export interface Segment {
  readonly descend: boolean;
  readonly selectors: readonly Selector[];
}

const MAX_LENGTH = 1_000;
const MAX_SELECTORS = 100;

/** A JSONPath that starts with `$`, or the reason why it is none that may be used. */
export function parseJsonPath(expression: string): { segments: Segment[] } | { reason: string } {
  if (expression.length > MAX_LENGTH) return { reason: `is longer than ${MAX_LENGTH} characters` };
  const scanner = new Scanner(expression);
  try {
    return { segments: scanner.segments() };
  } catch (error) {
    if (error instanceof Unacceptable) return { reason: `${error.message} at character ${scanner.position + 1}` };
    throw error;
  }
}

/** Leaves the recursive descent at the first character that does not fit; never leaves this file. */
class Unacceptable extends Error {}

class Scanner {
  readonly #text: string;
  position = 0;
  #selectors = 0;

  constructor(text: string) {
    this.#text = text;
  }

  segments(): Segment[] {
    if (!this.#take("$")) throw new Unacceptable("must start with $");
    const segments: Segment[] = [];
    while (this.position < this.#text.length) segments.push(this.#segment());
    return segments;
  }

  #segment(): Segment {
    if (this.#take("..")) return { descend: true, selectors: this.#peek() === "[" ? this.#bracket() : [this.#shorthand()] };
    if (this.#take(".")) return { descend: false, selectors: [this.#shorthand()] };
    if (this.#peek() === "[") return { descend: false, selectors: this.#bracket() };
    throw new Unacceptable(REFUSED.get(this.#peek()) ?? "expected . or [");
  }

  /** After a dot: `*` or a name of letters, digits and `_` that starts with no digit. Any other name goes into brackets, quoted. */
  #shorthand(): Selector {
    if (this.#take("*")) return { kind: "wildcard" };
    const name = this.#match(/[\p{L}_][\p{L}\p{N}_]*/uy);
    if (name === undefined)
      throw new Unacceptable(REFUSED.get(this.#peek()) ?? "expected a name; write others as ['name'], indexes as [0]");
    return { kind: "name", name };
  }

  #bracket(): Selector[] {
    this.position += 1;
    const selectors: Selector[] = [];
    do {
      this.#blank();
      selectors.push(this.#selector());
      this.#selectors += 1;
      if (this.#selectors > MAX_SELECTORS) throw new Unacceptable(`more than ${MAX_SELECTORS} bracketed selectors`);
      this.#blank();
    } while (this.#take(","));
    if (!this.#take("]")) throw new Unacceptable("expected , or ]");
    return selectors;
  }

  #selector(): Selector {
    if (this.#take("*")) return { kind: "wildcard" };
    const quote = this.#peek();
    if (quote === "'" || quote === '"') return { kind: "name", name: this.#quoted(quote) };
    const start = this.#integer();
    this.#blank();
    if (!this.#take(":")) {
      if (start === undefined) throw new Unacceptable(REFUSED.get(quote) ?? "expected a quoted name, an index, a slice or *");
      return { kind: "index", index: start };
    }
    this.#blank();
    const end = this.#integer();
    this.#blank();
    const step = this.#take(":") ? (this.#blank(), this.#integer()) : undefined;
    if (step !== undefined && step < 1) throw new Unacceptable("a slice's step must be above 0");
    return { kind: "slice", start, end, step: step ?? 1 };
  }

  #integer(): number | undefined {
    const digits = this.#match(/0|-?[1-9][0-9]*/y);
    if (digits === undefined) return undefined;
    const value = Number(digits);
    if (!Number.isSafeInteger(value)) throw new Unacceptable("a number is too large");
    return value;
  }

  #quoted(quote: string): string {
    this.position += 1;
    let name = "";
    for (;;) {
      const character = this.#peek();
      if (character === "") throw new Unacceptable("a quoted name does not end");
      this.position += 1;
      if (character === quote) return name;
      if (character < " ") throw new Unacceptable("a control character in a name");
      name += character === "\\" ? this.#escape(quote) : character;
    }
  }

  #escape(quote: string): string {
    if (this.#take(quote)) return quote;
    const simple = SIMPLE_ESCAPES.get(this.#peek());
    if (simple !== undefined) {
      this.position += 1;
      return simple;
    }
    const hex = this.#match(/u[0-9A-Fa-f]{4}/y);
    if (hex === undefined) throw new Unacceptable("an unknown escape");
    return String.fromCharCode(Number.parseInt(hex.slice(1), 16));
  }

  #blank(): void {
    this.#match(/[ \t]+/y);
  }

  #peek(): string {
    return this.#text.charAt(this.position);
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.position)) return false;
    this.position += token.length;
    return true;
  }

  #match(sticky: RegExp): string | undefined {
    sticky.lastIndex = this.position;
    const found = sticky.exec(this.#text)?.[0];
    this.position += found?.length ?? 0;
    return found;
  }
}

const SIMPLE_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

/** What other JSONPath dialects offer and this one does not, said in their words. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ["?", "filters are not available"],
  ["(", "scripts are not available"],
  ["@", "type selectors are not available"],
  ["^", "the parent operator is not available"],
  ["~", "the property name operator is not available: it cannot point at a value"],
  ["`", "back-tick escapes are not available"],
  ["", "ends too early"],
]);
