/**
 * Plain JSON trees as policies keep them: deep merging, canonical text.
 * Must not know what a tree means.
 */

export type Tree = { [key: string]: unknown };

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Merges `over` into a copy of `base`: objects deeply, everything else (lists too) replaced by the later one. */
export function mergeTrees(base: Tree, over: Tree): Tree {
  const merged: Tree = Object.assign(emptyTree(), base);
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key];
    merged[key] = isTree(before) && isTree(value) ? mergeTrees(before, value) : value;
  }
  return merged;
}

/** An object without a prototype: keys come from files, and `__proto__` is a key like any other. */
export function emptyTree(): Tree {
  return Object.create(null) as Tree;
}

/** Canonical JSON: keys sorted, so that equal trees have equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (!isTree(part)) return part;
    const sorted = emptyTree();
    for (const key of Object.keys(part).toSorted()) sorted[key] = part[key];
    return sorted;
  });
}
