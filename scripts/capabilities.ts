/**
 * Generates `policies/capabilities.json`: the built-ins that a policy may call. Which ones WebAssembly has is not believed but asked:
 * a module that calls every built-in is compiled, and what it then asks its host for is what it lacks. Prints nothing but errors.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readBundle } from "../src/policy/build/bundle-file.ts";
import { requiredBuiltins } from "../src/policy/engine.ts";
import { findOpa, runOpa } from "../src/policy/build/opa.ts";
import { HOST_BUILTINS } from "../src/policy/host-builtins.ts";
import { compileWasm } from "../src/policy/wasm.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

interface Builtin {
  readonly name: string;
  readonly decl: { readonly args?: readonly unknown[]; readonly result?: unknown };
  readonly deprecated?: boolean;
  readonly relation?: boolean;
}

interface Capabilities {
  readonly builtins: readonly Builtin[];
  readonly [name: string]: unknown;
}

/** Not functions of their own: the compiler replaces or erases them. */
const COMPILED_AWAY = ["eq", "assign", "print", "internal.print", "internal.test_case"];

/** The file's text, for the OPA that is found. */
export async function capabilities(): Promise<string> {
  const opa = await findOpa(root);
  if (!opa.ok) throw new Error(opa.failure);
  const current = JSON.parse((await runOpa(opa.value.path, ["capabilities", "--current"], root)).stdout) as Capabilities;
  const callable = current.builtins.filter((builtin) => builtin.deprecated !== true && !COMPILED_AWAY.includes(builtin.name));
  const required = await askCompiler(opa.value.path, callable);
  const allowed = new Set([
    ...COMPILED_AWAY,
    ...callable.map((builtin) => builtin.name).filter((name) => !required.includes(name) || HOST_BUILTINS.includes(name)),
  ]);
  const builtins = current.builtins.filter((builtin) => allowed.has(builtin.name)).map(withoutProse);
  return `${JSON.stringify({ ...current, builtins, allow_net: [] }, null, 1)}\n`;
}

async function askCompiler(opa: string, builtins: readonly Builtin[]): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-capabilities-"));
  try {
    writeFileSync(join(folder, "all.rego"), `package all\n${builtins.map(callOf).join("\n")}\n`);
    const run = await runOpa(opa, ["build", "-t", "wasm", "-O", "0", "-e", "all/called", "-o", "all.tar.gz", "all.rego"], folder);
    if (run.code !== 0) throw new Error(run.stderr);
    const bundle = await readBundle(join(folder, "all.tar.gz"));
    if (!bundle.ok) throw new Error(bundle.failure);
    const module = compileWasm(bundle.value.wasm);
    if (module === undefined) throw new Error("OPA built no WebAssembly");
    return requiredBuiltins(module);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function callOf(builtin: Builtin): string {
  const args = (builtin.decl.args ?? []).map((_, at) => `input.a${at}`);
  if (builtin.relation === true) return `called contains "${builtin.name}" if ${builtin.name}(${args.join(", ")}, _)`;
  return `called contains "${builtin.name}" if ${builtin.name}(${args.join(", ")}) == input.result`;
}

/** Descriptions are for readers of OPA's documentation and a third of the file. */
function withoutProse(builtin: Builtin): unknown {
  return JSON.parse(
    JSON.stringify(builtin, (key, value: unknown) =>
      ["description", "categories"].includes(key) && typeof value !== "object" ? undefined : key === "categories" ? undefined : value,
    ),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(join(root, "policies", "capabilities.json"), await capabilities());
