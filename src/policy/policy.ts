/**
 * Loads a policy through every gate and judges with it. A loaded policy never changes: a reload makes another one, and whoever holds it
 * swaps them.
 * Must not activate what has not passed its probe.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { ioReason } from "../config/io-reason.ts";
import type { Problem } from "../config/problem.ts";
import { fail, ok, type Result } from "../errors.ts";
import { checkPath } from "../mcp/json/path.ts";
import { buildPolicy, hasErrors, stageSources, type BuildDeps } from "./build/build.ts";
import { cacheFolder } from "./build/cache.ts";
import { readBundle } from "./build/bundle-file.ts";
import { Engine } from "./engine.ts";
import { decideAnew, type Decider, type DeciderParts, decideWithMemo } from "./decider.ts";
import { findFaults, readAbout } from "./load-gate.ts";
import type { About } from "./sources/main-rego.ts";
import type { MemoCounts } from "./memo.ts";
import { readModes } from "./modes.ts";
import type { Place, TreePath } from "./sources/operator-data.ts";
import { packageRoot } from "./sources/shipped.ts";
import type { Locate } from "./sources/settings.ts";
import { configuredSettings } from "./sources/stage.ts";
import { isTree, type Tree } from "./tree.ts";
import type { Reads } from "./reads/reads.ts";
import { readWaivers } from "./waivers.ts";
import { compileWasm } from "./wasm.ts";

export interface Policy {
  readonly revision: string;
  /** Packages `policies.<name>` that judge. */
  readonly packages: readonly string[];
  readonly warnings: readonly Problem[];
  /** What its rules read of an input: all that an input needs to hold. */
  readonly reads: Reads;
  /** Judges one message, or remembers what it decided on the same. Never throws: a fault is an `error`. Answers what nobody may change. */
  readonly decide: Decider;
}

export interface PolicyDeps {
  readonly root?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Folder for built bundles; `null` = none. */
  readonly cache?: string | null;
  /** Finds a path of the configuration in its file. */
  readonly locate?: Locate;
  readonly nonce?: () => string;
  /** The policy itself, as `loadBundle` made it from this configuration: then nothing is read or built. */
  readonly bundle?: PolicyBundle;
  /** Where it is counted how often decisions came from memory. */
  readonly memoCounts?: MemoCounts;
}

/** A checked policy on its way to another process. */
export interface PolicyBundle {
  readonly revision: string;
  readonly bytes: Uint8Array;
  /** Named by the configuration as a file, not built from it. */
  readonly prebuilt: boolean;
  readonly warnings: readonly Problem[];
}

/** Loads the policy that a configuration names: stage, check, build (or read a bundle), probe, warm up. Fails with all problems. */
export async function loadPolicy(config: Config, deps: PolicyDeps = {}): Promise<Result<Policy, Problem[]>> {
  const bytes = await obtainBundle(config, deps);
  if (!bytes.ok) return bytes;
  return activate(config, deps, bytes.value);
}

/** The same, but answers the bundle, for other processes: they need not read or build anything. */
export async function loadBundle(config: Config, deps: PolicyDeps = {}): Promise<Result<PolicyBundle, Problem[]>> {
  const obtained = await obtainBundle(config, deps);
  if (!obtained.ok) return obtained;
  const { source, warnings } = obtained.value;
  const prebuilt = typeof source === "string";
  let bytes: Buffer;
  try {
    bytes = prebuilt ? readFileSync(source) : source;
  } catch (fault) {
    return fail([bundleProblem(config, `The bundle cannot be read: ${ioReason(fault)}.`)]);
  }
  const policy = await activate(config, deps, { ...obtained.value, source: bytes, prebuilt });
  return policy.ok ? ok({ revision: policy.value.revision, bytes, prebuilt, warnings }) : policy;
}

/** Everything that is wrong with a configuration's policy, warnings included; nothing cached is believed. */
export async function checkPolicy(config: Config, deps: PolicyDeps = {}): Promise<Problem[]> {
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
  if (isBundleFile(config.policy.path))
    return fail([bundleProblem(config, "policy.path already names a bundle: there is nothing to build.")]);
  const built = await obtainBundle(config, deps);
  if (!built.ok) return built;
  const policy = await activate(config, deps, built.value);
  return policy.ok ? ok({ bundle: built.value.source as Buffer, warnings: policy.value.warnings }) : policy;
}

/** Writes the staged trees of a configuration to `folder`, for tools that work on files. Answers what is wrong with the sources. */
export async function stagePolicy(config: Config, folder: string, deps: PolicyDeps = {}): Promise<Problem[]> {
  return stageSources(config, buildDeps(deps, undefined), folder);
}

/** A bundle to activate, and what is known of where it came from. */
interface Obtained {
  readonly source: Buffer | string;
  /** Not built from the configuration: it may hold other settings. */
  readonly prebuilt: boolean;
  readonly warnings: readonly Problem[];
  readonly place: (path: TreePath) => Place;
}

async function obtainBundle(config: Config, deps: PolicyDeps, fresh = false): Promise<Result<Obtained, Problem[]>> {
  const { path } = config.policy;
  if (deps.bundle !== undefined) {
    const { bytes, prebuilt, warnings } = deps.bundle;
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return ok({ source, prebuilt, warnings, place: () => ({ file: path ?? "policy" }) });
  }
  if (path !== undefined && isBundleFile(path)) {
    const warning = {
      ...bundleProblem(config, "A prebuilt bundle is taken as it is: it is probed, but its Rego cannot be checked again."),
      severity: "warning" as const,
    };
    return ok({ source: path, prebuilt: true, warnings: [warning], place: () => ({ file: path }) });
  }
  const built = await stagedSafely(config, () => buildPolicy(config, buildDeps(deps, deps.cache), fresh));
  if (!built.ok) return built;
  const { bundle, warnings, data } = built.value;
  return ok({ source: bundle, prebuilt: false, warnings, place: (at) => data.place(at) ?? { file: path ?? "policy" } });
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
function buildDeps(deps: PolicyDeps, cache: string | null | undefined): BuildDeps {
  const root = deps.root ?? packageRoot();
  const env = deps.env ?? process.env;
  const folder = cache === undefined ? cacheFolder(root, env) : (cache ?? undefined);
  return { root, env, checkPath, locate: deps.locate ?? (() => undefined), cache: folder };
}

/** The load gate: engine, canary, probe, empty data, smoke messages; only then is there a policy. */
async function activate(config: Config, deps: PolicyDeps, obtained: Obtained): Promise<Result<Policy, Problem[]>> {
  const refuse = (check: string, message: string): Result<never, Problem[]> =>
    fail([{ file: config.policy.path ?? config.file ?? "configuration", severity: "error", check, message }]);
  const bundle = await readBundle(obtained.source);
  if (!bundle.ok) return refuse("policy/bundle", bundle.failure);
  const planted = plantedData(bundle.value.data);
  if (planted !== undefined)
    return refuse("policy/reserved-data", `The bundle has data under \`${planted}\`, which could grant or hide rules.`);
  const module = compileWasm(bundle.value.wasm);
  if (module === undefined) return refuse("policy/bundle", "The bundle's WebAssembly cannot be compiled.");
  const nonce = deps.nonce ?? randomUUID;
  const options = { module, memory: config.limits.policy_memory, nonce };
  const engine = Engine.create({ ...options, data: bundle.value.data });
  if (!engine.ok) return refuse("policy/bundle", engine.failure);
  const about = readAbout(engine.value);
  if (about === undefined) return refuse("policy/bundle", "The bundle does not say what it holds: build it with `sluice build`.");
  const mismatch = obtained.prebuilt ? settingsMismatch(config, about) : undefined;
  if (mismatch !== undefined) return refuse("policy/bundle", mismatch);

  const { waivers, problems: wrongWaivers } = readWaivers(bundle.value.data["waivers"], obtained.place);
  const { modes, problems: wrongModes } = readModes(bundle.value.data["modes"], about.packages, obtained.place);
  const problems = [...wrongWaivers, ...wrongModes];
  if (hasErrors(problems)) return fail(problems);

  const { revision } = bundle.value;
  const parts: DeciderParts = { config, engine: engine.value, revision, about, modes, waivers };
  const fault = findFaults(decideAnew(parts), [...config.servers.keys()][0] ?? "probe", Engine.create({ ...options, data: {} }));
  if (fault !== undefined) return refuse("policy/probe", fault);
  return ok({
    revision,
    packages: about.packages,
    warnings: [...obtained.warnings, ...problems],
    reads: bundle.value.reads,
    decide: decideWithMemo(parts, deps.memoCounts ?? { hit: 0, miss: 0, skipped: 0 }),
  });
}

/** Data beside the rules can grant, or be hidden by them, without a word; a bundle that Sluice built has none. */
function plantedData(data: Tree): string | undefined {
  if (Object.hasOwn(data, "policies")) return "policies";
  if (Object.hasOwn(data, "lib")) return "lib";
  const other = Object.keys(isTree(data["firewall"]) ? data["firewall"] : {}).find((key) => key !== "revision");
  return other === undefined ? undefined : `firewall.${other}`;
}

/** A bundle holds the settings that it was built with; serving it with others would quietly ignore those. */
function settingsMismatch(config: Config, about: About): string | undefined {
  const wanted = configuredSettings(config);
  if (wanted.settings !== about.settings)
    return "The bundle was built with other policy.packs or policy.settings than the configuration's: build it again.";
  const other = Object.keys(wanted.servers).find((name) => about.servers[name] !== wanted.servers[name]);
  return other === undefined
    ? undefined
    : `The bundle was built without the server \`${other}\`, or with other settings for it: build it again.`;
}

function isBundleFile(path: string | undefined): boolean {
  return path !== undefined && statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function bundleProblem(config: Config, message: string): Problem {
  return { file: config.policy.path ?? "policy", severity: "error", check: "policy/bundle", message };
}
