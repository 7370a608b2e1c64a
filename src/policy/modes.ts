/**
 * Modes of packages, kept as data: `modes: {demo: observe}`. Must not invent one for a package that does not exist.
 */
import type { Mode } from "../config/config.ts";
import type { Problem } from "../config/problem.ts";
import type { Place, TreePath } from "./sources/operator-data.ts";
import { isTree } from "./tree.ts";

/** Reads `data.modes`. */
export function readModes(
  value: unknown,
  packages: readonly string[],
  place: (path: TreePath) => Place,
): { modes: ReadonlyMap<string, Mode>; problems: readonly Problem[] } {
  const modes = new Map<string, Mode>();
  const problems: Problem[] = [];
  const report = (path: TreePath, message: string): void => {
    problems.push({ ...place(path), severity: "error", check: "policy/mode", message, hint: "Write `modes: {<package>: observe}`." });
  };
  if (value !== undefined && !isTree(value)) report(["modes"], "`modes` must be an object.");
  for (const [name, mode] of isTree(value) ? Object.entries(value) : []) {
    if (!packages.includes(name)) report(["modes", name], `There is no package \`policies.${name}\` to observe.`);
    else if (mode !== "observe" && mode !== "enforce") report(["modes", name], "A mode is `enforce` or `observe`.");
    else modes.set(name, mode);
  }
  return { modes, problems };
}
