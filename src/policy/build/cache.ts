/**
 * Keeps built bundles by the digest of everything that went into them, in a folder that only its owner can enter.
 * Must not answer an entry whose bytes are not those that were written.
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { isPrivate, stateFolder } from "../../compiled-code.js";
import type { Problem } from "../../config/problem.ts";

export interface Cached {
  readonly bundle: Buffer;
  readonly warnings: readonly Problem[];
}

/** Every change of a policy leaves an entry. Enough for a few configurations and the way back to yesterday's rules. */
export const MAX_ENTRIES = 20;
/** What a writer that was stopped left behind; one that is at work takes milliseconds. */
const ABANDONED_MS = 60 * 60 * 1000;

/** Digest of parts, each delimited by its length. */
export function cacheKey(parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}\0${part}`);
  return hash.digest("hex");
}

/** Where built bundles are kept. */
export function cacheFolder(root: string, env: NodeJS.ProcessEnv): string {
  return join(stateFolder(root, env), "cache");
}

export function readCached(folder: string, key: string): Cached | undefined {
  const entry = join(folder, key);
  try {
    // Others' write access would let them plant a policy.
    if (!existsSync(entry) || !isPrivate(folder)) return undefined;
    const bundle = readFileSync(join(entry, "bundle.tar.gz"));
    const note = JSON.parse(readFileSync(join(entry, "note.json"), "utf8")) as { sha256?: unknown; warnings?: unknown };
    if (note.sha256 !== digest(bundle) || !Array.isArray(note.warnings)) return undefined;
    markUsed(entry);
    return { bundle, warnings: note.warnings as Problem[] };
  } catch {
    // An entry that cannot be read is built again.
    return undefined;
  }
}

/** Writes an entry as a whole or not at all. A cache that cannot be written only costs time. */
export function writeCached(folder: string, key: string, { bundle, warnings }: Cached): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isPrivate(folder)) return;
    const fresh = mkdtempSync(join(folder, "new-"));
    writeFileSync(join(fresh, "bundle.tar.gz"), bundle, { mode: 0o600 });
    writeFileSync(join(fresh, "note.json"), JSON.stringify({ sha256: digest(bundle), warnings }), { mode: 0o600 });
    rmSync(join(folder, key), { recursive: true, force: true });
    renameSync(fresh, join(folder, key));
    prune(folder, key);
  } catch {
    // Another process wrote the same entry first, or the disk is full: the bundle in hand is as good.
  }
}

/**
 * Removes the entries that were not used for longest, but never `keep`. A policy that is being served is in memory and misses nothing;
 * one that another process is just reading is built again.
 */
function prune(folder: string, keep: string): void {
  const entries = readdirSync(folder).flatMap((name) => {
    const used = lstatSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs;
    return used === undefined ? [] : [{ name, used }];
  });
  const kept = entries.filter(({ name }) => /^[0-9a-f]{64}$/.test(name) && name !== keep).toSorted((a, b) => b.used - a.used);
  const abandoned = entries.filter(({ name, used }) => name.startsWith("new-") && used < Date.now() - ABANDONED_MS);
  for (const { name } of [...kept.slice(MAX_ENTRIES - 1), ...abandoned]) rmSync(join(folder, name), { recursive: true, force: true });
}

function markUsed(entry: string): void {
  try {
    const now = new Date();
    utimesSync(entry, now, now);
  } catch {
    // In a read-only cache nothing is removed either.
  }
}

function digest(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
