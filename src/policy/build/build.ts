/**
 * The bundle of a configuration, from the cache by content or compiled now. Must not activate anything, and must cache only what passed
 * every check.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../../config/config.ts";
import type { Problem } from "../../config/problem.ts";
import { fail, ok, type Result } from "../../errors.ts";
import { cacheKey, readCached, writeCached } from "./cache.ts";
import type { BuildDeps, Built } from "./compile.ts";
import { findOpa } from "./opa.ts";
import { codeDigest, gatherSources } from "../sources/stage.ts";

/** Builds the policy that a configuration names. With `fresh`, nothing cached is used and everything is checked again. */
export async function buildPolicy(config: Config, deps: BuildDeps, fresh = false): Promise<Result<Built, Problem[]>> {
  const sources = gatherSources(config, deps.root, deps.locate);
  const opa = await findOpa(deps.root, deps.env);
  if (!opa.ok)
    return fail([
      ...sources.problems,
      { file: config.file ?? "configuration", severity: "error", check: "policy/opa", message: opa.failure },
    ]);
  const { cache } = deps;
  const clean = sources.problems.length === 0;
  const key = cacheKey([
    opa.value.version,
    sources.revision,
    codeDigest(dirname(dirname(fileURLToPath(import.meta.url)))),
    shippedDigest(deps.root),
    config.policy.path ?? "",
  ]);
  if (!fresh && clean && cache !== undefined) {
    const cached = readCached(cache, key);
    if (cached !== undefined) return ok({ ...cached, revision: sources.revision, data: sources.data });
  }
  const stage = mkdtempSync(join(tmpdir(), "sluice-stage-"));
  try {
    // Not needed when nothing is to be compiled.
    const { compile } = await import("./compile.ts");
    const built = await compile(stage, config, sources, opa.value, deps);
    if (built.ok && clean && cache !== undefined) writeCached(cache, key, built.value);
    return built;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

/** Schema and capabilities decide what passes, so they are part of what was built. */
function shippedDigest(root: string): string {
  const files = [join("schema", "input.json"), "capabilities.json"].map((file) => join(root, "policies", file));
  return cacheKey(files.map((file) => readFileSync(file, "utf8")));
}
