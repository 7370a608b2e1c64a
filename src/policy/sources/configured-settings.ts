/** The settings that a configuration itself holds, as digests. Pure. */
import { createHash } from "node:crypto";
import type { Config } from "../../config/config.ts";
import { canonicalJson } from "../tree.ts";

/** Digests of the settings that the configuration itself holds, for comparison with a bundle that was built elsewhere. */
export function configuredSettings(config: Config): { settings: string; servers: Record<string, string> } {
  const digest = (value: unknown): string => createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 16);
  const servers = [...config.servers.values()].map((server): [string, string] => [server.name, digest(server.settings)]);
  return { settings: digest([config.policy.settings, config.policy.packs ?? null]), servers: Object.fromEntries(servers) };
}
