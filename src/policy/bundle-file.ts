/**
 * Reads an OPA bundle (tar.gz) under limits: manifest, data and the WebAssembly module. Must not believe what it reads: a bundle is
 * code, and is held to the load gate like one that was built here.
 */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { fail, ok, type Result } from "../errors.ts";
import { isTree, type Tree } from "./tree.ts";

const MAX_UNPACKED = 512 * 1024 * 1024;
const MAX_ENTRIES = 20_000;

export interface Bundle {
  readonly revision: string;
  readonly entrypoints: readonly string[];
  readonly data: Tree;
  /** A buffer of its own: the engine compiles it. */
  readonly wasm: Uint8Array<ArrayBuffer>;
}

/** Reads a bundle from a file or from bytes. The failure is a sentence. */
export async function readBundle(source: string | Buffer): Promise<Result<Bundle, string>> {
  const wanted = new Map<string, Buffer[]>([
    ["/.manifest", []],
    ["/data.json", []],
    ["/policy.wasm", []],
  ]);
  const seen = new Set<string>();
  let size = 0;
  const entries = extract();
  entries.on("entry", (header, stream, next) => {
    const name = `/${header.name.replace(/^(\.?\/)+/, "")}`;
    const chunks = header.type === "file" ? wanted.get(name) : undefined;
    if (seen.size >= MAX_ENTRIES || (chunks !== undefined && seen.has(name))) {
      entries.destroy(new Error("it holds too many files, or one of them twice"));
      return;
    }
    seen.add(name);
    stream.on("data", (chunk) => {
      chunks?.push(chunk as Buffer);
    });
    stream.on("end", next);
    stream.resume();
  });
  try {
    const count = async function* (input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of input) {
        size += chunk.length;
        if (size > MAX_UNPACKED) throw new Error("it is too large");
        yield chunk;
      }
    };
    await pipeline(typeof source === "string" ? createReadStream(source) : Readable.from([source]), createGunzip(), count, entries);
  } catch (error) {
    return fail(`The bundle cannot be read: ${error instanceof Error ? error.message : "fault"}.`);
  }
  return toBundle(wanted);
}

function toBundle(files: ReadonlyMap<string, readonly Buffer[]>): Result<Bundle, string> {
  const manifest = parseTree(files.get("/.manifest"));
  const data = parseTree(files.get("/data.json"));
  const wasm = Buffer.concat(files.get("/policy.wasm") ?? []);
  if (manifest === undefined || data === undefined) return fail("The bundle has no readable .manifest and data.json.");
  if (wasm.length === 0) return fail("The bundle holds no policy.wasm: build it with `sluice build`.");
  const modules = Array.isArray(manifest["wasm"]) ? manifest["wasm"].filter(isTree) : [];
  const entrypoints = modules.map((module) => String(module["entrypoint"]));
  const revision = manifest["revision"];
  return ok({ revision: typeof revision === "string" ? revision : "", entrypoints, data, wasm: new Uint8Array(wasm) });
}

function parseTree(chunks: readonly Buffer[] | undefined): Tree | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks ?? []).toString("utf8"));
    return isTree(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
