/** Configurations and policy folders for the policy tests, on disk like an operator's. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { stringify } from "yaml";
import { draftConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/config.ts";
import type { PolicyDeps } from "../../src/policy/policy.ts";

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes files below a new folder; answers the folder. */
export function policyFolder(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

export interface ConfigParts {
  readonly path?: string;
  readonly packs?: readonly string[];
  readonly mode?: "enforce" | "observe";
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly server?: Readonly<Record<string, unknown>>;
}

/** A configuration with one server, `demo`, read from a real file; `deps` keeps nothing between tests. */
export function policyConfig(parts: ConfigParts): { config: Config; deps: PolicyDeps; text: string; file: string } {
  const folder = temporaryFolder();
  const { path, packs = [], mode = "enforce", settings, server } = parts;
  const text = stringify({
    listen: "127.0.0.1:0",
    servers: { demo: { url: "https://mcp.example.com/mcp", ...server } },
    policy: { packs, mode, ...(path === undefined ? {} : { path }), ...(settings === undefined ? {} : { settings }) },
    audit: { file: join(folder, "audit.jsonl") },
  });
  const file = join(folder, "sluice.yaml");
  writeFileSync(file, text);
  const { config, locate, problems } = draftConfig(file);
  if (config === undefined) throw new Error(`the test's configuration is wrong: ${problems.map(({ message }) => message).join("; ")}`);
  return { config, deps: { locate, cache: null }, text, file };
}
