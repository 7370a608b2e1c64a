/** The plainest way to cut a value down to its reads; what the product does in bytes must mean the same. */
import type { Reads } from "../../../src/policy/reads/reads.ts";

/**
 * Answers what must stay. With `strange`, what need not stay is not left out but replaced by something else of the same type: a policy must
 * not notice that either.
 */
export function prune(reads: Reads, value: unknown, strange = false): unknown {
  if (reads.whole || value === null || typeof value === "boolean") return value;
  if (typeof value === "number") return strange ? 77 : 0;
  if (typeof value === "string") return reads.length ? value : strange ? "strange" : "";
  const { each } = reads;
  if (Array.isArray(value)) return each === undefined ? (strange ? ["strange"] : []) : value.map((part) => prune(each, part, strange));
  const kept = Object.entries(value as object).flatMap(([key, part]: [string, unknown]) => {
    const member = Object.hasOwn(reads.members ?? {}, key) ? reads.members?.[key] : each;
    return member === undefined ? [] : [[key, prune(member, part, strange)] as const];
  });
  return Object.fromEntries(strange && each === undefined ? [...kept, ["strange", 1]] : kept);
}

/** The same reads with one thing left out, once for each thing. */
export function* lessThan(reads: Reads): Iterable<{ readonly less: Reads; readonly what: string }> {
  if (reads.whole) {
    yield { less: {}, what: "" };
    return;
  }
  const { members = {}, each, length } = reads;
  const beside = { ...(each === undefined ? {} : { each }), ...(length ? { length } : {}) };
  for (const [key, member] of Object.entries(members)) {
    const others = Object.fromEntries(Object.entries(members).filter(([other]) => other !== key));
    if (each === undefined) yield { less: { members: others, ...beside }, what: `.${key} left out` };
    for (const { less, what } of lessThan(member))
      yield { less: { members: { ...others, [key]: less }, ...beside }, what: `.${key}${what}` };
  }
  if (length && each !== undefined) yield { less: { members, each }, what: " length" };
  if (each !== undefined) {
    yield { less: { members }, what: "[_] left out" };
    for (const { less, what } of lessThan(each)) yield { less: { members, ...beside, each: less }, what: `[_]${what}` };
  }
}
