/**
 * Reads an OPA bundle: manifest, data, the WebAssembly module and what that reads of the input. Must not believe what it reads: a bundle is code, and is held to the
 * load gate like one that was built here. What a bundle says it reads is as good as its code.
 */
import { readFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { fail, ok, type Result } from "../../errors.ts";
import { parseReads, WHOLE, type Reads } from "../reads/reads.ts";
import { addToArchive, readArchive } from "./archive.ts";
import { isTree, type Tree } from "../tree.ts";

export interface Bundle {
  readonly revision: string;
  readonly data: Tree;
  /** A buffer of its own: the engine compiles it. */
  readonly wasm: Uint8Array<ArrayBuffer>;
  /** What `wasm` reads of the input; everything when the bundle does not say so for these very bytes. */
  readonly reads: Reads;
}

/** Beside OPA's own files; OPA leaves it alone. */
const READS_FILE = "reads.json";
/** Of what `reads.json` means. Another one is not understood, and the whole input is handed over. */
const READS_VERSION = 1;

/** Adds to a bundle what its WebAssembly reads of the input, bound to that by a digest. */
export async function writeReads(bundle: Buffer, reads: Reads): Promise<Buffer> {
  const wasm = (await readArchive(bundle, ["policy.wasm"])).get("policy.wasm");
  if (wasm === undefined) throw new Error("a bundle without policy.wasm");
  return addToArchive(bundle, `/${READS_FILE}`, `${JSON.stringify({ version: READS_VERSION, wasm: digest(wasm), reads })}\n`);
}

/** Reads a bundle from a file or from bytes. The failure is a sentence. */
export async function readBundle(source: string | Buffer): Promise<Result<Bundle, string>> {
  try {
    const files = await readArchive(typeof source === "string" ? await readFile(source) : source, [
      ".manifest",
      "data.json",
      "policy.wasm",
      READS_FILE,
    ]);
    const manifest = parseTree(files.get(".manifest"));
    const data = parseTree(files.get("data.json"));
    const wasm = files.get("policy.wasm");
    if (manifest === undefined || data === undefined) return fail("The bundle has no readable .manifest and data.json.");
    if (wasm === undefined) return fail("The bundle holds no policy.wasm: build it with `sluice build`.");
    const { revision } = manifest;
    return ok({
      revision: typeof revision === "string" ? revision : "",
      data,
      wasm: new Uint8Array(wasm),
      reads: boundReads(parseTree(files.get(READS_FILE)), wasm) ?? WHOLE,
    });
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

function boundReads(file: Tree | undefined, wasm: Buffer): Reads | undefined {
  if (file?.["version"] !== READS_VERSION || file["wasm"] !== digest(wasm)) return undefined;
  return parseReads(file["reads"]);
}

function digest(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
