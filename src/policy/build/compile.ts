/**
 * From sources to a checked bundle: checks, OPA build, plan analysis. Must not activate anything, and must not know what is kept.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import { hasErrors, type Problem } from "../../config/problem.ts";
import { fail, ok, type Result } from "../../errors.ts";
import { checkPath } from "../../mcp/json/path.ts";
import { writeReads } from "./bundle-file.ts";
import { checkPlan } from "../check/plan-check.ts";
import { ABOUT, DECISION } from "../engine.ts";
import { configuredSettings } from "../sources/configured-settings.ts";
import { aboutRego, mainRego, type About } from "../sources/main-rego.ts";
import { findOpa, runOpa, type Opa } from "./opa.ts";
import { readModes } from "../modes.ts";
import type { Place, TreePath } from "../sources/operator-data.ts";
import { readWaivers } from "../waivers.ts";
import type { Locate } from "../sources/settings.ts";
import { checkSources, placer, type CheckedSources, type CheckTools } from "../check/source-check.ts";
import { readOpaErrors } from "../check/rego-ast.ts";
import { gatherSources, hasOperatorTree, stageData, writeStage, type Sources } from "../sources/stage.ts";

export interface BuildDeps {
  /** Folder of the package: holds `policies/` and perhaps `.tools/`. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** Finds a path of the configuration in its file. */
  readonly locate: Locate;
  /** Where built bundles are kept; undefined = nothing is. */
  readonly cache?: string | undefined;
}

export interface Built {
  readonly revision: string;
  readonly bundle: Buffer;
  readonly warnings: readonly Problem[];
  readonly data: Sources["data"];
}

/** Checks, and compiles in the folder `stage`. */
export async function compile(
  stage: string,
  config: Config,
  sources: Sources,
  opa: Opa,
  deps: BuildDeps,
): Promise<Result<Built, Problem[]>> {
  const checked = await checkIn(stage, sources, opa, deps);
  if (hasErrors(checked.problems)) return fail([...checked.problems]);
  writeStage(stage, generated(config, sources, checked));
  const capabilities = join(deps.root, "policies", "capabilities.json");
  const trees = hasOperatorTree(sources) ? ["-b", "A", "-b", "B"] : ["-b", "A"];
  const common = [...trees, "-O", "0", "--ignore", "*_test.rego", "--capabilities", capabilities];
  const runs = await Promise.all([
    runOpa(
      opa.path,
      ["build", ...common, "-t", "wasm", "-e", DECISION, "-e", ABOUT, "--revision", sources.revision, "-o", "bundle.tar.gz"],
      stage,
    ),
    runOpa(opa.path, ["build", ...common, "-t", "plan", "-e", DECISION, "-o", "plan.tar.gz"], stage),
  ]);
  const failed = runs.find((run) => run.code !== 0);
  if (failed !== undefined)
    return fail([...checked.problems, ...readOpaErrors(failed.stdout, failed.stderr).map((error) => placer(sources).opa(error))]);
  const plan = await checkPlan(join(stage, "plan.tar.gz"), sources, checked);
  const problems = [...checked.problems, ...plan.problems];
  if (hasErrors(problems)) return fail(problems);
  const bundle = await writeReads(readFileSync(join(stage, "bundle.tar.gz")), plan.reads);
  return ok({ bundle, revision: sources.revision, warnings: problems, data: sources.data });
}

async function checkIn(stage: string, sources: Sources, opa: Opa, deps: BuildDeps): Promise<CheckedSources> {
  writeStage(
    stage,
    [...sources.rego].map(([path, file]): [string, Buffer] => [path, file.bytes]),
  );
  const schemaFile = join(deps.root, "policies", "schema", "input.json");
  const tools: CheckTools = {
    opa,
    stage,
    schemaFile,
    schema: JSON.parse(readFileSync(schemaFile, "utf8")) as CheckTools["schema"],
    capabilitiesFile: join(deps.root, "policies", "capabilities.json"),
    checkPath,
  };
  const checked = await checkSources(sources, tools);
  const place = (path: TreePath): Place => sources.data.place(path) ?? { file: "policy" };
  const { problems: wrongWaivers } = readWaivers(sources.data.tree["waivers"], place);
  const { problems: wrongModes } = readModes(sources.data.tree["modes"], checked.packages, place);
  return { ...checked, problems: [...sources.problems, ...wrongWaivers, ...wrongModes, ...checked.problems] };
}

function generated(config: Config, sources: Sources, checked: CheckedSources): [string, string][] {
  const about: About = {
    contract: "v1",
    packs: sources.packs,
    packages: checked.packages,
    titles: checked.titles,
    ...configuredSettings(config),
  };
  return [
    ["A/firewall/main.rego", mainRego(checked.rules)],
    ["A/firewall/about.rego", aboutRego(about)],
    ...stageData(sources, checked.operatorRoots),
  ];
}

/** Writes both staged trees to `folder`, for tools that work on files (`opa test A B`). Answers what is wrong with the sources. */
export async function stageSources(config: Config, deps: BuildDeps, folder: string): Promise<Problem[]> {
  const sources = gatherSources(config, deps.root, deps.locate);
  const opa = await findOpa(deps.root, deps.env);
  if (!opa.ok)
    return [...sources.problems, { file: config.file ?? "configuration", severity: "error", check: "policy/opa", message: opa.failure }];
  mkdirSync(folder, { recursive: true });
  const checked = await checkIn(folder, sources, opa.value, deps);
  writeStage(folder, generated(config, sources, checked));
  return [...checked.problems];
}
