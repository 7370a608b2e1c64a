/**
 * The quick start's set-up: two real MCP servers as child processes and a configuration file that puts them behind Sluice.
 * Must not judge or print.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ChildServer, freePort, startChildServer } from "./child-server.ts";

export interface QuickStart {
  /** Path of the configuration that was written. */
  readonly config: string;
  readonly audit: string;
  /** Endpoint of the CRM itself, to show what it really sent. */
  readonly crm: string;
  stop(): Promise<void>;
}

const PREFERRED_PORT = 8080;

/** Starts both servers and writes `sluice.yaml` into `folder`. */
export async function startQuickStart(folder: string): Promise<QuickStart> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const everythingScript = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js");
  const servers: ChildServer[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    const [everything, crm] = await Promise.all([
      startChildServer([
        "--import",
        ownModule("end-with-parent"),
        "--import",
        ownModule("loopback-guard"),
        everythingScript,
        "streamableHttp",
      ]),
      startChildServer(["--import", ownModule("end-with-parent"), fileURLToPath(ownModule("crm-server"))]),
    ]);
    servers.push(everything, crm);
    const config = join(folder, "sluice.yaml");
    writeFileSync(config, configText(await freePort(PREFERRED_PORT), everything.port, crm.port));
    return { config, audit: join(folder, "audit.jsonl"), crm: endpoint(crm.port), stop };
  } catch (fault) {
    await stop();
    throw fault;
  }
}

/** URL of a module beside this one, as source or as built. */
function ownModule(name: string): string {
  return new URL(`${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url).href;
}

function endpoint(port: number): string {
  return `http://127.0.0.1:${port}/mcp`;
}

function configText(listen: number, everything: number, crm: number): string {
  return `# The quick start's configuration. Yours looks the same: see docs/configuration.md.
listen: 127.0.0.1:${listen}
servers:
  everything:
    url: ${endpoint(everything)}
    trust: third_party
    settings:
      protocol_and_identity: { deny_tools: [get-env] }
  crm:
    url: ${endpoint(crm)}
    trust: partner
    settings:
      protocol_and_identity: { deny_tools: [export_customers] }
audit: { file: ./audit.jsonl }
log: { level: error }
`;
}
