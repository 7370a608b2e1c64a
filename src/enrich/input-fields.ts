/**
 * What the fields of a policy input are made of: a table of fields and what is read of them become the few writers that are needed. What no
 * policy reads is neither written nor worked out. Must not know which fields there are.
 */
import { ABSENT, type JsonDocument, type Node } from "../mcp/json.ts";
import { InputTextBuilder } from "../policy/input-text.ts";
import type { Reads } from "../policy/reads/reads.ts";
import { compileNode, compileValue, type Payload, readsOf } from "./prune.ts";

/** Writes a field of `source`, its key included; nothing when the field is absent. */
export type WriteField<S> = (out: InputTextBuilder, source: S) => void;
/** Compiles a field. `key` in its quotes with its colon. */
export type Field<S> = (reads: Reads, key: string) => WriteField<S>;

/** The fields of `T`, each with where it comes from. */
export type Fields<S, T> = { readonly [K in keyof T]-?: Field<S> };

/** The fields that are read, in the order of the table. */
export function compileFields<S>(reads: Reads, table: Readonly<Record<string, Field<S>>>): WriteField<S> {
  const writers = Object.entries(table).flatMap(([name, field]) => {
    const read = readsOf(reads, name);
    return read === undefined ? [] : [field(read, `${JSON.stringify(name)}:`)];
  });
  return (out, source) => {
    for (const write of writers) write(out, source);
  };
}

/** Plain data; undefined = absent. */
export function fact<S>(get: (source: S) => unknown): Field<S> {
  return (reads, key) => {
    const write = compileValue(reads);
    return (out, source) => {
      const value = get(source);
      if (value === undefined) return;
      out.key(key);
      write(out, value);
    };
  };
}

/** Plain data made from an object that never changes and is there for many messages: written once per object. */
export function lastingFact<S, O extends object>(get: (source: S) => O, make: (object: O) => unknown): Field<S> {
  return (reads, key) => {
    const write = compileValue(reads);
    const texts = new WeakMap<O, string>();
    return (out, source) => {
      const object = get(source);
      let text = texts.get(object);
      if (text === undefined) {
        const alone = new InputTextBuilder();
        write(alone, make(object));
        text = alone.written();
        texts.set(object, text);
      }
      out.key(key);
      out.value(text);
    };
  };
}

/** An object of its own fields. */
export function record<S>(table: Readonly<Record<string, Field<S>>>, isThere: (source: S) => boolean = always): Field<S> {
  return (reads, key) => {
    const write = compileFields(reads, table);
    return (out, source) => {
      if (!isThere(source)) return;
      out.key(key);
      out.open("{");
      write(out, source);
      out.close("}");
    };
  };
}

const always = (): boolean => true;

/** An array of records. */
export function records<S, E>(table: Readonly<Record<string, Field<E>>>, get: (source: S) => readonly E[]): Field<S> {
  return (reads, key) => {
    const each = reads.whole ? reads : reads.each;
    const write = each === undefined ? undefined : compileFields(each, table);
    return (out, source) => {
      out.key(key);
      out.open("[");
      if (write !== undefined) {
        for (const element of get(source)) {
          out.open("{");
          write(out, element);
          out.close("}");
        }
      }
      out.close("]");
    };
  };
}

/** A value as it stands in a document. */
export interface Standing extends Payload {
  readonly node: Node;
}

/** A value copied from a document; undefined = absent. */
export function copied<S>(get: (source: S) => Standing | undefined): Field<S> {
  return (reads, key) => {
    const write = compileNode(reads);
    return (out, source) => {
      const standing = get(source);
      if (standing === undefined) return;
      out.key(key);
      write(out, standing, standing.node);
    };
  };
}

/** The place of a value in a document out of which nothing is left; undefined when there is none. */
export function standing(document: JsonDocument, node: Node): Standing | undefined {
  return node === ABSENT ? undefined : { document, withoutLong: false, node };
}
