/**
 * Reads an OPA bundle: manifest, data and the WebAssembly module. Must not believe what it reads: a bundle is code, and is held to the
 * load gate like one that was built here.
 */
import { readFile } from "node:fs/promises";
import { fail, ok, type Result } from "../../errors.ts";
import { readArchive } from "./archive.ts";
import { isTree, type Tree } from "../tree.ts";

export interface Bundle {
  readonly revision: string;
  readonly data: Tree;
  /** A buffer of its own: the engine compiles it. */
  readonly wasm: Uint8Array<ArrayBuffer>;
}

/** Reads a bundle from a file or from bytes. The failure is a sentence. */
export async function readBundle(source: string | Buffer): Promise<Result<Bundle, string>> {
  try {
    const files = await readArchive(typeof source === "string" ? await readFile(source) : source, [
      ".manifest",
      "data.json",
      "policy.wasm",
    ]);
    const manifest = parseTree(files.get(".manifest"));
    const data = parseTree(files.get("data.json"));
    const wasm = files.get("policy.wasm");
    if (manifest === undefined || data === undefined) return fail("The bundle has no readable .manifest and data.json.");
    if (wasm === undefined) return fail("The bundle holds no policy.wasm: build it with `sluice build`.");
    const { revision } = manifest;
    return ok({ revision: typeof revision === "string" ? revision : "", data, wasm: new Uint8Array(wasm) });
  } catch (error) {
    return fail(`The bundle cannot be read: ${error instanceof Error ? error.message : "fault"}.`);
  }
}

function parseTree(text: Buffer | undefined): Tree | undefined {
  try {
    const value: unknown = JSON.parse((text ?? "").toString());
    return isTree(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
