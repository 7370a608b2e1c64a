/** Finds a Node on this machine that is too old for the program, to run the launcher and set-up under it. Must not install one. */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

/** The first `node` on PATH older than 22, or undefined. */
export function findOldNode(): string | undefined {
  for (const folder of (process.env["PATH"] ?? "").split(path.delimiter)) {
    const node = path.join(folder, "node");
    if (folder === "" || !fs.existsSync(node)) continue;
    const version = execFileSync(node, ["--version"], { encoding: "utf8" });
    if (Number.parseInt(version.slice(1), 10) < 22) return node;
  }
  return undefined;
}
