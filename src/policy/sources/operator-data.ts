/**
 * The operator's data files as one tree, with the settings of packs lifted out of it, and the place of every value.
 * Must not judge values beyond what makes them unusable as policy data.
 */
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { Problem } from "../../config/problem.ts";
import type { OperatorFile } from "./operator-folder.ts";
import { emptyTree, isTree, type Tree } from "../tree.ts";

export type TreePath = readonly (string | number)[];

export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export interface OperatorData {
  /** All data files, merged; without `settings`. */
  readonly tree: Tree;
  /** The top-level key `settings` of the data: settings of shipped packs. */
  readonly settings: Tree;
  readonly problems: readonly Problem[];
  /** Where a path of the data stands in the operator's files: the nearest part of it that exists. */
  place(path: TreePath): Place | undefined;
}

/** Data keys that are Sluice's own: data there could grant, or would be shadowed without a word. */
const RESERVED = new Map([
  ["policies", "policies are Rego packages, and data under `policies` could grant or hide their rules"],
  ["firewall", "`firewall` belongs to Sluice"],
  ["server_settings", "`server_settings` is written by Sluice from the settings of each server"],
  ["lib", "`lib` is for packages of shared Rego helpers"],
]);

/** Reads and merges the operator's data files. A file in a sub-folder lies under the keys of its folders, as in OPA. */
export function readOperatorData(files: readonly OperatorFile[]): OperatorData {
  const problems: Problem[] = [];
  const tree = emptyTree();
  const sources: { file: OperatorFile; prefix: string[]; value: Tree }[] = [];
  for (const file of files) {
    const value = parseData(file, problems);
    if (value === undefined) continue;
    const prefix = file.name.split("/").slice(0, -1);
    sources.push({ file, prefix, value });
    insert(tree, prefix, value, (path) =>
      problems.push(
        problem(
          placeIn(file, path.slice(prefix.length)),
          "policy/data-conflict",
          `The data key \`${path.join(".")}\` is set in two files.`,
        ),
      ),
    );
  }
  const place = (path: TreePath): Place | undefined => {
    for (let length = path.length; length > 0; length--) {
      const part = path.slice(0, length);
      const source = sources.find(({ prefix, value }) =>
        length > prefix.length ? startsWith(part, prefix) && has(value, part.slice(prefix.length)) : startsWith(prefix, part),
      );
      if (source !== undefined) return placeIn(source.file, part.slice(source.prefix.length));
    }
    return undefined;
  };
  for (const [key, why] of RESERVED) {
    if (!Object.hasOwn(tree, key)) continue;
    const source = sources.find(({ prefix, value }) => prefix[0] === key || (prefix.length === 0 && Object.hasOwn(value, key)));
    const inFolder = source !== undefined && source.prefix.length > 0;
    problems.push(
      problem(
        place([key]) ?? { file: files[0]?.origin ?? "" },
        "policy/reserved-data",
        `The data key \`${key}\` cannot be used: ${why}.`,
        inFolder
          ? `A data file lies under the names of its folders, this one at \`data.${source.prefix.join(".")}\`: move it to the top of the policy folder.`
          : "Give your data another key at the top, and read it as `data.<key>`.",
      ),
    );
  }
  const settings = tree["settings"];
  if (settings !== undefined && !isTree(settings))
    problems.push(
      problem(place(["settings"]) ?? { file: "" }, "policy/settings", "`settings` must be an object with one member for each pack."),
    );
  delete tree["settings"];
  return { tree, settings: isTree(settings) ? settings : emptyTree(), problems, place };
}

function parseData(file: OperatorFile, problems: Problem[]): Tree | undefined {
  const value = file.name.endsWith(".json") ? parseJson(file, problems) : parseYaml(file, problems);
  if (value === undefined) return undefined;
  if (!isTree(value)) {
    problems.push(problem({ file: file.origin, line: 1 }, "policy/data", "A data file must hold an object at its top."));
    return undefined;
  }
  const inexact = findInexact(value);
  if (inexact !== undefined) {
    problems.push(problem(placeIn(file, inexact), "policy/data", "This number cannot be held exactly.", "Write it as a string."));
  }
  return value;
}

function parseJson(file: OperatorFile, problems: Problem[]): unknown {
  try {
    return JSON.parse(file.bytes.toString("utf8"));
  } catch {
    // JSON.parse says neither line nor column in a stable way; the YAML reader, of which JSON is a part, does.
    const before = problems.length;
    parseYaml(file, problems);
    if (problems.length === before) problems.push(problem({ file: file.origin, line: 1 }, "policy/data", "This is not JSON."));
    return undefined;
  }
}

function parseYaml(file: OperatorFile, problems: Problem[]): unknown {
  const lines = new LineCounter();
  const document = parseDocument(file.bytes.toString("utf8"), { lineCounter: lines, intAsBigInt: true, prettyErrors: false });
  // What follows the first error is mostly its echo.
  for (const error of document.errors.slice(0, 1)) {
    const { line, col } = lines.linePos(error.pos[0]);
    problems.push(problem({ file: file.origin, line, column: col }, "policy/data", error.message.split("\n")[0] ?? "This is not YAML."));
  }
  if (document.errors.length > 0) return undefined;
  try {
    return plain(document.toJS({ maxAliasCount: 100 }));
  } catch {
    problems.push(problem({ file: file.origin, line: 1 }, "policy/data", "The aliases of this document cannot be resolved."));
    return undefined;
  }
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (!isTree(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)]));
}

function findInexact(value: unknown, path: TreePath = []): TreePath | undefined {
  if (typeof value === "number")
    return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)) ? undefined : path;
  if (typeof value !== "object" || value === null) return undefined;
  const entries: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  for (const [key, part] of entries) {
    const found = findInexact(part, [...path, key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function insert(tree: Tree, prefix: readonly string[], value: Tree, conflict: (path: readonly string[]) => void): void {
  let at = tree;
  for (const [index, key] of prefix.entries()) {
    const next = at[key] ?? emptyTree();
    if (!isTree(next)) return conflict(prefix.slice(0, index + 1));
    at[key] = next;
    at = next;
  }
  const merge = (into: Tree, from: Tree, path: readonly string[]): void => {
    for (const [key, part] of Object.entries(from)) {
      const before = into[key];
      if (before === undefined) into[key] = isTree(part) ? structuredCopy(part) : part;
      else if (isTree(before) && isTree(part)) merge(before, part, [...path, key]);
      else conflict([...path, key]);
    }
  };
  merge(at, value, prefix);
}

function structuredCopy(tree: Tree): Tree {
  const copy = emptyTree();
  for (const [key, part] of Object.entries(tree)) copy[key] = isTree(part) ? structuredCopy(part) : part;
  return copy;
}

function startsWith(path: TreePath, start: TreePath): boolean {
  return start.every((key, at) => key === path[at]);
}

function has(value: unknown, path: TreePath): boolean {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return false;
    at = (at as Record<string | number, unknown>)[key];
  }
  return true;
}

/** Line and column of a path's key in a file, by reading it again: only ever done for a problem. */
function placeIn(file: OperatorFile, path: TreePath): Place {
  const lines = new LineCounter();
  const document = parseDocument(file.bytes.toString("utf8"), { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined) break;
      offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      if (isScalar(node) || isMap(node) || isSeq(node)) offset = node.range?.[0] ?? offset;
    } else break;
  }
  const { line, col } = lines.linePos(offset);
  return { file: file.origin, line, column: col };
}

function problem(place: Place, check: string, message: string, hint?: string): Problem {
  return { ...place, severity: "error", check, message, ...(hint === undefined ? {} : { hint }) };
}
