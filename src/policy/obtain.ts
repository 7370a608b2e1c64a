/**
 * Gets the bundle that a configuration names: built from its sources, from the cache, or a file. Must not activate anything.
 */
import { statSync } from "node:fs";
import type { Config } from "../config/config.ts";
import type { Problem } from "../config/problem.ts";
import { fail, ok, type Result } from "../errors.ts";
import type { Obtained } from "./activate.ts";
import { buildPolicy } from "./build/build.ts";
import type { BuildDeps } from "./build/compile.ts";
import { cacheFolder } from "./build/cache.ts";
import type { Locate } from "./sources/settings.ts";
import { packageRoot } from "./sources/shipped.ts";

export interface ObtainDeps {
  readonly root?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Folder for built bundles; `null` = none. */
  readonly cache?: string | null;
  /** Finds a path of the configuration in its file. */
  readonly locate?: Locate;
}

export async function obtainBundle(config: Config, deps: ObtainDeps, fresh = false): Promise<Result<Obtained, Problem[]>> {
  const { path } = config.policy;
  if (path !== undefined && isBundleFile(path)) {
    const warning = {
      ...bundleProblem(config, "A prebuilt bundle is taken as it is: it is probed, but its Rego cannot be checked again."),
      severity: "warning" as const,
    };
    return ok({ source: path, revision: "", prebuilt: true, warnings: [warning], place: () => ({ file: path }) });
  }
  const built = await stagedSafely(config, () => buildPolicy(config, buildDeps(deps, deps.cache), fresh));
  if (!built.ok) return built;
  const { bundle, revision, warnings, data } = built.value;
  return ok({ source: bundle, revision, prebuilt: false, warnings, place: (at) => data.place(at) ?? { file: path ?? "policy" } });
}

/** No room or no right to write the stage is the machine's trouble, and said as a problem like any other. */
async function stagedSafely<T>(config: Config, build: () => Promise<Result<T, Problem[]>>): Promise<Result<T, Problem[]>> {
  try {
    return await build();
  } catch (fault) {
    if (!(fault instanceof Error) || typeof Reflect.get(fault, "syscall") !== "string") throw fault;
    return fail([bundleProblem(config, `The policy cannot be staged in the temporary folder (${String(Reflect.get(fault, "code"))}).`)]);
  }
}

/** `cache`: a folder, `null` for none, undefined for the default one. */
export function buildDeps(deps: ObtainDeps, cache: string | null | undefined): BuildDeps {
  const root = deps.root ?? packageRoot();
  const env = deps.env ?? process.env;
  const folder = cache === undefined ? cacheFolder(root, env) : (cache ?? undefined);
  return { root, env, locate: deps.locate ?? (() => undefined), cache: folder };
}

export function isBundleFile(path: string | undefined): boolean {
  return path !== undefined && statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

export function bundleProblem(config: Config, message: string): Problem {
  return { file: config.policy.path ?? "policy", severity: "error", check: "policy/bundle", message };
}
