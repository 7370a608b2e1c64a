/**
 * Loads a policy through every gate and judges with it. A loaded policy never changes: a reload makes another one, and whoever holds it
 * swaps them.
 * Must not activate what has not passed its probe.
 */
import { randomUUID } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { Config, Mode } from "../config/config.ts";
import { ioReason } from "../config/io-reason.ts";
import type { Problem } from "../config/problem.ts";
import { fail, ok, type Result } from "../errors.ts";
import { checkPath } from "../mcp/json/path.ts";
import { buildPolicy, hasErrors, stageSources, type BuildDeps } from "./build/build.ts";
import { cacheFolder } from "./build/cache.ts";
import { readBundle, type Bundle } from "./build/bundle-file.ts";
import { decide, errorDecision, type DecideFacts } from "./decide.ts";
import type { Decision } from "./decision.ts";
import { describe, Engine } from "./engine.ts";
import type { Phase } from "./input.ts";
import { findFaults, readAbout } from "./load-gate.ts";
import type { About } from "./sources/main-rego.ts";
import { readModes } from "./modes.ts";
import type { Place, TreePath } from "./sources/operator-data.ts";
import { packageRoot } from "./sources/shipped.ts";
import type { Locate } from "./sources/settings.ts";
import { configuredSettings } from "./sources/stage.ts";
import { isTree, type Tree } from "./tree.ts";
import { readWaivers, type Waiver } from "./waivers.ts";
import { compileWasm } from "./wasm.ts";

/** What the caller knows of the message that it wants judged. */
export interface DecideContext {
  readonly serverName: string;
  readonly phase: Phase;
  /** Unix milliseconds at which the message was complete; waivers end by it. */
  readonly now: number;
  /** Name or URI of the target, when there is one. */
  readonly target?: string | undefined;
  /** Id of the principal. */
  readonly principal: string;
}

export interface Policy {
  readonly revision: string;
  /** Packages `policies.<name>` that judge. */
  readonly packages: readonly string[];
  readonly warnings: readonly Problem[];
  /** Judges one message. `makeInput` completes the policy input with the engine's nonce. Never throws: a fault is an `error`. */
  decide(makeInput: (nonce: string) => ArrayBuffer, context: DecideContext): Decision;
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

  const loaded: Loaded = { config, engine: engine.value, bundle: bundle.value, about, modes, waivers };
  const judge = (makeInput: (nonce: string) => ArrayBuffer, context: DecideContext): Decision => judgeWith(loaded, makeInput, context);
  const fault = findFaults(judge, [...config.servers.keys()][0] ?? "probe", Engine.create({ ...options, data: {} }));
  if (fault !== undefined) return refuse("policy/probe", fault);
  return ok({ revision: bundle.value.revision, packages: about.packages, warnings: [...obtained.warnings, ...problems], decide: judge });
}

interface Loaded {
  readonly config: Config;
  readonly engine: Engine;
  readonly bundle: Bundle;
  readonly about: About;
  readonly modes: ReadonlyMap<string, Mode>;
  readonly waivers: readonly Waiver[];
}

function judgeWith(
  { config, engine, bundle, about, modes, waivers }: Loaded,
  makeInput: (nonce: string) => ArrayBuffer,
  context: DecideContext,
): Decision {
  const { revision } = bundle;
  const server = config.servers.get(context.serverName);
  if (server === undefined && context.phase !== "probe")
    return errorDecision("ERR_POLICY_FAULT", "the server is not known to the policy", revision);
  try {
    const { nonce, answer } = engine.evaluate(makeInput);
    const packsOff = server?.packs === undefined ? [] : about.packs.filter((pack) => !server.packs?.includes(pack));
    const facts: DecideFacts = {
      serverName: context.serverName,
      phase: context.phase,
      revision,
      nonce,
      packsOff: new Set(packsOff),
      observe: (server?.mode ?? config.policy.mode) === "observe",
      modes,
      waivers,
      titles: about.titles,
      now: context.now,
      target: context.target,
      principal: context.principal,
      checkPath,
    };
    return decide(answer, facts);
  } catch (error) {
    return errorDecision("ERR_POLICY_FAULT", describe(error), revision);
  }
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
