// @ts-check
/**
 * Where this installation keeps what it makes for itself, and the code that Node compiled, which makes the next start short. What is in
 * that folder is executed: must not use one that anybody else can write to. Plain JavaScript, because loading the first TypeScript file
 * costs what this saves: Node's own reader of TypeScript, 25 ms and 10 MB in each process.
 */
import { accessSync, constants, lstatSync, mkdirSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * `<root>/.sluice` when that can be written, else the user's cache folder.
 * @param {string} root folder of the installation
 * @param {NodeJS.ProcessEnv} env
 * @returns {string}
 */
export function stateFolder(root, env) {
  try {
    accessSync(root, constants.W_OK);
    return join(root, ".sluice");
  } catch {
    return join(env["XDG_CACHE_HOME"] ?? join(env["HOME"] ?? homedir(), ".cache"), "sluice");
  }
}

/**
 * Whether a folder belongs to this user and nobody else can enter it. Throws when there is none.
 * @param {string} folder
 */
export function isPrivate(folder) {
  const stat = lstatSync(folder);
  return stat.isDirectory() && (stat.mode & 0o077) === 0 && (process.getuid === undefined || stat.uid === process.getuid());
}

/**
 * Has Node keep compiled code, in this process and in those that it starts. To be called before anything large is loaded. Without a
 * folder to keep it in everything only takes longer.
 * @param {string} root folder of the installation
 * @param {NodeJS.ProcessEnv} env the process's own: others inherit the folder from it
 */
export function keepCompiledCode(root, env) {
  if (env["NODE_COMPILE_CACHE"] !== undefined) return;
  try {
    const folder = join(stateFolder(root, env), "compiled");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!isPrivate(folder)) return;
    enableCompileCache(folder);
    env["NODE_COMPILE_CACHE"] = folder;
  } catch {
    // A read-only file system: nothing is kept.
  }
}
