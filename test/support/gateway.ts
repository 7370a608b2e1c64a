/** A real gateway on a free loopback port, from a real configuration file in a folder of its own. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { AuditRecord } from "../../src/audit/record.ts";
import { loadConfig } from "../../src/config/load.ts";
import { formatProblem } from "../../src/config/problem.ts";
import { type Gateway, type GatewayOptions, startGateway } from "../../src/gateway.ts";

export interface TestGateway {
  readonly gateway: Gateway;
  readonly folder: string;
  readonly configFile: string;
  /** Endpoint of a configured server. */
  readonly endpoint: (server: string) => string;
  readonly records: () => AuditRecord[];
  readonly close: () => Promise<void>;
}

/** `config`: YAML without `listen`, `audit` and `log`. `files`: more files for the folder, by relative path. */
export async function openGateway(config: string, files: Record<string, string> = {}, options: GatewayOptions = {}): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const configFile = join(folder, "sluice.yaml");
  const audit = join(folder, "audit.jsonl");
  const common = ["listen: 127.0.0.1:0", "log: {level: silent}", config.includes("audit:") ? "" : "audit: {file: ./audit.jsonl}"];
  writeFileSync(configFile, `${common.join("\n")}\n${config}\n`);
  const loaded = await loadConfig(configFile);
  if (!loaded.ok) throw new Error(loaded.failure.map(formatProblem).join("\n"));
  const started = await startGateway(loaded.value.config, { locate: loaded.value.locate, ...options });
  if (!started.ok) throw new Error(started.failure.map(formatProblem).join("\n"));
  const gateway = started.value;
  return {
    gateway,
    folder,
    configFile,
    endpoint: (server) => `${gateway.url}/${server}/mcp`,
    records: () =>
      readFileSync(audit, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as AuditRecord),
    async close() {
      await gateway.close(0);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
