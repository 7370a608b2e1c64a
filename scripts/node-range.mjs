/**
 * Which Node versions this project runs on: the range in package.json, read the same way by set-up and by the launcher.
 * Must run under any Node from 18 on and import nothing but Node's own modules.
 */
import fs from "node:fs";

/** The range as package.json states it. */
export const nodeRange = JSON.parse(fs.readFileSync(new URL("../package.json", import.meta.url), "utf8")).engines.node;

/**
 * Whether a version such as "24.21.0" lies in a range made of `^A.B.C` and `>=A.B.C` joined by `||` (all that package.json uses).
 * A pre-release counts as its release.
 */
export function satisfies(version, range = nodeRange) {
  const have = numbers(version);
  return range.split("||").some((part) => {
    const match = /^\s*(\^|>=)\s*(\d+\.\d+\.\d+)\s*$/.exec(part);
    if (match === null) return false;
    const want = numbers(match[2]);
    return compare(have, want) >= 0 && (match[1] === ">=" || have[0] === want[0]);
  });
}

/** Negative, zero or positive as the dotted version `a` is older than, equal to or newer than `b`. */
export function compareVersions(a, b) {
  return compare(numbers(a), numbers(b));
}

function numbers(version) {
  return version
    .replace(/^v/, "")
    .split(/[.+-]/)
    .slice(0, 3)
    .map((part) => Number.parseInt(part, 10) || 0);
}

function compare(a, b) {
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
