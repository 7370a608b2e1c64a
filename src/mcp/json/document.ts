/**
 * One accepted JSON document: the bytes as they arrived and a flat tape of spans over them, with the questions one can ask of it.
 * Must never re-serialise or change the bytes, and must not check anything again: only the reader makes documents.
 *
 * The tape has `STRIDE` words per node, in document order: kind and flags; first byte; one past the last byte; and for a container
 * the node behind its subtree. An object's members lie as key, value, key, value; so a scalar's or key's neighbour is the next node.
 */

/** Index of a value or key in a document's tape; `ABSENT` when there is none. The root value is 0. */
export type Node = number;
export const ABSENT = -1;

export type JsonKind = "object" | "array" | "string" | "number" | "true" | "false" | "null";

export const STRIDE_BITS = 2;
export const STRIDE = 1 << STRIDE_BITS;

export const OBJECT = 0;
export const ARRAY = 1;
export const STRING = 2;
export const NUMBER = 3;
export const TRUE = 4;
export const FALSE = 5;
export const NULL = 6;
export const KIND_MASK = 7;
/** A string that is an object's key. */
export const KEY = 8;
/** A string with at least one escape. */
export const ESCAPED = 16;
/** A string with bytes above 0x7f. */
export const WIDE = 32;

/** The bytes that spell one UTF-16 code unit, at most: an escape of four hexadecimal digits. */
const LONGEST_UNIT = 6;

const KINDS: readonly JsonKind[] = ["object", "array", "string", "number", "true", "false", "null"];

/** One accepted document. Immutable. */
export class JsonDocument {
  /** Exactly the document as it arrived, white space around it included. */
  readonly bytes: Buffer;
  /** The number of values and keys. */
  readonly size: number;
  readonly #tape: Int32Array;
  #parents: Int32Array | undefined;

  /** For the reader only: `tape` describes `bytes`, and neither changes any more. */
  constructor(bytes: Buffer, tape: Int32Array, size: number) {
    this.bytes = bytes;
    this.size = size;
    this.#tape = tape;
  }

  kind(node: Node): JsonKind {
    return KINDS[this.#word(node, 0) & KIND_MASK] as JsonKind;
  }

  /** First byte of the value; of a string or key, its opening quote. */
  start(node: Node): number {
    return this.#word(node, 1);
  }

  /** One past the last byte of the value; of a string or key, one past its closing quote. */
  end(node: Node): number {
    return this.#word(node, 2);
  }

  /** The node behind this one's whole subtree: a sibling, or the end of the parent. Of a key: its value. */
  next(node: Node): Node {
    return (this.#word(node, 0) & KIND_MASK) <= ARRAY ? this.#word(node, 3) : node + 1;
  }

  /** Value of the member `name` (compared decoded) of an object; ABSENT when there is none or `object` is no object. */
  member(object: Node, name: string): Node {
    if (!this.#is(object, OBJECT)) return ABSENT;
    const end = this.next(object);
    // Only a first sieve (a lone surrogate counts as long as U+FFFD): the texts are compared.
    const length = Buffer.byteLength(name);
    for (let key = object + 1; key < end; key = this.next(key + 1)) {
      if (this.escaped(key)) {
        if (this.text(key) === name) return key + 1;
      } else if (this.end(key) - this.start(key) - 2 === length && this.text(key) === name) return key + 1;
    }
    return ABSENT;
  }

  /** Nodes of an array's elements, in order. Empty for anything else. */
  elements(array: Node): Node[] {
    const nodes: Node[] = [];
    if (!this.#is(array, ARRAY)) return nodes;
    const end = this.next(array);
    for (let node = array + 1; node < end; node = this.next(node)) nodes.push(node);
    return nodes;
  }

  /** [key node, value node] of an object's members, in order. Empty for anything else. */
  members(object: Node): [Node, Node][] {
    const pairs: [Node, Node][] = [];
    if (!this.#is(object, OBJECT)) return pairs;
    const end = this.next(object);
    for (let key = object + 1; key < end; key = this.next(key + 1)) pairs.push([key, key + 1]);
    return pairs;
  }

  /** Whether the node is an object's key. */
  isKey(node: Node): boolean {
    return (this.#word(node, 0) & KEY) !== 0;
  }

  /** Decoded text of a string or key. Throws for any other kind. */
  text(node: Node): string {
    const word = this.#word(node, 0);
    if ((word & KIND_MASK) !== STRING) throw new TypeError("only a string or key has text");
    if ((word & ESCAPED) !== 0) return JSON.parse(this.raw(node)) as string;
    const start = this.start(node) + 1;
    const end = this.end(node) - 1;
    return (word & WIDE) === 0 ? this.bytes.toString("latin1", start, end) : this.bytes.toString("utf8", start, end);
  }

  /** Whether a string or key is spelled with escapes (then decoded and raw offsets differ). */
  escaped(node: Node): boolean {
    return (this.#word(node, 0) & ESCAPED) !== 0;
  }

  /** Whether every character of a value that is no container is spelled with one byte: then all its offsets are the same. */
  plain(node: Node): boolean {
    return (this.#word(node, 0) & (ESCAPED | WIDE)) === 0;
  }

  /** The bytes of a value as they were sent, as text. */
  raw(node: Node): string {
    return this.bytes.toString("utf8", this.start(node), this.end(node));
  }

  /**
   * The value as JavaScript sees it (numbers may round): for reading, never for forwarding. Objects are plain, and a member named
   * `__proto__` is an own property like any other (it never becomes the prototype): readers must ask for own properties.
   */
  value(node: Node): unknown {
    return (this.#word(node, 0) & KIND_MASK) === STRING ? this.text(node) : JSON.parse(this.raw(node));
  }

  /** RFC 6901 pointer of a value (of a key: that of its value). As long as the keys around it: in bulk ask for `pointerWithin`. */
  pointer(node: Node): string {
    return this.pointerWithin(node, Number.POSITIVE_INFINITY) as string;
  }

  /** The pointer when it has at most `most` UTF-16 code units; else undefined, without building what is longer. */
  pointerWithin(node: Node, most: number): string | undefined {
    const parents = (this.#parents ??= this.#linkParents());
    let pointer = "";
    for (let at = this.isKey(node) ? node + 1 : node; at > 0; ) {
      const up = parents[at * 2] as Node;
      const step = parents[at * 2 + 1] as number;
      const keyed = this.#is(up, OBJECT);
      if (keyed && pointer.length + (this.end(step) - this.start(step) - 2) / LONGEST_UNIT > most) return undefined;
      const token = keyed ? this.text(step).replaceAll("~", "~0").replaceAll("/", "~1") : String(step);
      pointer = `/${token}${pointer}`;
      if (pointer.length > most) return undefined;
      at = up;
    }
    return pointer;
  }

  /** The node at an RFC 6901 pointer; ABSENT when it leads nowhere. Array indexes only as RFC 6901 spells them: no sign, no leading zero. */
  at(pointer: string): Node {
    if (pointer === "") return 0;
    if (!pointer.startsWith("/") || /~(?![01])/.test(pointer)) return ABSENT;
    let node: Node = 0;
    for (const token of pointer.slice(1).split("/")) {
      if (this.#is(node, OBJECT)) node = this.member(node, token.replaceAll("~1", "/").replaceAll("~0", "~"));
      else if (this.#is(node, ARRAY)) node = this.#element(node, token);
      else return ABSENT;
      if (node === ABSENT) return ABSENT;
    }
    return node;
  }

  #element(array: Node, token: string): Node {
    if (!/^(?:0|[1-9][0-9]{0,9})$/.test(token)) return ABSENT;
    const end = this.next(array);
    let node = array + 1;
    for (let index = Number(token); index > 0 && node < end; index -= 1) node = this.next(node);
    return node < end ? node : ABSENT;
  }

  /** Per node its container and its step in there (an array's index, an object's key), built once: pointers are asked for in bulk. */
  #linkParents(): Int32Array {
    const links = new Int32Array(this.size * 2);
    for (let node = 0; node < this.size; node += 1) {
      const kind = this.#word(node, 0) & KIND_MASK;
      if (kind > ARRAY) continue;
      const end = this.next(node);
      let index = 0;
      for (let child = node + 1; child < end; child = this.next(child)) {
        if (kind === OBJECT) child += 1;
        links[child * 2] = node;
        links[child * 2 + 1] = kind === OBJECT ? child - 1 : index;
        index += 1;
      }
    }
    return links;
  }

  #is(node: Node, kind: number): boolean {
    return (this.#word(node, 0) & KIND_MASK) === kind;
  }

  #word(node: Node, offset: number): number {
    const word = node >= 0 && node < this.size ? this.#tape[(node << STRIDE_BITS) + offset] : undefined;
    if (word === undefined) throw new RangeError("no such node");
    return word;
  }
}
