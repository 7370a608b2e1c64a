import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readBundle } from "../../src/policy/build/bundle-file.ts";
import { describe as describeFault, Engine, requiredBuiltins } from "../../src/policy/engine.ts";
import { inputText, type InputText } from "../../src/policy/input-text.ts";
import { findOpa, runOpa } from "../../src/policy/build/opa.ts";
import { packageRoot } from "../../src/policy/sources/shipped.ts";
import type { Tree } from "../../src/policy/tree.ts";
import { compileWasm, type WasmModule } from "../../src/policy/wasm.ts";

const MAIN = `package firewall.main

decision := {"nonce": input.nonce, "revision": data.firewall.revision, "size": count(input.text), "conflict": conflict, "grown": grown}

default conflict := 0

conflict := 1 if input.clash

conflict := 2 if input.clash

default grown := 0

grown := count({concat("", [input.text, a, b]) | some a in input.list; some b in input.list})
`;
const ABOUT = 'package firewall.about\n\nfacts := {"contract": "v1"}\n';

async function compile(files: Readonly<Record<string, string>>): Promise<WasmModule> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const opa = await findOpa(packageRoot());
    if (!opa.ok) throw new Error(opa.failure);
    const args = [
      "build",
      "-t",
      "wasm",
      "-O",
      "0",
      "-e",
      "firewall/main/decision",
      "-e",
      "firewall/about/facts",
      "-o",
      "bundle.tar.gz",
      ".",
    ];
    const run = await runOpa(opa.value.path, args, folder);
    if (run.code !== 0) throw new Error(run.stderr);
    const bundle = await readBundle(readFileSync(join(folder, "bundle.tar.gz")));
    const module = bundle.ok ? compileWasm(bundle.value.wasm) : undefined;
    if (module === undefined) throw new Error("no module");
    return module;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

let module: WasmModule;
const MEMORY = 16 * 1024 * 1024;

beforeAll(async () => {
  module = await compile({ "main.rego": MAIN, "about.rego": ABOUT });
});

function createEngine(data: Tree = { firewall: { revision: "r" } }, memory = MEMORY): { engine: Engine; nonces: string[] } {
  const nonces: string[] = [];
  const nonce = (): string => {
    nonces.push(`nonce-${nonces.length + 1}`);
    return nonces.at(-1) as string;
  };
  const engine = Engine.create({ module, data, memory, nonce });
  if (!engine.ok) throw new Error(engine.failure);
  return { engine: engine.value, nonces };
}

/** What the engine answers, read. */
function judge(engine: Engine, input: InputText): { nonce: string; answer: unknown } {
  const evaluation = engine.evaluate(input);
  return { nonce: evaluation.nonce, answer: engine.read(evaluation) };
}

const plain = inputText({ text: "abc", list: ["x"] });
const clash = inputText({ text: "abc", list: [], clash: true });

/** What the engine says of what it threw: a string, a plain object or an Error. */
function faultOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (fault) {
    return describeFault(fault);
  }
}

describe("the policy engine", () => {
  it("gives the input the nonce of its instance, and keeps the instance while nothing goes wrong", () => {
    const { engine, nonces } = createEngine();
    for (let round = 0; round < 5; round++)
      expect(judge(engine, plain)).toMatchObject({ nonce: "nonce-1", answer: { nonce: "nonce-1", size: 3 } });
    expect(nonces).toHaveLength(1);
  });

  it("throws the instance away after any exception, and judges on with a new one that has its data", () => {
    const { engine, nonces } = createEngine();
    engine.evaluate(plain);
    expect(faultOf(() => engine.evaluate(clash))).toMatch(/stopped \(conflict at main\.rego:\d+\)/);
    expect(judge(engine, plain)).toMatchObject({ nonce: "nonce-2", answer: { nonce: "nonce-2", revision: "r" } });
    expect(nonces).toHaveLength(2);
  });

  it("survives thousands of exceptions, which would kill one instance for good", () => {
    const { engine } = createEngine();
    for (let round = 0; round < 2_000; round++) {
      expect(faultOf(() => engine.evaluate(clash))).toMatch(/stopped \(conflict at main\.rego:\d+\)/);
    }
    expect(judge(engine, plain)).toMatchObject({ answer: { size: 3 } });
  });

  it("stops an evaluation that needs more memory than it may have, and goes on", () => {
    const { engine } = createEngine();
    const list = Array.from({ length: 400 }, (_, at) => `item ${at} ${"x".repeat(500)}`);
    expect(faultOf(() => engine.evaluate(inputText({ text: "abc", list })))).toBe("the engine stopped (out of memory)");
    expect(judge(engine, plain)).toMatchObject({ answer: { size: 3 } });
  });

  it("replaces an instance whose memory has grown", () => {
    const { engine, nonces } = createEngine(undefined, 128 * 1024 * 1024);
    engine.evaluate(inputText({ text: "x".repeat(10 * 1024 * 1024), list: [] }));
    engine.evaluate(plain);
    expect(nonces).toHaveLength(2);
  });

  it("sizes the cap from the data, so that large data does not eat the room for evaluation", () => {
    const entries = Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`key ${at}`, { n: at }]));
    const { engine } = createEngine({ firewall: { revision: "r" }, entries });
    expect(judge(engine, plain)).toMatchObject({ answer: { revision: "r" } });
  });

  it("has no answer without its data", () => {
    expect(judge(createEngine({}).engine, plain).answer).toBeUndefined();
  });

  it("takes bytes for the same input as text, also where neither is ASCII", () => {
    const { engine } = createEngine();
    for (const text of ["abc", "äß€😀", `ä${"x".repeat(100_000)}`]) {
      const input = inputText({ text, list: [] });
      expect(judge(engine, input)).toMatchObject({ answer: { size: Array.from(text).length } });
      expect(judge(engine, Buffer.from(input))).toMatchObject({ answer: { size: Array.from(text).length } });
    }
  });

  it("reads the whole answer after its memory has grown", () => {
    const { engine } = createEngine(undefined, 64 * 1024 * 1024);
    const list = Array.from({ length: 60 }, (_, at) => `${at} ${"x".repeat(500)}`);
    expect(judge(engine, inputText({ text: "", list }))).toMatchObject({ answer: { grown: 3_600, revision: "r" } });
  });

  it.each([
    ["a whole object", "{}"],
    ["nothing", undefined],
    ["an empty text", ""],
    ["an empty buffer", Buffer.alloc(0)],
    ["an array of bytes", new TextEncoder().encode(',"a":1}')],
    ["a plain object", { text: "abc" }],
  ])("refuses %s as input", (_name, input) => {
    const { engine } = createEngine();
    expect(() => engine.evaluate(input as unknown as string)).toThrow(TypeError);
    expect(judge(engine, plain)).toMatchObject({ answer: { size: 3 } });
  });

  it("has no answer to text that is not JSON", () => {
    expect(judge(createEngine().engine, ",nonsense").answer).toBeUndefined();
  });

  it("refuses a module that needs built-ins which do not exist here", async () => {
    const needy = await compile({ "main.rego": "package firewall.main\n\ndecision := time.now_ns()\n", "about.rego": ABOUT });
    expect(requiredBuiltins(needy)).toEqual(["time.now_ns"]);
    const engine = Engine.create({ module: needy, data: {}, memory: MEMORY, nonce: () => "n" });
    expect(engine).toMatchObject({ ok: false, failure: expect.stringContaining("time.now_ns") as string });
  });

  it("refuses bytes that are no WebAssembly", () => {
    expect(compileWasm(new Uint8Array([1, 2, 3]))).toBeUndefined();
  });
});
