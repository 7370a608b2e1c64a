/**
 * Writes a value cut down to what a policy reads of it: values of a message from the bytes that it came in, never re-serialised, and plain
 * data as JSON. Compiled once from `Reads`, whose rules these are. Must not know where in an input a value stands.
 */
import type { JsonDocument, Node } from "../mcp/json.ts";
import type { InputTextBuilder } from "../policy/input-text.ts";
import type { Reads } from "../policy/reads/reads.ts";

/** Strings longer than this (bytes as sent) are left out where long strings are. */
export const LONG_STRING = 1024;

/** A document, and whether its long strings are left out (then each is empty). */
export interface Payload {
  readonly document: JsonDocument;
  readonly withoutLong: boolean;
}

export type WriteNode = (out: InputTextBuilder, payload: Payload, node: Node) => void;
export type WriteValue = (out: InputTextBuilder, value: unknown) => void;

/** What is read of a member; undefined when nothing is, and not even its being there. */
export function readsOf(reads: Reads, key: string): Reads | undefined {
  if (reads.whole) return reads;
  return reads.members !== undefined && Object.hasOwn(reads.members, key) ? reads.members[key] : reads.each;
}

/** Compiles a writer of values in a document. */
export function compileNode(reads: Reads): WriteNode {
  if (reads.whole) return writeWhole;
  const each = reads.each === undefined ? undefined : compileNode(reads.each);
  const members = new KnownMembers(reads.members ?? {});
  const text = reads.length ? writeWhole : writeKind;
  if (each === undefined && members.empty) return writeKind;
  return (out, payload, node) => {
    const { document } = payload;
    switch (document.kind(node)) {
      case "object": {
        out.open("{");
        const end = document.next(node);
        for (let key = node + 1; key < end; key = document.next(key + 1)) {
          const member = members.find(document, key);
          if (member !== undefined) {
            out.key(member.quoted);
            member.write(out, payload, key + 1);
          } else if (each !== undefined) {
            out.key(`${document.raw(key)}:`);
            each(out, payload, key + 1);
          }
        }
        out.close("}");
        return;
      }
      case "array": {
        out.open("[");
        const end = document.next(node);
        if (each !== undefined) for (let element = node + 1; element < end; element = document.next(element)) each(out, payload, element);
        out.close("]");
        return;
      }
      case "string":
        text(out, payload, node);
        return;
      default:
        writeKind(out, payload, node);
    }
  };
}

interface KnownMember {
  /** The key in its quotes with its colon. A message may spell it otherwise: that is the same key. */
  readonly quoted: string;
  readonly bytes: Buffer;
  readonly write: WriteNode;
}

/** The members of an object that are read by name, found without making text of any key. */
class KnownMembers {
  readonly #byText = new Map<string, KnownMember>();
  /** By the number of their bytes. */
  readonly #byLength = new Map<number, KnownMember[]>();

  constructor(members: Readonly<Record<string, Reads>>) {
    for (const [key, reads] of Object.entries(members)) {
      const bytes = Buffer.from(key);
      const member = { quoted: `${JSON.stringify(key)}:`, bytes, write: compileNode(reads) };
      this.#byText.set(key, member);
      const alike = this.#byLength.get(bytes.length);
      if (alike === undefined) this.#byLength.set(bytes.length, [member]);
      else alike.push(member);
    }
  }

  get empty(): boolean {
    return this.#byText.size === 0;
  }

  find(document: JsonDocument, key: Node): KnownMember | undefined {
    if (document.escaped(key)) return this.#byText.get(document.text(key));
    const start = document.start(key) + 1;
    const alike = this.#byLength.get(document.end(key) - 1 - start);
    if (alike === undefined) return undefined;
    for (const member of alike) if (standsAt(document.bytes, start, member.bytes)) return member;
    return undefined;
  }
}

function standsAt(bytes: Buffer, start: number, wanted: Buffer): boolean {
  for (let at = 0; at < wanted.length; at++) if (bytes[start + at] !== wanted[at]) return false;
  return true;
}

/** That the value is there, and its type. */
function writeKind(out: InputTextBuilder, { document }: Payload, node: Node): void {
  const kind = document.kind(node);
  out.value(kind === "object" ? "{}" : kind === "array" ? "[]" : kind === "string" ? '""' : kind === "number" ? "0" : kind);
}

function writeWhole(out: InputTextBuilder, { document, withoutLong }: Payload, node: Node): void {
  if (!withoutLong) {
    out.copy(document.bytes, document.start(node), document.end(node));
    return;
  }
  out.value("");
  const end = document.next(node);
  let copied = document.start(node);
  for (let inner = node; inner < end; inner++) {
    if (!isLongString(document, inner)) continue;
    out.copyPart(document.bytes, copied, document.start(inner));
    out.copyPart(EMPTY_STRING, 0, EMPTY_STRING.length);
    copied = document.end(inner);
  }
  out.copyPart(document.bytes, copied, document.end(node));
}

const EMPTY_STRING = Buffer.from('""');

/** Whether the node is a string value that is left out where long strings are. */
export function isLongString(document: JsonDocument, node: Node): boolean {
  return document.end(node) - document.start(node) > LONG_STRING && document.kind(node) === "string" && !document.isKey(node);
}

/** Compiles a writer of plain data. A member that is undefined is not there. */
export function compileValue(reads: Reads): WriteValue {
  if (reads.whole)
    return (out, value) => {
      out.value(Number.isFinite(value) ? String(value) : JSON.stringify(value));
    };
  const each = reads.each === undefined ? undefined : compileValue(reads.each);
  const members = new Map(
    Object.entries(reads.members ?? {}).map(([key, member]) => [key, { quoted: `${JSON.stringify(key)}:`, write: compileValue(member) }]),
  );
  return (out, value) => {
    if (Array.isArray(value)) {
      out.open("[");
      if (each !== undefined) for (const element of value) each(out, element);
      out.close("]");
    } else if (typeof value === "object" && value !== null) {
      out.open("{");
      for (const [key, member] of Object.entries(value)) {
        const known = members.get(key);
        if (member === undefined || (known === undefined && each === undefined)) continue;
        out.key(known?.quoted ?? `${JSON.stringify(key)}:`);
        (known?.write ?? (each as WriteValue))(out, member);
      }
      out.close("}");
    } else if (typeof value === "string") out.value(reads.length ? JSON.stringify(value) : '""');
    else out.value(typeof value === "number" ? "0" : String(value));
  };
}
