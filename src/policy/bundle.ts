/**
 * A policy for other processes: its bundle, with which they need not read or build anything. Must not load the engine unless asked to.
 */
import { readFileSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { ioReason } from "../config/io-reason.ts";
import type { Problem } from "../config/problem.ts";
import { fail, ok, type Result } from "../errors.ts";
import type { PolicyBundle } from "./activate.ts";
import { bundleProblem, obtainBundle, type ObtainDeps } from "./obtain.ts";

/**
 * The bundle of a configuration. `tried`: it passes the load gate here before anybody else gets it. Whoever gets one holds it to the
 * same gate.
 */
export async function loadBundle(
  config: Config,
  deps: ObtainDeps,
  { tried }: { tried: boolean },
): Promise<Result<PolicyBundle, Problem[]>> {
  const obtained = await obtainBundle(config, deps);
  if (!obtained.ok) return obtained;
  const { source, revision, warnings } = obtained.value;
  const prebuilt = typeof source === "string";
  let bytes: Buffer;
  try {
    bytes = prebuilt ? readFileSync(source) : source;
  } catch (fault) {
    return fail([bundleProblem(config, `The bundle cannot be read: ${ioReason(fault)}.`)]);
  }
  if (!tried) return ok({ bytes, prebuilt, warnings, revision });
  const { activate } = await import("./activate.ts");
  const policy = await activate(config, {}, { ...obtained.value, source: bytes, prebuilt });
  return policy.ok ? ok({ bytes, prebuilt, warnings, revision: policy.value.revision }) : policy;
}
