/**
 * What a compiled policy reads of its input, as a tree that can be stored as JSON. Must not know how it was found out, nor how an input
 * is cut down to it.
 */
import { isTree } from "../tree.ts";

/**
 * What must be kept of one value so that a policy gives the same answer. Where a value is absent there is nothing to keep; of a value
 * that is there, a node keeps, whatever else it says, that it is there and of which type (null, boolean, number, string, array, object), and a
 * boolean keeps its value. So `{}` stands for `is defined`, for truth and for `is_string`, and any other value of the same type will
 * do: `""`, `0`, `[]`, `{}`.
 *
 * - `whole`: the value exactly, to the last digit of its numbers and with the members of objects in their order. Stands alone.
 * - `members` (of an object; an array or a scalar has no such keys, and keeps its type): these keys, each when it is there, cut down to its own
 *   node. All other members may go, unless there is `each`.
 * - `each` (of an object or array): every key and every element stays, in order, and each value is cut down to this node, or to that in
 *   `members` when its key is there, which then includes `each`. So the keys, the number of elements and the places in an array stay as they are.
 * - `length`: only ever beside `each`: besides, a string is kept exactly (`count` tells its length).
 *
 * What is kept stays where it was: a path of the input leads to the same value before and after.
 */
export interface Reads {
  readonly whole?: true;
  readonly members?: { readonly [key: string]: Reads };
  readonly each?: Reads;
  readonly length?: true;
}

/** The whole value. As the reads of an input: nothing may be left out. */
export const WHOLE: Reads = { whole: true };

/** What both need. */
export function union(a: Reads, b: Reads): Reads {
  if (a.whole || b.whole) return WHOLE;
  const each = a.each === undefined ? b.each : b.each === undefined ? a.each : union(a.each, b.each);
  const members = new Map<string, Reads>();
  for (const key of [...Object.keys(a.members ?? {}), ...Object.keys(b.members ?? {})].toSorted()) {
    const parts = [memberOf(a, key), memberOf(b, key), each].filter((part) => part !== undefined);
    members.set(key, parts.reduce(union));
  }
  return {
    ...(members.size === 0 ? {} : { members: Object.fromEntries(members) }),
    ...(each === undefined ? {} : { each }),
    ...(a.length || b.length ? { length: true } : {}),
  };
}

/** Whether an input that is cut down to `a` still has all that `b` needs. */
export function covers(a: Reads, b: Reads): boolean {
  if (a.whole) return true;
  if (b.whole || (b.length && !a.length)) return false;
  if (b.each !== undefined) {
    const { each } = b;
    if (a.each === undefined || !covers(a.each, each)) return false;
    if (!Object.values(a.members ?? {}).every((member) => covers(member, each))) return false;
  }
  return Object.entries(b.members ?? {}).every(([key, member]) => {
    const kept = memberOf(a, key) ?? a.each;
    return kept !== undefined && covers(kept, member);
  });
}

/** The leaves as an operator would write them, sorted: `input.mcp.params.arguments[_]`. */
export function pathsOf(reads: Reads, at = "input"): string[] {
  const below = [
    ...Object.entries(reads.members ?? {}).flatMap(([key, member]) => pathsOf(member, `${at}${step(key)}`)),
    ...(reads.each === undefined ? [] : pathsOf(reads.each, `${at}[_]`)),
  ];
  return below.length === 0 ? [at] : [...new Set(below)].toSorted();
}

/** How one key is written behind a reference. */
export function step(key: string): string {
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** Reads out of JSON; undefined when they are none, so that nothing is left out because of what was misunderstood. */
export function parseReads(value: unknown, depth = MAX_DEPTH): Reads | undefined {
  if (depth === 0 || !isTree(value)) return undefined;
  const { whole, members, each, length, ...others } = value;
  if (Object.keys(others).length > 0 || ![whole, length].every((flag) => flag === undefined || flag === true)) return undefined;
  if (whole) return Object.keys(value).length === 1 ? WHOLE : undefined;
  if (length && each === undefined) return undefined;
  const parsedEach = each === undefined ? undefined : parseReads(each, depth - 1);
  if (each !== undefined && parsedEach === undefined) return undefined;
  if (members !== undefined && !isTree(members)) return undefined;
  const parsed = new Map<string, Reads>();
  for (const [key, member] of Object.entries(members ?? {})) {
    const reads = parseReads(member, depth - 1);
    if (reads === undefined || (parsedEach !== undefined && !covers(reads, parsedEach))) return undefined;
    parsed.set(key, reads);
  }
  return {
    ...(parsed.size === 0 ? {} : { members: Object.fromEntries(parsed) }),
    ...(parsedEach === undefined ? {} : { each: parsedEach }),
    ...(length ? { length: true } : {}),
  };
}

/** Longer paths are cut to the whole value at this depth when the plan is analysed, with room to spare here. */
const MAX_DEPTH = 16;

function memberOf(reads: Reads, key: string): Reads | undefined {
  return reads.members !== undefined && Object.hasOwn(reads.members, key) ? reads.members[key] : undefined;
}
