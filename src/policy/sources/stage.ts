/**
 * Gathers everything that one policy is made of (shipped packs, the operator's Rego and data, settings) and lays it out as two trees,
 * A (shipped) and B (the operator's), that OPA builds as two bundles with separate roots.
 * Must not build or evaluate, and must take nothing from the operator's folder but Rego and data.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { Config } from "../../config/config.ts";
import type { Problem } from "../../config/problem.ts";
import { configuredSettings } from "./configured-settings.ts";
import { readOperatorData, type OperatorData } from "./operator-data.ts";
import { readOperatorFolder } from "./operator-folder.ts";
import { mergeSettings, type Locate } from "./settings.ts";
import { packNames, readFirewall, readPack } from "./shipped.ts";
import { canonicalJson, type Tree } from "../tree.ts";

export interface StagedFile {
  readonly bytes: Buffer;
  /** Path of the file it is a copy of, as its owner knows it. */
  readonly origin: string;
}

export interface Sources {
  /** Rego files by staged path (`A/…` shipped, `B/…` the operator's). */
  readonly rego: ReadonlyMap<string, StagedFile>;
  readonly packs: readonly string[];
  /** `data.json` of both trees, without the revision. */
  readonly shippedData: Tree;
  readonly data: OperatorData;
  /** Digest of all of it: the revision, stamped into the data so that missing data is noticed. */
  readonly revision: string;
  readonly problems: readonly Problem[];
}

/** Reads everything and reports everything that is wrong with it. Writes nothing. */
export function gatherSources(config: Config, root: string, locate: Locate): Sources {
  const problems: Problem[] = [];
  const all = packNames(root);
  const wanted = config.policy.packs ?? all;
  const configFile = config.file ?? "configuration";
  for (const [at, name] of wanted.entries()) {
    if (all.includes(name)) continue;
    problems.push(unknownPack(configFile, locate(["policy", "packs", at]), name, all));
  }
  for (const server of config.servers.values()) {
    for (const [at, name] of (server.packs ?? []).entries()) {
      if (!wanted.includes(name))
        problems.push(
          unknownPack(
            configFile,
            locate(["servers", server.name, "packs", at]),
            name,
            all.filter((pack) => wanted.includes(pack)),
          ),
        );
    }
  }
  const packs = all.filter((name) => wanted.includes(name)).map((name) => readPack(root, name));

  const rego = new Map<string, StagedFile>();
  for (const [name, bytes] of readFirewall(root))
    rego.set(`A/firewall/${name}`, { bytes, origin: join(root, "policies", "firewall", name) });
  for (const pack of packs) {
    for (const [name, bytes] of pack.rego)
      rego.set(`A/packs/${pack.name}/${name}`, { bytes, origin: join(root, "policies", "packs", pack.name, name) });
  }
  const folder = config.policy.path === undefined ? { rego: [], data: [], problems: [] } : readOperatorFolder(config.policy.path);
  for (const file of folder.rego) rego.set(`B/${file.name}`, { bytes: file.bytes, origin: file.origin });
  const data = readOperatorData(folder.data);
  const merged = mergeSettings(config, packs, all, data, locate);
  problems.push(...folder.problems, ...data.problems, ...merged.problems);

  const shippedData: Tree = { settings: merged.settings, server_settings: merged.server_settings };
  const hash = createHash("sha256");
  for (const [path, file] of [...rego].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${path}\0${file.bytes.length}\0`).update(file.bytes);
  hash.update(canonicalJson([shippedData, data.tree, packs.map((pack) => pack.name), configuredSettings(config)]));
  return { rego, packs: packs.map((pack) => pack.name), shippedData, data, revision: hash.digest("hex").slice(0, 32), problems };
}

/** Writes files (by staged path) below `stage`. */
export function writeStage(stage: string, files: Iterable<readonly [string, Buffer | string]>): void {
  for (const [path, bytes] of files) {
    const target = join(stage, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytes);
  }
}

/** The files besides Rego: both trees' data and roots. */
export function stageData(sources: Sources, operatorRoots: readonly string[]): [string, string][] {
  const shippedRoots = [
    "firewall",
    "settings",
    "server_settings",
    ...sources.packs.flatMap((pack) => [`policies/${pack}`, `policies/${pack}_test`]),
  ];
  const shipped = { ...sources.shippedData, firewall: { revision: sources.revision } };
  const roots = [...new Set([...operatorRoots, ...Object.keys(sources.data.tree)])];
  const files: [string, string][] = [
    ["A/data.json", JSON.stringify(shipped)],
    ["A/.manifest", JSON.stringify({ roots: shippedRoots })],
  ];
  if (hasOperatorTree(sources)) files.push(["B/data.json", JSON.stringify(sources.data.tree)], ["B/.manifest", JSON.stringify({ roots })]);
  return files;
}

export function hasOperatorTree(sources: Sources): boolean {
  return [...sources.rego.keys()].some((path) => path.startsWith("B/"));
}

/** Digest of the code that stages and checks: with other code, nothing that was cached is believed. */
export function codeDigest(folder: string): string {
  const hash = createHash("sha256");
  const entries = existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [];
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.toSorted()) hash.update(relative(folder, file)).update(readFileSync(file));
  return hash.digest("hex");
}

function unknownPack(file: string, place: { line: number; column: number } | undefined, name: string, known: readonly string[]): Problem {
  const hint = known.length === 0 ? "No packs are available." : `The packs are ${known.join(", ")}.`;
  return { file, ...place, severity: "error", check: "policy/unknown-pack", message: `There is no pack \`${name}\` to switch on.`, hint };
}
