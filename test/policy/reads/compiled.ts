/** Rego as the product compiles it: one module for many entry points, and what each of them reads. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readBundle } from "../../../src/policy/build/bundle-file.ts";
import { findOpa, runOpa } from "../../../src/policy/build/opa.ts";
import { readPlan } from "../../../src/policy/check/plan.ts";
import { readsOf } from "../../../src/policy/reads/analyse.ts";
import type { Reads } from "../../../src/policy/reads/reads.ts";
import { packageRoot } from "../../../src/policy/sources/shipped.ts";
import { compileWasm, evaluate, instantiate, type WasmModule, type WasmPolicy } from "../../../src/policy/wasm.ts";
import { temporaryFolder } from "../policy-files.ts";

export interface Compiled {
  /** By entry point. */
  readonly reads: ReadonlyMap<string, Reads>;
  /** The answer as JSON text; `threw` when the engine stopped. */
  evaluate(entry: string, input: unknown): string;
}

/** Compiles the trees that stand as folders in `cwd`. `data` is used instead of the trees' own when it is given. */
export async function compile(cwd: string, trees: readonly string[], entries: readonly string[], data?: unknown): Promise<Compiled> {
  const folder = temporaryFolder();
  const bundles = trees.flatMap((tree) => ["-b", tree]);
  const wanted = entries.flatMap((entry) => ["-e", entry]);
  const capabilities = join(packageRoot(), "policies", "capabilities.json");
  const common = [...bundles, ...wanted, "-O", "0", "--ignore", "*_test.rego", "--capabilities", capabilities];
  await opa(["build", ...common, "-t", "wasm", "-o", join(folder, "wasm.tar.gz")], cwd);
  await opa(["build", ...common, "-t", "plan", "-o", join(folder, "plan.tar.gz")], cwd);
  const bundle = await readBundle(readFileSync(join(folder, "wasm.tar.gz")));
  const plan = await readPlan(join(folder, "plan.tar.gz"));
  const module = bundle.ok ? compileWasm(bundle.value.wasm) : undefined;
  if (!bundle.ok || !plan.ok || module === undefined) throw new Error("the bundle or its plan cannot be read");
  const reads = new Map(plan.value.entries.map((entry) => [entry.name, readsOf({ ...plan.value, entries: [entry] })] as const));
  return { reads, evaluate: evaluator(module, data ?? bundle.value.data) };
}

function evaluator(module: WasmModule, data: unknown): Compiled["evaluate"] {
  let instance: WasmPolicy | undefined;
  return (entry, input) => {
    if (instance === undefined) {
      instance = instantiate(module, 16, 1_024);
      instance.setData(bytesOf(data));
    }
    try {
      return evaluate(instance, JSON.stringify(input), "", instance.entrypoints[entry] ?? -1);
    } catch {
      // An instance that threw leaks its stack.
      instance = undefined;
      return "threw";
    }
  };
}

async function opa(args: readonly string[], cwd: string): Promise<void> {
  const found = await findOpa(packageRoot());
  if (!found.ok) throw new Error(found.failure);
  const run = await runOpa(found.value.path, args, cwd);
  if (run.code !== 0) throw new Error(`${run.stderr}${run.stdout}`);
}

function bytesOf(value: unknown): ArrayBuffer {
  return new TextEncoder().encode(JSON.stringify(value)).buffer as ArrayBuffer;
}
