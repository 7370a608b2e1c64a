/**
 * What ships with the program: where its policies, schema and capabilities are, and which packs there are.
 * Must only read, and only inside the package.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** One shipped pack: its Rego files by name, its default settings and their JSON schema. */
export interface Pack {
  readonly name: string;
  readonly rego: ReadonlyMap<string, Buffer>;
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly schema: Readonly<Record<string, unknown>> | undefined;
}

/** The package's own folder: the nearest one above this file that holds `policies/firewall`. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "policies", "firewall", "probe.rego"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("the folder policies/firewall is missing from this installation");
    folder = parent;
  }
  return folder;
}

/** Names of the packs in `<root>/policies/packs`, sorted. */
export function packNames(root: string): string[] {
  const folder = join(root, "policies", "packs");
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() && !entry.name.startsWith(".") ? [entry.name] : [])).toSorted();
}

export function readPack(root: string, name: string): Pack {
  const folder = join(root, "policies", "packs", name);
  const files = readdirSync(folder)
    .filter((file) => file.endsWith(".rego"))
    .toSorted();
  return {
    name,
    rego: new Map(files.map((file) => [file, readFileSync(join(folder, file))])),
    defaults: readObject(join(folder, "settings.json")) ?? {},
    schema: readObject(join(folder, "settings.schema.json")),
  };
}

/** The shipped Rego beside the packs (probe and libraries), by path relative to `policies/firewall`. */
export function readFirewall(root: string): Map<string, Buffer> {
  const folder = join(root, "policies", "firewall");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".rego"))
    .toSorted();
  return new Map(files.map((file) => [file, readFileSync(join(folder, file))]));
}

function readObject(file: string): Record<string, unknown> | undefined {
  if (!existsSync(file)) return undefined;
  const value: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${file} is not a JSON object`);
  return value as Record<string, unknown>;
}
