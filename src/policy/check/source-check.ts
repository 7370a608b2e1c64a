/**
 * Runs every check of the staged Rego that needs no build: packages and roots, the contract's forms, OPA's own strict and schema check.
 * Reports in the operator's own files. Must not show a staged path.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Problem } from "../../config/problem.ts";
import { checkConstants, type InputSchema } from "./constant-check.ts";
import type { EffectRule } from "../sources/main-rego.ts";
import { runOpa, type Opa } from "../build/opa.ts";
import { writeStage } from "../sources/stage.ts";
import { parseRego, readOpaErrors, type OpaError, type RegoModule } from "./rego-ast.ts";
import { checkLiterals, type LiteralPattern } from "./literal-check.ts";
import { checkNever } from "./never-check.ts";
import { checkSilence } from "./silence-check.ts";
import { checkHelperPackage, checkRules, type CheckPath, type Slip } from "./rule-check.ts";
import type { Sources } from "../sources/stage.ts";

export interface CheckedSources {
  readonly modules: readonly RegoModule[];
  readonly rules: readonly EffectRule[];
  readonly titles: Readonly<Record<string, string>>;
  /** Packages `policies.<name>` of both trees, without tests. */
  readonly packages: readonly string[];
  readonly operatorRoots: readonly string[];
  readonly problems: readonly Problem[];
}

export interface CheckTools {
  readonly opa: Opa;
  /** Folder that the sources were written to. */
  readonly stage: string;
  readonly schemaFile: string;
  readonly schema: InputSchema;
  readonly capabilitiesFile: string;
  readonly checkPath: CheckPath;
}

/** Parses and checks all Rego of the stage. */
export async function checkSources(sources: Sources, tools: CheckTools): Promise<CheckedSources> {
  const files = [...sources.rego.keys()];
  const { modules, errors } = await parseRego(tools.opa, tools.stage, files);
  const slips: Slip[] = [];
  const judging: RegoModule[] = [];
  const patterns: LiteralPattern[] = [];
  const rules = new Map<string, EffectRule>();
  const titles = new Map<string, string>();
  for (const module of modules) {
    const packageSlips = checkPackage(module, sources.packs);
    slips.push(...packageSlips);
    const [root, policy] = module.package;
    if (packageSlips.length > 0 || policy === undefined || isTestFile(module.file)) continue;
    judging.push(module);
    slips.push(...checkConstants(module, tools.schema), ...checkNever(module));
    const literals = checkLiterals(module, sources.data.tree);
    slips.push(...literals.slips);
    patterns.push(...literals.patterns);
    if (root === "lib") slips.push(...checkHelperPackage(module));
    if (root !== "policies") continue;
    const checked = checkRules(module, policy, tools.checkPath);
    slips.push(...checked.slips);
    for (const effect of checked.effects) rules.set(`${policy}/${effect}`, { policy, effect });
    for (const [id, title] of checked.titles) titles.set(id, title);
  }
  slips.push(...checkSilence(judging, tools.schema), ...(await checkPatterns(patterns, tools)));
  const place = placer(sources);
  // Of a file that cannot be read only the first error means anything.
  const unreadable = [...Map.groupBy(errors, (error) => error.location?.file).values()].flatMap((group) => group.slice(0, 1));
  const problems = [...unreadable.map((error) => place.opa(error)), ...slips.map((slip) => place.slip(slip))];
  // OPA stops at syntax errors, and its messages about a wrong package are poor: it is asked once ours are out of the way.
  if (errors.length === 0 && !slips.some((slip) => slip.check === "policy/package"))
    problems.push(...(await opaCheck(sources, tools, place)));
  const own = modules.filter((module) => module.file.startsWith("B/"));
  return {
    modules,
    rules: [...rules.values()].toSorted((a, b) => (`${a.policy}/${a.effect}` < `${b.policy}/${b.effect}` ? -1 : 1)),
    titles: Object.fromEntries([...titles].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    packages: [
      ...new Set(
        modules.flatMap((module) => (module.package[0] === "policies" && !isTestFile(module.file) ? [module.package[1] ?? ""] : [])),
      ),
    ].toSorted(),
    operatorRoots: [...new Set(own.map((module) => module.package.join("/")))].toSorted(),
    problems,
  };
}

export function isTestFile(path: string): boolean {
  return path.endsWith("_test.rego");
}

/** Only the operator's packages `policies.<name>` and `lib.<name>` are theirs; shipped names are taken. */
function checkPackage(module: RegoModule, packs: readonly string[]): Slip[] {
  if (!module.file.startsWith("B/")) return [];
  const name = module.package.join(".");
  const [root, own, ...more] = module.package;
  const report = (message: string, hint: string): Slip[] => [
    { file: module.file, location: module.packageLocation, check: "policy/package", message, hint },
  ];
  if (root === "firewall" || (root === "policies" && own === "firewall"))
    return report(`\`package ${name}\` belongs to Sluice.`, "Put your rules into a package `policies.<name>`.");
  if ((root !== "policies" && root !== "lib") || own === undefined)
    return report(`\`package ${name}\` is not read.`, "Put rules into a package `policies.<name>` and shared helpers into `lib.<name>`.");
  if (more.length > 0)
    return report(`\`package ${name}\` is a sub-package, and those are not read.`, `Name it \`${root}.${[own, ...more].join("_")}\`.`);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(own))
    return report(`The name \`${own}\` cannot be used in rule ids.`, "Use letters, digits and `_`.");
  if (root === "policies" && packs.some((pack) => own === pack || own === `${pack}_test`)) {
    return report(
      `\`package ${name}\` is the shipped pack's own: nothing can be added to it.`,
      `Use another name, or leave \`${own}\` out of policy.packs.`,
    );
  }
  if (isTestFile(module.file) && !own.endsWith("_test"))
    return report(
      "A file named `*_test.rego` is left out of the policy, but its package does not end in `_test`.",
      `Name the package \`${name}_test\`, or rename the file.`,
    );
  if (!isTestFile(module.file) && own.endsWith("_test"))
    return report(`\`package ${name}\` is a test package, but would become part of the policy.`, "Rename the file to end in `_test.rego`.");
  return [];
}

async function opaCheck(sources: Sources, tools: CheckTools, place: Placer): Promise<Problem[]> {
  const trees = ["A", "B"].filter((tree) => [...sources.rego.keys()].some((path) => path.startsWith(`${tree}/`)));
  const flags = [
    "--strict",
    "--format",
    "json",
    "--max-errors",
    "100",
    "--schema",
    tools.schemaFile,
    "--capabilities",
    tools.capabilitiesFile,
  ];
  const run = await runOpa(tools.opa.path, ["check", ...flags, ...trees], tools.stage);
  return run.code === 0 ? [] : readOpaErrors(run.stdout, run.stderr).map((error) => place.opa(error));
}

/** A pattern that cannot be compiled is no error in OPA: what calls it is silently undefined. */
async function checkPatterns(patterns: readonly LiteralPattern[], tools: CheckTools): Promise<Slip[]> {
  if (patterns.length === 0) return [];
  writeStage(tools.stage, [["patterns.json", JSON.stringify(patterns.map(({ pattern }) => pattern))]]);
  const query = "[at | some at, pattern in input; not regex.is_valid(pattern)]";
  const run = await runOpa(tools.opa.path, ["eval", "--format", "raw", "--input", "patterns.json", query], tools.stage);
  // The stage is what OPA builds and tests: nothing may stay in it.
  rmSync(join(tools.stage, "patterns.json"), { force: true });
  const wrong = run.code === 0 ? (JSON.parse(run.stdout) as number[]) : patterns.map((_, at) => at);
  return wrong.flatMap((at) => {
    const found = patterns[at];
    if (found === undefined) return [];
    const message = "This regular expression cannot be compiled: what uses it is silently undefined.";
    const hint = "Patterns are RE2's: no look-around and no back-references. Write them between backquotes.";
    return [{ file: found.file, location: found.location, check: "policy/pattern", message, hint }];
  });
}

export interface Placer {
  opa(error: OpaError): Problem;
  slip(slip: Slip): Problem;
}

/** Turns staged places into the operator's own. */
export function placer(sources: Sources): Placer {
  const originOf = (staged: string): string | undefined => sources.rego.get(staged.replace(/^\.?\//, ""))?.origin;
  return {
    opa(error) {
      const { row, col } = error.location ?? {};
      const file = originOf(error.location?.file ?? "") ?? "policy";
      const { check, message, hint } = explain(error, originOf);
      return {
        file,
        ...(row === undefined ? {} : { line: row }),
        ...(col === undefined ? {} : { column: col }),
        severity: "error",
        check,
        message,
        ...(hint === undefined ? {} : { hint }),
      };
    },
    slip({ file, location, check, message, hint, severity }) {
      const at = location === undefined ? {} : { line: location.row, column: location.col };
      return {
        file: originOf(file) ?? file,
        ...at,
        severity: severity ?? "error",
        check,
        message,
        ...(hint === undefined ? {} : { hint }),
      };
    },
  };
}

const INSTEAD: readonly (readonly [RegExp, string])[] = [
  [/^sprintf$/, 'Use a template string: $"…{x}…".'],
  [/^regex\.split$/, "Use `split`, or search in a detector: it would run as a backtracking pattern outside the policy."],
  [/^time\./, "Read `input.now` (unix_ms, rfc3339, weekday, hour): it is frozen for each message."],
  [/^http\.send$/, "A policy cannot make requests: put what it needs into data."],
  [/^(io\.jwt|crypto|rand|uuid)\./, "A policy gets verified facts as `input.principal`: it cannot compute this itself."],
  [/^opa\.runtime$/, "A policy cannot read its environment: put what it needs into data."],
];

function explain(error: OpaError, originOf: (staged: string) => string | undefined): { check: string; message: string; hint?: string } {
  const builtin = /undefined function ([a-z_]+(?:\.[a-z_0-9]+)*)/.exec(error.message)?.[1];
  if (builtin !== undefined && !builtin.startsWith("data.")) {
    const hint = INSTEAD.find(([pattern]) => pattern.test(builtin))?.[1];
    return {
      check: "policy/builtin",
      message: `The built-in \`${builtin}\` is not available: WebAssembly lacks it, or Sluice does not allow it.`,
      ...(hint === undefined ? {} : { hint }),
    };
  }
  const undefinedRef = /^undefined ref: (\S+)/.exec(error.message)?.[1];
  if (undefinedRef !== undefined) {
    const rest = error.message
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line.startsWith("want"))
      .join(" ");
    return {
      check: "policy/schema",
      message: `\`${undefinedRef}\` does not exist in the policy input.`,
      hint: rest === "" ? "See policies/schema/input.json." : `${rest.replaceAll(/[\n\t]+/g, " ")}.`,
    };
  }
  const check = error.code === "rego_parse_error" ? "policy/syntax" : error.code === "rego_type_error" ? "policy/type" : "policy/rego";
  // OPA names other places inside its messages as well.
  const message = error.message.replaceAll(/\b[AB]\/\S+?\.rego/g, (staged) => originOf(staged) ?? staged);
  return { check, message: message.trim().split("\n")[0] ?? "" };
}
