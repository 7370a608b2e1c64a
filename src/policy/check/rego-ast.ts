/**
 * Rego files as syntax trees, read with `opa parse`: the parts of OPA's AST that the checks use.
 * Must not judge what it reads.
 */
import { cpus } from "node:os";
import { runOpa, type Opa } from "../build/opa.ts";

export interface Location {
  readonly row: number;
  readonly col: number;
}

/** A term: `type` says what `value` is (string, number, boolean, null, var, ref, call, array, object, set, …comprehension, templatestring). */
export interface Term {
  readonly type: string;
  readonly value: unknown;
  readonly location?: Location;
}

export interface Head {
  readonly ref?: readonly Term[];
  readonly args?: readonly Term[];
  readonly key?: Term;
  readonly value?: Term;
  readonly assign?: boolean;
  readonly location?: Location;
}

export interface Annotation {
  readonly scope?: string;
  readonly title?: string;
}

export interface RegoRule {
  readonly head: Head;
  readonly body: readonly unknown[];
  readonly default?: boolean;
  readonly else?: unknown;
  readonly annotations?: readonly Annotation[];
  readonly location?: Location;
}

export interface RegoImport {
  readonly path: Term;
  readonly alias?: string;
}

export interface RegoModule {
  /** Staged path. */
  readonly file: string;
  /** Path of the package below `data`, e.g. `["policies", "demo"]`. */
  readonly package: readonly string[];
  readonly packageLocation: Location;
  readonly imports: readonly RegoImport[];
  readonly rules: readonly RegoRule[];
}

/** An error of OPA's, with its staged file. */
export interface OpaError {
  readonly message: string;
  readonly code?: string;
  readonly location?: { readonly file: string; readonly row: number; readonly col?: number };
}

/** Parses files (staged paths, relative to `cwd`). `opa parse` takes one file a run, so a few run side by side. */
export async function parseRego(opa: Opa, cwd: string, files: readonly string[]): Promise<{ modules: RegoModule[]; errors: OpaError[] }> {
  const modules: (RegoModule | undefined)[] = [];
  const errors: OpaError[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < files.length; at = next++) {
      const file = files[at] as string;
      const run = await runOpa(opa.path, ["parse", "--format", "json", "--json-include", "locations,-comments", file], cwd);
      if (run.code === 0) modules[at] = toModule(file, JSON.parse(run.stdout));
      else errors.push(...readOpaErrors(run.stdout, run.stderr, file));
    }
  };
  await Promise.all(Array.from({ length: Math.max(2, cpus().length) }, worker));
  return { modules: modules.filter((module) => module !== undefined), errors };
}

/** The errors of a run with `--format json`; when OPA printed none that can be read, its own words as one error. */
export function readOpaErrors(stdout: string, stderr: string, file?: string): OpaError[] {
  for (const text of [stderr, stdout]) {
    try {
      const report = JSON.parse(text) as { errors?: OpaError[] };
      if (Array.isArray(report.errors) && report.errors.length > 0) return report.errors;
    } catch {
      // Not every failure is JSON; the plain forms follow.
    }
  }
  const text = stderr.trim() === "" ? stdout.trim() : stderr.trim();
  const plain = text.split("\n").flatMap((line) => {
    const parts = /^(?:error: |\d+ errors? occurred: ?)?(\S+\.rego):(\d+): (?:(rego_\w+): )?(.*)$/.exec(line.trim());
    return parts === null
      ? []
      : [{ message: parts[4] ?? "", code: parts[3] ?? "", location: { file: parts[1] ?? "", row: Number(parts[2]) } }];
  });
  if (plain.length > 0) return plain;
  return [{ message: text.replace(/^error: /, ""), ...(file === undefined ? {} : { location: { file, row: 1 } }) }];
}

function toModule(file: string, json: unknown): RegoModule {
  const ast = json as { package: { path: Term[]; location?: Location }; imports?: RegoImport[]; rules?: RegoRule[] };
  return {
    file,
    package: ast.package.path.slice(1).map((term) => String(term.value)),
    packageLocation: ast.package.location ?? { row: 1, col: 1 },
    imports: ast.imports ?? [],
    rules: ast.rules ?? [],
  };
}

/** Name of the rule that a head belongs to: `head.name` is missing for some forms, the first part of its ref never is. */
export function ruleName(rule: RegoRule): string {
  const first = rule.head.ref?.[0]?.value;
  return typeof first === "string" ? first : "";
}

export function isTerm(value: unknown): value is Term {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string" && "value" in value;
}

/** Every term in a part of the tree, itself included, outermost first. */
export function* termsIn(part: unknown): Generator<Term> {
  if (typeof part !== "object" || part === null) return;
  if (isTerm(part)) yield part;
  for (const child of Array.isArray(part) ? part : Object.values(part)) yield* termsIn(child);
}

/** A reference as names, e.g. `input.mcp.method` → `["input", "mcp", "method"]`; undefined when any part is not a constant name. */
export function constantRef(term: Term): string[] | undefined {
  if (term.type === "var") return [String(term.value)];
  if (term.type !== "ref" || !Array.isArray(term.value)) return undefined;
  const parts = term.value as Term[];
  if (parts.some((part, at) => part.type !== (at === 0 ? "var" : "string"))) return undefined;
  return parts.map((part) => String(part.value));
}
