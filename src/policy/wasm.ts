/**
 * The only place that touches the WebAssembly SDK and the global `WebAssembly`, both of which are hardly typed.
 * Must not add behaviour.
 */
import * as sdk from "@open-policy-agent/opa-wasm";

/** A compiled module, cached for every instance. Opaque: only this file looks into it. */
export interface WasmModule {
  readonly wasmModule: unique symbol;
}

/** One instance of a policy, as far as it is used here. */
export interface WasmPolicy {
  readonly mem: { readonly buffer: ArrayBuffer };
  readonly wasmInstance: { readonly exports: { builtins(): number; opa_json_dump(address: number): number } };
  /** Numbers of the entry points by name. */
  readonly entrypoints: Readonly<Record<string, number>>;
  /** Synchronous. Throws strings, plain objects and Errors. */
  evaluate(input: ArrayBuffer, entrypoint: number): unknown;
  setData(data: ArrayBuffer): void;
}

interface Sdk {
  readonly default: { readonly loadPolicySync: (module: WasmModule, memory: { initial: number; maximum: number }) => WasmPolicy };
}

// `loadPolicySync` cannot be imported by name from the SDK's ES module: only its default export has it.
const { loadPolicySync } = (sdk as unknown as Sdk).default;
const { WebAssembly } = globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule } };

/** The module of these bytes; undefined when they are no WebAssembly. */
export function compileWasm(bytes: Uint8Array<ArrayBuffer>): WasmModule | undefined {
  try {
    return new WebAssembly.Module(bytes);
  } catch {
    return undefined;
  }
}

/** A new instance whose memory is `initial` pages of 64 KiB and never more than `maximum`. */
export function instantiate(module: WasmModule, initial: number, maximum: number): WasmPolicy {
  return loadPolicySync(module, { initial, maximum });
}
