/**
 * What set-up remembers between runs: per step one small JSON file, written only after the step succeeded.
 * A missing or different stamp means "do it again"; an interrupted step leaves none.
 */
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";

/** SHA-256 over the names and contents of files and folders (sorted, relative to root); missing ones count as absent. */
export function hashOf(root, names) {
  const hash = crypto.createHash("sha256");
  const add = (name) => {
    const full = path.join(root, name);
    const stat = fs.statSync(full, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (stat.isDirectory()) {
      for (const entry of fs.readdirSync(full).sort()) add(path.join(name, entry));
      return;
    }
    hash.update(`${name}\0${stat.size}\0`).update(fs.readFileSync(full));
  };
  for (const name of names) add(name);
  return hash.digest("hex");
}

/** The stamp of a step, or undefined when there is none or it cannot be read (an interrupted write counts as none). */
export function readStamp(tools, step) {
  try {
    return JSON.parse(fs.readFileSync(path.join(tools, "stamps", `${step}.json`), "utf8"));
  } catch {
    return undefined;
  }
}

export function writeStamp(tools, step, stamp) {
  const file = path.join(tools, "stamps", `${step}.json`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(stamp)}\n`);
  fs.renameSync(`${file}.${process.pid}`, file);
}

export function dropStamp(tools, step) {
  fs.rmSync(path.join(tools, "stamps", `${step}.json`), { force: true });
}
