/**
 * Keeps compiled code between two starts, which halves the time of a start. What is in the folder is executed: must not use one that
 * anybody else can write to.
 */
import { mkdirSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { isPrivate, stateFolder } from "./policy/build/cache.ts";
import { packageRoot } from "./policy/sources/shipped.ts";

/** To be called before anything large is loaded. Without a folder to keep it in everything only takes longer. */
export function keepCompiledCode(): void {
  try {
    const folder = join(stateFolder(packageRoot(), process.env), "compiled");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (isPrivate(folder)) enableCompileCache(folder);
  } catch {
    // A read-only file system: nothing is kept.
  }
}
