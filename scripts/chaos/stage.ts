/**
 * Everything of a run but the faults: real servers behind their fronts, the configuration and policy of Sluice, and Sluice itself as its
 * user runs it. Must not know how Sluice works inside.
 */
import { createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashApiKey, newApiKey } from "../../src/authn/api-key.ts";
import { openV1Server } from "../../test/support/sdk-v1.ts";
import { openV2Server } from "../../test/support/sdk-v2.ts";
import type { SdkServer } from "../../test/support/sdk-peer.ts";
import type { Children } from "../bench/children.ts";
import { type Front, openFront } from "./front.ts";
import type { Ledger } from "./ledger.ts";

export const SERVER_NAMES = ["v1-json", "v1-sse", "v2-json", "v2-sse"] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

export interface Key {
  readonly id: string;
  readonly secret: string;
}

export interface Stage {
  readonly servers: Readonly<Record<ServerName, SdkServer>>;
  readonly fronts: Readonly<Record<ServerName, Front>>;
  close(): Promise<void>;
}

export async function openServers(ledger: Ledger): Promise<Stage> {
  const servers = {
    "v1-json": await openV1Server("json"),
    "v1-sse": await openV1Server("sse"),
    "v2-json": await openV2Server("json"),
    "v2-sse": await openV2Server("sse"),
  };
  const fronts = Object.fromEntries(
    await Promise.all(SERVER_NAMES.map(async (name) => [name, await openFront(ledger, servers[name].url)] as const)),
  ) as Record<ServerName, Front>;
  return {
    servers,
    fronts,
    async close() {
      await Promise.all(Object.values(fronts).map((front) => front.close()));
      await Promise.all(Object.values(servers).map((server) => server.close()));
    },
  };
}

/** Times of Sluice in a run, in milliseconds: short, so that much happens; a client waits far longer before it says that it hangs. */
export const LIMITS = { upstream: 2_000, connect: 1_500, idle: 5_000, stall: 3_000, quarantineS: 20 };

const POLICY = `package policies.chaos

# METADATA
# title: A call that says so itself
# description: What the run expects to be denied.
deny contains {"id": "chaos/forbidden", "severity": "low"} if input.mcp.params.arguments.forbidden == true

# METADATA
# title: A few calls of one kind at a time
# description: Some calls find the limit used up.
limit contains {"id": "chaos/customers", "key": $"{input.principal.id}/customers", "cost": 1, "per_s": 1, "max": 2} if {
	input.mcp.method == "tools/call"
	input.mcp.params.name == "customer"
}

# METADATA
# title: Code names stay here
# description: Part of an argument is replaced.
redact contains {"id": "chaos/code_name", "path": "/params/arguments/code_name", "with": "mask"} if input.mcp.params.arguments.code_name

# METADATA
# title: Three elements of a list that cannot be
# description: Takes seconds for a few hundred elements, so that a worker stands still.
deny contains {"id": "chaos/triple", "severity": "low"} if {
	some one in input.mcp.params.arguments.triples
	some other in input.mcp.params.arguments.triples
	some third in input.mcp.params.arguments.triples
	third == "none"
	one == other
}
`;

/** A second policy that decides the same: what a reload brings. */
const OTHER = `
# METADATA
# title: Only noted
# description: The mark of the second policy.
warn contains {"id": "chaos/second"} if input.mcp.params.arguments.forbidden == false
`;

export class Files {
  readonly folder: string;
  readonly #keys: readonly Key[];
  readonly #fronts: Stage["fronts"];
  #turn = 0;

  constructor(folder: string, keys: readonly Key[], fronts: Stage["fronts"]) {
    this.folder = folder;
    this.#keys = keys;
    this.#fronts = fronts;
    mkdirSync(join(folder, "rules", "chaos"), { recursive: true });
    this.good();
  }

  get config(): string {
    return join(this.folder, "sluice.yaml");
  }

  get audit(): string {
    return join(this.folder, "audit.jsonl");
  }

  get log(): string {
    return join(this.folder, "sluice.log");
  }

  /** A configuration and policy that are right, in turn one and the other. */
  good(): void {
    const second = this.#turn++ % 2 === 1;
    this.#write(POLICY + (second ? OTHER : ""), this.#yaml(second ? 900 : 800));
  }

  brokenConfig(): void {
    this.#write(POLICY, `${this.#yaml(800)}\nlimts: {}\n`);
  }

  brokenPolicy(): void {
    this.#write(`${POLICY}\ndeny contains {"id": "chaos/broken" if true\n`, this.#yaml(800));
  }

  #write(policy: string, config: string): void {
    writeFileSync(join(this.folder, "rules", "chaos", "chaos.rego"), policy);
    writeFileSync(this.config, config);
  }

  #yaml(findings: number): string {
    const servers = SERVER_NAMES.map(
      (name) =>
        `  ${name}: {url: "${this.#fronts[name].url}", trust: third_party, settings: {` +
        "protocol_and_identity: {deny_tools: [hidden], deny_prompts: [spell], deny_resources: [house://vault]}, " +
        "server_initiated: {sampling: allow, elicitation: allow}}}",
    );
    const keys = this.#keys.map(({ id, secret }) => `    - {id: ${id}, sha256: ${hashApiKey(secret)}}`);
    const { upstream, connect, idle, stall, quarantineS } = LIMITS;
    return [
      "listen: 127.0.0.1:0",
      "log: {level: info}",
      "audit: {file: ./audit.jsonl}",
      "policy: {path: ./rules}",
      `limits: {upstream_ms: ${upstream}, connect_ms: ${connect}, idle_ms: ${idle}, stall_ms: ${stall}, quarantine_s: ${quarantineS}, body_ms: 3s,`,
      `  in_flight: 40, buffered: 3MiB, findings: ${findings}}`,
      "servers:",
      ...servers,
      "authn:",
      "  api_keys:",
      ...keys,
      "",
    ].join("\n");
  }
}

export function makeKeys(count: number): Key[] {
  return Array.from({ length: count }, (_, at) => ({ id: `p${at}`, secret: newApiKey() }));
}

export interface Sluice {
  readonly pid: number;
  readonly base: string;
  /** How often it said that it reloaded, and that it did not. */
  readonly reloads: { readonly done: number; readonly refused: number };
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

const COMMAND = join(import.meta.dirname, "..", "..", "sluice");
const START_MS = 120_000;

export async function startSluice(children: Children, files: Files, workers: number): Promise<Sluice> {
  const args = ["serve", "-c", files.config, "--workers", String(workers)];
  const group = await children.startGroup(COMMAND, args, { cores: undefined, cwd: files.folder, env: process.env });
  const { child } = group;
  const log = createWriteStream(files.log, { flags: "a" });
  const reloads = { done: 0, refused: 0 };
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log.write(text);
    reloads.refused += text.split("Not reloaded:").length - 1;
  });
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => {
      resolve();
    });
  });
  let said = "";
  const base = await new Promise<string>((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Error(`Sluice did not start in time: see ${files.log}`));
    }, START_MS);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      log.write(text);
      reloads.done += text.split("Reloaded:").length - 1;
      said = `${said}${text}`.slice(-4096);
      const found = /(http:\/\/127\.0\.0\.1:\d+)\/\S+\n/.exec(said)?.[1];
      if (found === undefined) return;
      clearTimeout(late);
      resolve(found);
    });
    void ended.then(() => {
      clearTimeout(late);
      reject(new Error(`Sluice ended: see ${files.log}`));
    });
  });
  return { pid: child.pid as number, base, reloads, ended, stop: () => group.stop() };
}
