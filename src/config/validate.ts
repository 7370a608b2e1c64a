/**
 * Holds the file's data against the schema and puts what is wrong into the operator's words. Also answers a draft: the file without its
 * wrong parts, so that everything else can still be checked in the same run.
 * Must not let a draft be served: it exists to find more problems.
 */
import type { z } from "zod";
import type { Locate, Path } from "./document.ts";
import type { Problem } from "./problem.ts";
import { configSchema, type Written } from "./schema.ts";
import { didYouMean, nearest } from "./suggest.ts";

export interface Validated {
  readonly problems: readonly Problem[];
  /** The file, with defaults in place of what is wrong; undefined when there is nothing to go on. */
  readonly draft: Written | undefined;
  /** Paths that were left out of the draft. */
  readonly removed: readonly Path[];
}

type Issue = z.core.$ZodIssue;
type Report = (path: Path, part: "key" | "value", check: string, message: string, hint?: string) => void;

/** Rounds of leaving out wrong parts. Each goes one level up where a required key is missing. */
const MAX_ROUNDS = 8;

export function validate(data: unknown, file: string, locate: Locate): Validated {
  const problems: Problem[] = [];
  const report: Report = (path, part, check, message, hint) => {
    problems.push({ file, ...locate(path, part), severity: "error", check, message, ...(hint === undefined ? {} : { hint }) });
  };
  const root = data ?? {};
  const removed: Path[] = [];
  let copy: unknown = structuredClone(root);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const parsed = configSchema.safeParse(copy);
    if (parsed.success) return { problems, draft: parsed.data, removed };
    if (round === 0) for (const issue of parsed.error.issues) describe(issue, root, report);
    for (const path of parsed.error.issues.flatMap(wrongPaths)) {
      removed.push(path);
      copy = without(copy, path);
    }
  }
  return { problems, draft: undefined, removed };
}

function wrongPaths(issue: Issue): Path[] {
  const path = issue.path as Path;
  return issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
}

/** The data without the value at `path`; where that is not there, or is an element of a list, without what holds it. */
function without(data: unknown, path: Path): unknown {
  const last = path.at(-1);
  if (last === undefined) return {};
  const parent = valueAt(data, path.slice(0, -1));
  // An element cannot go alone: the places of the others would no longer fit.
  if (typeof last === "number" || !isRecord(parent) || !(last in parent)) {
    if (path.length > 1) return without(data, path.slice(0, -1));
    // The one required key: without it nothing else could be looked at.
    return last === "servers" && isRecord(data) ? { ...data, servers: {} } : data;
  }
  delete parent[last];
  return data;
}

function describe(issue: Issue, root: unknown, report: Report): void {
  const path = issue.path as Path;
  const found = valueAt(root, path);
  const key = typeof path.at(-1) === "string" ? `"${String(path.at(-1))}": ` : "";
  switch (issue.code) {
    case "unrecognized_keys":
      for (const unknown of issue.keys) {
        report([...path, unknown], "key", "config/unknown-key", `unknown key "${unknown}"`, didYouMean(unknown, knownKeys(path)));
      }
      return;
    case "invalid_type":
      if (found === undefined) report(path, "key", "config/missing-key", `the key "${String(path.at(-1))}" is missing`, example(path));
      else if (found === null) report(path, "key", "config/type", `${key}there is no value here; expected ${article(issue.expected)}`);
      else report(path, "value", "config/type", `${key}expected ${article(issue.expected)}, found ${kindOf(found)}`);
      return;
    case "invalid_value": {
      const known = issue.values.map(String);
      const near = typeof found === "string" ? nearest(found, known) : undefined;
      const hint = near === undefined ? undefined : `Did you mean "${near}"?`;
      report(path, "value", "config/value", `${key}expected ${known.length === 1 ? known[0] : `one of ${known.join(", ")}`}`, hint);
      return;
    }
    default:
      report(path, "value", "config/value", `${key}${issue.message}`);
  }
}

function example(path: Path): string | undefined {
  if (path.length === 1 && path[0] === "servers") return "Name at least one: servers: {github: {url: https://api.githubcopilot.com/mcp/}}.";
  return path.at(-1) === "sha256" ? "`sluice key new` prints it." : undefined;
}

const ARTICLES: Readonly<Record<string, string>> = {
  object: "keys and values",
  record: "keys and values",
  array: "a list",
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
};
const article = (expected: string): string => ARTICLES[expected] ?? expected;

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "keys and values";
  if (typeof value === "string") return "text";
  return typeof value === "boolean" ? `${value}` : "a number";
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const segment of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<string | number, unknown>)[segment];
  }
  return value;
}

/** The keys that the schema knows at a path. */
function knownKeys(path: Path): string[] {
  let type: unknown = configSchema;
  for (const segment of path) type = step(unwrap(type), segment);
  const end = unwrap(type);
  return isObjectType(end) ? Object.keys(end.shape) : [];
}

interface ObjectType {
  readonly shape: Record<string, unknown>;
}
const isObjectType = (type: unknown): type is ObjectType => typeof type === "object" && type !== null && "shape" in type;

/** Through `default`, `optional` and their like to the type within. */
function unwrap(type: unknown): unknown {
  let inner = type;
  while (typeof inner === "object" && inner !== null && "unwrap" in inner && !("element" in inner))
    inner = (inner as { unwrap(): unknown }).unwrap();
  return inner;
}

function step(type: unknown, segment: string | number): unknown {
  if (isObjectType(type)) return type.shape[String(segment)];
  if (typeof type !== "object" || type === null) return undefined;
  if ("element" in type) return type.element;
  return "valueType" in type ? type.valueType : undefined;
}
