/**
 * From a file to a frozen Config, or to everything that is wrong with it at once.
 * Must not start, connect or write anything.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fail, ok, type Result } from "../errors.ts";
import { packageRoot, packNames } from "../policy/sources/shipped.ts";
import { checkDraft } from "./check-draft.ts";
import type { Config, SecretRef, ServerConfig } from "./config.ts";
import { type ConfigDocument, type Locate, type Path, readDocument } from "./document.ts";
import { deepFreeze, frozenMap } from "./freeze.ts";
import type { Problem } from "./problem.ts";
import type { Written, WrittenServer } from "./schema.ts";
import { ioReason } from "./io-reason.ts";
import { validate } from "./validate.ts";

export interface LoadedConfig {
  readonly config: Config;
  /** Where a setting stands in the file, for problems that are found later: `["policy", "settings", "pii"]`. */
  readonly locate: Locate;
  readonly warnings: readonly Problem[];
}

/** What could be read of a file, sound or not: `check` uses it to report policy problems in the same run as the file's own. */
export interface ConfigDraft {
  readonly problems: readonly Problem[];
  /** Complete, but with defaults in place of what is wrong: never to be served when a problem is an error. */
  readonly config: Config | undefined;
  readonly locate: Locate;
}

export interface LoadOptions {
  /** Names that `packs` may hold. */
  readonly shippedPacks?: readonly string[];
  /** Unix milliseconds, for expired keys. */
  readonly now?: number;
}

/** A configuration is a page, not a data file. */
const LARGEST = 1024 * 1024;

/** Reads and checks a configuration file. Fails with all problems (warnings among them) when one is an error. */
export async function loadConfig(path: string, options: LoadOptions = {}): Promise<Result<LoadedConfig, Problem[]>> {
  return settle(draftConfig(path, options));
}

/** The configuration of `sluice serve --upstream URL`: one server, `upstream`, behind all shipped packs. */
export function configForUpstream(url: string, listen?: string): Result<Config, Problem[]> {
  const data = { servers: { upstream: { url } }, ...(listen === undefined ? {} : { listen }) };
  const name = "--upstream";
  const draft = complete({ data, problems: [], locate: () => undefined }, name, undefined, process.cwd(), {});
  const loaded = settle(draft);
  return loaded.ok ? ok(loaded.value.config) : loaded;
}

/** Reads a configuration file as far as it goes. */
export function draftConfig(path: string, options: LoadOptions = {}): ConfigDraft {
  const absolute = resolve(path);
  const nowhere: Locate = () => undefined;
  const refused = (message: string, hint?: string): ConfigDraft => ({
    problems: [{ file: path, severity: "error", check: "config/file", message, ...(hint === undefined ? {} : { hint }) }],
    config: undefined,
    locate: nowhere,
  });
  let text: string;
  try {
    const bytes = readFileSync(absolute);
    if (bytes.length > LARGEST) return refused("the file is larger than 1 MiB");
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return refused("the file is not UTF-8 text");
    return refused(
      `the configuration file cannot be read: ${ioReason(error)}`,
      "Name one with --config, or put a single server behind Sluice with --upstream URL.",
    );
  }
  return complete(readDocument(text, path), path, absolute, dirname(absolute), options);
}

function settle({ problems, config, locate }: ConfigDraft): Result<LoadedConfig, Problem[]> {
  if (config === undefined || problems.some((problem) => problem.severity === "error")) return fail([...problems]);
  return ok({ config, locate, warnings: problems });
}

/** From the document on: types, then files and cross-checks, then the Config. `file` is the name in problems. */
function complete(document: ConfigDocument, file: string, absolute: string | undefined, folder: string, options: LoadOptions): ConfigDraft {
  const { locate } = document;
  const problems = [...document.problems];
  let config: Config | undefined;
  // Text that is not YAML has no shape to judge: what follows would be noise.
  if (!problems.some((problem) => problem.check === "config/yaml")) {
    const validated = validate(document.data, file, locate);
    problems.push(...validated.problems);
    if (validated.draft !== undefined) {
      const draft = withAbsolutePaths(validated.draft, folder);
      const replaced = (path: Path): boolean =>
        validated.removed.some((gone) => path.every((segment, index) => gone[index] === undefined || gone[index] === segment));
      const shippedPacks = options.shippedPacks ?? packNames(packageRoot());
      problems.push(...checkDraft(draft, { file, locate, replaced, shippedPacks, now: options.now ?? Date.now() }));
      config = build(withKnownPacks(draft, shippedPacks), absolute);
    }
  }
  return { problems: inOrder(problems), config, locate };
}

/** By place, each once: what an anchor brings to two servers is one slip. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const unique = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...unique.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

function withAbsolutePaths(written: Written, folder: string): Written {
  const absolute = (path: string): string => resolve(folder, path);
  const secret = (value: string | SecretRef): string | SecretRef =>
    typeof value !== "string" && "file" in value ? { file: absolute(value.file) } : value;
  const server = (each: WrittenServer): WrittenServer => ({
    ...each,
    headers: Object.fromEntries(Object.entries(each.headers).map(([name, value]) => [name, secret(value)])),
    ...(each.ca === undefined ? {} : { ca: absolute(each.ca) }),
  });
  return {
    ...written,
    ...(written.tls === undefined ? {} : { tls: { cert: absolute(written.tls.cert), key: absolute(written.tls.key) } }),
    servers: Object.fromEntries(Object.entries(written.servers).map(([name, each]) => [name, server(each)])),
    policy: { ...written.policy, ...(written.policy.path === undefined ? {} : { path: absolute(written.policy.path) }) },
    audit: { ...written.audit, file: absolute(written.audit.file) },
  };
}

/** An unknown pack is reported once, with its place; whoever loads the packs of a draft need not stumble over it again. */
function withKnownPacks(draft: Written, shipped: readonly string[]): Written {
  const known = (packs: string[] | undefined, among: readonly string[]): { packs?: string[] } =>
    packs === undefined ? {} : { packs: packs.filter((pack) => among.includes(pack)) };
  const policy = { ...draft.policy, ...known(draft.policy.packs, shipped) };
  const servers = Object.entries(draft.servers).map(
    ([name, server]) => [name, { ...server, ...known(server.packs, policy.packs ?? shipped) }] as const,
  );
  return { ...draft, policy, servers: Object.fromEntries(servers) };
}

function build(draft: Written, file: string | undefined): Config {
  const { authn, policy } = draft;
  const server = (name: string, each: WrittenServer): ServerConfig => ({
    ...each,
    name,
    url: URL.canParse(each.url) ? new URL(each.url).href : each.url,
    mode: each.mode ?? policy.mode,
    packs: each.packs,
    ca: each.ca,
  });
  return deepFreeze({
    ...draft,
    file,
    tls: draft.tls,
    authn:
      authn.api_keys === undefined ? { anonymous: true } : { api_keys: authn.api_keys.map((key) => ({ ...key, expires: key.expires })) },
    servers: frozenMap(Object.entries(draft.servers).map(([name, each]) => [name, server(name, each)] as const)),
    policy: { ...policy, path: policy.path, packs: policy.packs },
    allowed_hosts: draft.allowed_hosts.map((host) => host.toLowerCase()),
  } satisfies Config);
}
