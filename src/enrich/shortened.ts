/**
 * Decides whether the long strings of a payload stay out of the policy input, and says which. Must not look at what a policy reads: what is left
 * out does not depend on the policy.
 */
import { ABSENT, type JsonDocument, type Node } from "../mcp/json.ts";
import { pointersWithin } from "../mcp/json/pointers.ts";
import type { Standing } from "./input-fields.ts";
import { isLongString } from "./prune.ts";

const OMITTED_LISTED = 100;
/** Code units of all paths in `omitted`. */
const OMITTED_PATHS = 65_536;
/** `""` stands for a string that is left out. */
const EMPTY_LENGTH = 2;

/** A payload, and the JSON Pointers of the strings that are left out of it. */
export interface Shortened extends Standing {
  readonly omitted: readonly string[];
}

const NONE: readonly string[] = [];

/** A payload of at most `limit` bytes as it is; a larger one without its long strings; null when that is still too large. Undefined without payload. */
export function shortened(document: JsonDocument, payload: Node, limit: number): Shortened | undefined | null {
  if (payload === ABSENT) return undefined;
  let size = document.end(payload) - document.start(payload);
  if (size <= limit) return { document, node: payload, withoutLong: false, omitted: NONE };
  const omitted: string[] = [];
  const pathOf = pointersWithin(document, OMITTED_PATHS);
  const end = document.next(payload);
  for (let node = payload; node < end; node++) {
    if (!isLongString(document, node)) continue;
    size -= document.end(node) - document.start(node) - EMPTY_LENGTH;
    const path = omitted.length < OMITTED_LISTED ? pathOf(node) : undefined;
    if (path !== undefined) omitted.push(path);
  }
  // Keys may be too long for any path: that something was left out is said all the same.
  if (omitted.length === 0) omitted.push(document.pointer(payload));
  return size <= limit ? { document, node: payload, withoutLong: true, omitted } : null;
}
