/**
 * Loads a policy through every gate and judges with it. A loaded policy never changes: a reload makes another one, and whoever holds it
 * swaps them.
 * Must not activate what has not passed its probe, and must not load what builds bundles for whom one was handed over.
 */
import type { Config } from "../config/config.ts";
import type { Problem } from "../config/problem.ts";
import { fail, ok, type Result } from "../errors.ts";
import { activate, type ActivateDeps, type Policy, type PolicyBundle, unpacked } from "./activate.ts";
import type { ObtainDeps } from "./obtain.ts";

export type { Policy } from "./activate.ts";

export interface PolicyDeps extends ObtainDeps, ActivateDeps {
  /** The policy itself, as `loadBundle` made it from this configuration: then nothing is read or built. */
  readonly bundle?: PolicyBundle;
}

const obtaining = () => import("./obtain.ts");

/** Loads the policy that a configuration names: stage, check, build (or read a bundle), probe, warm up. Fails with all problems. */
export async function loadPolicy(config: Config, deps: PolicyDeps = {}): Promise<Result<Policy, Problem[]>> {
  if (deps.bundle !== undefined) return activate(config, deps, unpacked(config, deps.bundle));
  const { obtainBundle } = await obtaining();
  const bytes = await obtainBundle(config, deps);
  return bytes.ok ? activate(config, deps, bytes.value) : bytes;
}

/** Everything that is wrong with a configuration's policy, warnings included; nothing cached is believed. */
export async function checkPolicy(config: Config, deps: PolicyDeps = {}): Promise<Problem[]> {
  const { obtainBundle } = await obtaining();
  const bytes = await obtainBundle(config, { ...deps, cache: null }, true);
  if (!bytes.ok) return bytes.failure;
  const policy = await activate(config, deps, bytes.value);
  return policy.ok ? [...policy.value.warnings] : [...bytes.value.warnings, ...policy.failure];
}

/** Builds the bundle of a configuration for `sluice build`. */
export async function buildBundle(
  config: Config,
  deps: PolicyDeps = {},
): Promise<Result<{ bundle: Buffer; warnings: readonly Problem[] }, Problem[]>> {
  const { bundleProblem, isBundleFile, obtainBundle } = await obtaining();
  if (isBundleFile(config.policy.path))
    return fail([bundleProblem(config, "policy.path already names a bundle: there is nothing to build.")]);
  const built = await obtainBundle(config, deps);
  if (!built.ok) return built;
  const policy = await activate(config, deps, built.value);
  return policy.ok ? ok({ bundle: built.value.source as Buffer, warnings: policy.value.warnings }) : policy;
}

/** Writes the staged trees of a configuration to `folder`, for tools that work on files. Answers what is wrong with the sources. */
export async function stagePolicy(config: Config, folder: string, deps: PolicyDeps = {}): Promise<Problem[]> {
  const [{ buildDeps }, { stageSources }] = await Promise.all([obtaining(), import("./build/compile.ts")]);
  return stageSources(config, buildDeps(deps, undefined), folder);
}
