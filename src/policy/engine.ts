/**
 * The WebAssembly engine, wrapped so that its traps cannot hurt: one cached module, data set after every
 * instantiation, a cap on memory, and a new instance after anything was thrown. Must not interpret answers.
 */
import { fail, ok, type Result } from "../errors.ts";
import { HOST_BUILTINS } from "./host-builtins.ts";
import type { InputText } from "./input-text.ts";
import type { Tree } from "./tree.ts";
import { evaluate, instantiate, type WasmModule, type WasmPolicy } from "./wasm.ts";

const PAGE = 65_536;
const FIRST_PAGES = 16;
/** An instance whose memory grew by more than this is replaced: memory never shrinks. */
const RECYCLE_BYTES = 8 * 1024 * 1024;

export interface EngineOptions {
  readonly module: WasmModule;
  readonly data: Tree;
  /** Bytes that one evaluation may use beyond what the data takes. */
  readonly memory: number;
  /** A new random string for each instance. */
  readonly nonce: () => string;
}

export interface Evaluation {
  /** Of the instance that made it. */
  readonly nonce: string;
  /** The result set, as JSON text. */
  readonly text: string;
}

interface Instance {
  readonly loaded: WasmPolicy;
  readonly nonce: string;
  /** The start of every input. */
  readonly head: string;
}

export const DECISION = "firewall/main/decision";
export const ABOUT = "firewall/about/facts";

export class Engine {
  readonly #module: WasmModule;
  readonly #data: ArrayBuffer;
  readonly #nonce: () => string;
  readonly #maxPages: number;
  readonly #restBytes: number;
  #instance: Instance | undefined;

  private constructor(options: EngineOptions, restBytes: number) {
    this.#module = options.module;
    this.#data = toBytes(JSON.stringify(options.data));
    this.#nonce = options.nonce;
    this.#restBytes = restBytes;
    this.#maxPages = Math.min(65_536, Math.ceil((restBytes + options.memory) / PAGE));
  }

  /** Instantiates once to see that it works and how much memory the data takes. The failure is a sentence. */
  static create(options: EngineOptions): Result<Engine, string> {
    try {
      const missing = requiredBuiltins(options.module).filter((name) => !HOST_BUILTINS.includes(name));
      if (missing.length > 0) return fail(`The policy needs built-ins that do not exist here: ${missing.join(", ")}.`);
      const loaded = load(options.module, 65_536);
      loaded.setData(toBytes(JSON.stringify(options.data)));
      if (loaded.entrypoints[DECISION] === undefined || loaded.entrypoints[ABOUT] === undefined) {
        return fail(`The bundle lacks the entry points ${DECISION} and ${ABOUT}: build it with \`sluice build\`.`);
      }
      return ok(new Engine(options, loaded.mem.buffer.byteLength));
    } catch (error) {
      return fail(`The policy cannot be instantiated: ${describe(error)}.`);
    }
  }

  /**
   * Evaluates an entry point on an input, to which it adds the instance's nonce.
   * Throws whatever the engine threw, after discarding the instance: every exception leaks its stack.
   */
  evaluate(input: InputText, entrypoint: typeof DECISION | typeof ABOUT = DECISION): Evaluation {
    try {
      const { loaded, nonce, head } = (this.#instance ??= this.#instantiate());
      // With anything else the engine would see another input than was meant, or none, and say nothing.
      if (!startsRight(input)) throw new TypeError("the policy input must be the rest of a JSON object");
      const text = evaluate(loaded, head, input, loaded.entrypoints[entrypoint] ?? -1);
      if (loaded.mem.buffer.byteLength > this.#restBytes + RECYCLE_BYTES) this.#instance = undefined;
      return { nonce, text };
    } catch (error) {
      this.#instance = undefined;
      throw error;
    }
  }

  /** The value in an evaluation; undefined when the entry point had none. Throws for garbage, after discarding the instance. */
  read({ text }: Evaluation): unknown {
    try {
      const answers: unknown = JSON.parse(text);
      if (!Array.isArray(answers) || answers.length > 1) throw new TypeError("the engine's answer is not a result set");
      const first: unknown = answers[0];
      return typeof first === "object" && first !== null && "result" in first ? first.result : undefined;
    } catch (error) {
      this.#instance = undefined;
      throw error;
    }
  }

  #instantiate(): Instance {
    const loaded = load(this.#module, this.#maxPages);
    loaded.setData(this.#data);
    const nonce = this.#nonce();
    return { loaded, nonce, head: `{"nonce":${JSON.stringify(nonce)}` };
  }
}

function startsRight(input: unknown): boolean {
  if (typeof input === "string") return input === "}" || input.startsWith(",");
  return Buffer.isBuffer(input) && input[0] === 0x2c;
}

/** Names of the built-ins that a module asks its host for. */
export function requiredBuiltins(module: WasmModule): string[] {
  const { wasmInstance, mem } = load(module, 65_536);
  const start = wasmInstance.exports.opa_json_dump(wasmInstance.exports.builtins());
  const bytes = new Uint8Array(mem.buffer);
  const text = new TextDecoder().decode(bytes.subarray(start, bytes.indexOf(0, start)));
  return Object.keys(JSON.parse(text) as Record<string, number>);
}

/** What an engine's exception says, without what a policy may have put into it: errors come as strings, plain objects and Errors. */
export function describe(error: unknown): string {
  const text =
    typeof error === "string" ? error : typeof error === "object" && error !== null && "message" in error ? String(error.message) : "";
  const known = /malloc/.test(text)
    ? "out of memory"
    : /conflict|out of memory|memory access|unreachable|call stack|built-in|recursion|illegal|json/i.exec(text)?.[0];
  const place = /(?:\b[AB]\/)?([\w./-]+\.rego:\d+)/.exec(text)?.[1];
  return `the engine stopped (${(known ?? "fault").toLowerCase()}${place === undefined ? "" : ` at ${place}`})`;
}

function load(module: WasmModule, maximum: number): WasmPolicy {
  return instantiate(module, Math.min(FIRST_PAGES, maximum), maximum);
}

function toBytes(text: string): ArrayBuffer {
  return new TextEncoder().encode(text).buffer as ArrayBuffer;
}
