/**
 * From a bundle's bytes to a policy that judges, through the load gate. Must not activate what has not passed its probe, and must not know
 * how bundles are built: workers load this without all that.
 */
import { randomUUID } from "node:crypto";
import type { Config } from "../config/config.ts";
import { hasErrors, type Problem } from "../config/problem.ts";
import { fail, ok, type Result } from "../errors.ts";
import { readBundle } from "./build/bundle-file.ts";
import { decideAnew, type Decider, type DeciderParts, decideWithMemo } from "./decider.ts";
import { Engine } from "./engine.ts";
import { findFaults, readAbout } from "./load-gate.ts";
import type { MemoCounts } from "./memo.ts";
import { readModes } from "./modes.ts";
import type { Reads } from "./reads/reads.ts";
import { configuredSettings } from "./sources/configured-settings.ts";
import type { About } from "./sources/main-rego.ts";
import type { Place, TreePath } from "./sources/operator-data.ts";
import { isTree, type Tree } from "./tree.ts";
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

/** A checked policy on its way to another process. */
export interface PolicyBundle {
  /** Empty: not read yet. */
  readonly revision: string;
  readonly bytes: Uint8Array;
  /** Named by the configuration as a file, not built from it. */
  readonly prebuilt: boolean;
  readonly warnings: readonly Problem[];
}

export interface ActivateDeps {
  readonly nonce?: () => string;
  /** Where it is counted how often decisions came from memory. */
  readonly memoCounts?: MemoCounts;
}

/** A bundle to activate, and what is known of where it came from. */
export interface Obtained {
  readonly source: Buffer | string;
  /** As far as it is known before the bundle is read; empty: not. */
  readonly revision: string;
  /** Not built from the configuration: it may hold other settings. */
  readonly prebuilt: boolean;
  readonly warnings: readonly Problem[];
  readonly place: (path: TreePath) => Place;
}

/** A bundle as it came from another process. */
export function unpacked(config: Config, { bytes, prebuilt, warnings, revision }: PolicyBundle): Obtained {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { source, revision, prebuilt, warnings, place: () => ({ file: config.policy.path ?? "policy" }) };
}

/** The load gate: engine, canary, probe, empty data, smoke messages; only then is there a policy. */
export async function activate(config: Config, deps: ActivateDeps, obtained: Obtained): Promise<Result<Policy, Problem[]>> {
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
