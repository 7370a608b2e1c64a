/** Both engines that Rego is run by: topdown, which `opa test` and `opa eval` use, and WebAssembly, which serves. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readBundle } from "../../src/policy/build/bundle-file.ts";
import { findOpa, runOpa } from "../../src/policy/build/opa.ts";
import { packageRoot } from "../../src/policy/sources/shipped.ts";
import { compileWasm, evaluate, instantiate } from "../../src/policy/wasm.ts";
import { temporaryFolder } from "./policy-files.ts";

async function opa(args: readonly string[], cwd: string): Promise<string> {
  const found = await findOpa(packageRoot());
  if (!found.ok) throw new Error(found.failure);
  const run = await runOpa(found.value.path, args, cwd);
  if (run.code !== 0) throw new Error(`${run.stderr}${run.stdout}`);
  return run.stdout;
}

/** Evaluates `data.<path>` for each input in one run of topdown. `trees` are folders of Rego and data, as `--bundle` takes them. */
export async function withTopdown(cwd: string, trees: readonly string[], path: string, inputs: readonly unknown[]): Promise<unknown[]> {
  const file = join(temporaryFolder(), "inputs.json");
  writeFileSync(file, JSON.stringify({ each: inputs }));
  const query = `[answer | some one in input.each; answer := data.${path} with input as one]`;
  const bundles = trees.flatMap((tree) => ["--bundle", tree]);
  const out = JSON.parse(await opa(["eval", "--format", "json", "--input", file, ...bundles, query], cwd)) as {
    result: { expressions: { value: unknown[] }[] }[];
  };
  return out.result[0]?.expressions[0]?.value ?? [];
}

/** The same in WebAssembly, built as the product builds it. `path` must be a rule. */
export async function withWasm(cwd: string, trees: readonly string[], path: string, inputs: readonly unknown[]): Promise<unknown[]> {
  const file = join(temporaryFolder(), "bundle.tar.gz");
  const capabilities = join(packageRoot(), "policies", "capabilities.json");
  const entry = path.replaceAll(".", "/");
  const bundles = trees.flatMap((tree) => ["-b", tree]);
  await opa(
    ["build", ...bundles, "-t", "wasm", "-O", "0", "-e", entry, "--ignore", "*_test.rego", "--capabilities", capabilities, "-o", file],
    cwd,
  );
  const bundle = await readBundle(readFileSync(file));
  const module = bundle.ok ? compileWasm(bundle.value.wasm) : undefined;
  if (!bundle.ok || module === undefined) throw new Error("the bundle cannot be read");
  const loaded = instantiate(module, 16, 1_024);
  loaded.setData(bytesOf(bundle.value.data));
  return inputs.map((input) => {
    const answers = JSON.parse(evaluate(loaded, JSON.stringify(input), "", loaded.entrypoints[entry] ?? -1)) as { result: unknown }[];
    return answers[0]?.result;
  });
}

function bytesOf(value: unknown): ArrayBuffer {
  return new TextEncoder().encode(JSON.stringify(value)).buffer as ArrayBuffer;
}
