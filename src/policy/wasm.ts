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
  readonly mem: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly wasmInstance: {
    readonly exports: {
      builtins(): number;
      opa_json_dump(address: number): number;
      opa_eval(reserved: 0, entrypoint: number, data: number, input: number, length: number, heap: number, format: 0): number;
    };
  };
  /** Numbers of the entry points by name. */
  readonly entrypoints: Readonly<Record<string, number>>;
  /** Where the data lies, and the first byte behind it. */
  readonly dataAddr: number;
  readonly dataHeapPtr: number;
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

const PAGE = 65_536;
/** Of JSON in UTF-8 per UTF-16 code unit. */
const LONGEST_UNIT = 3;
const JSON_FORMAT = 0;

/**
 * Evaluates an entry point on the JSON text `head` + `tail`; answers the JSON text of the result set. Synchronous.
 * Throws strings, plain objects and Errors. This is the SDK's own `evaluate` (ABI 1.2) without its copies: the input is encoded where the
 * engine reads it, and the answer's end is searched by native code.
 */
export function evaluate(
  { mem, wasmInstance, dataAddr, dataHeapPtr }: WasmPolicy,
  head: string,
  tail: string | Buffer,
  entrypoint: number,
): string {
  const text = typeof tail === "string" ? head + tail : head;
  const copied = typeof tail === "string" ? 0 : tail.length;
  const room = mem.buffer.byteLength - dataHeapPtr - copied;
  if (text.length * LONGEST_UNIT > room) {
    const lacking = Buffer.byteLength(text) - room;
    if (lacking > 0) mem.grow(Math.ceil(lacking / PAGE));
  }
  let length = Buffer.from(mem.buffer).write(text, dataHeapPtr, "utf8");
  if (typeof tail !== "string") length += tail.copy(Buffer.from(mem.buffer), dataHeapPtr + length);
  const address = wasmInstance.exports.opa_eval(0, entrypoint, dataAddr, dataHeapPtr, length, dataHeapPtr + length, JSON_FORMAT);
  // The memory may have grown, and then it has another buffer.
  const memory = Buffer.from(mem.buffer);
  return memory.toString("utf8", address, memory.indexOf(0, address));
}
