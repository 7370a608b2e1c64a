/** `sluice version`: what is running. Must also answer when a part, such as OPA, is missing: that is when it is asked for. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../config/load.ts";
import { findOpa } from "../policy/build/opa.ts";
import { packageRoot } from "../policy/sources/shipped.ts";
import { EXIT, type ExitCode, printProblems, type Streams } from "./streams.ts";

export interface VersionOptions {
  readonly config?: string;
}

export async function version({ config: file }: VersionOptions, { stdout, stderr }: Streams): Promise<ExitCode> {
  const root = packageRoot();
  const opa = await findOpa(root);
  stdout.write(`sluice  ${packageVersion(root)}\nnode    ${process.versions.node}\nopa     ${opa.ok ? opa.value.version : "none"}\n`);
  if (!opa.ok) stderr.write(`${opa.failure}\n`);
  if (file === undefined) return EXIT.fine;
  const loaded = await loadConfig(file);
  if (!loaded.ok) {
    printProblems(loaded.failure, stderr);
    return EXIT.usage;
  }
  const { loadPolicy } = await import("../policy/policy.ts");
  const policy = await loadPolicy(loaded.value.config, { locate: loaded.value.locate });
  if (!policy.ok) {
    printProblems(policy.failure, stderr);
    return EXIT.usage;
  }
  stdout.write(`policy  ${policy.value.revision}\n`);
  return EXIT.fine;
}

function packageVersion(root: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const found = typeof manifest === "object" && manifest !== null && "version" in manifest ? manifest.version : undefined;
  return typeof found === "string" ? found : "unknown";
}
