/**
 * What the checks of a configuration share: how a problem is reported at its place, and how a file is looked at.
 * Must not decide what is a problem.
 */
import { readFileSync } from "node:fs";
import type { Locate, Path } from "./document.ts";
import type { Problem } from "./problem.ts";
import { ioReason } from "./io-reason.ts";

/** Collects problems; files are named as written, and opened at their absolute path. */
export interface Checks {
  error(path: Path, check: string, message: string, hint?: string, part?: "key" | "value"): void;
  warning(path: Path, check: string, message: string, hint?: string): void;
  /** Reports a file that is missing, or holds no PEM block of this kind; gives its text otherwise. */
  pem(path: Path, file: string, kind: "CERTIFICATE" | "PRIVATE KEY"): string | undefined;
}

export interface CheckContext {
  readonly file: string;
  readonly locate: Locate;
  readonly shippedPacks: readonly string[];
  readonly now: number;
  /** Whether the value at a path was wrong and stands at its default: then nothing that follows from it is worth saying. */
  readonly replaced: (path: Path) => boolean;
}

export function collector(problems: Problem[], { file, locate }: CheckContext): Checks {
  const add = (severity: "error" | "warning", path: Path, check: string, message: string, hint?: string, part?: "key" | "value"): void => {
    problems.push({ file, ...locate(path, part), severity, check, message, ...(hint === undefined ? {} : { hint }) });
  };
  const checks: Checks = {
    error: (path, check, message, hint, part) => add("error", path, check, message, hint, part),
    warning: (path, check, message, hint) => add("warning", path, check, message, hint),
    pem(path, name, kind) {
      try {
        const text = readFileSync(name, "utf8");
        if (new RegExp(`-----BEGIN [A-Z ]*${kind}-----`, "u").test(text)) return text;
        checks.error(path, "config/pem", `${name} holds no PEM block "${kind}"`);
      } catch (error) {
        checks.error(
          path,
          "config/missing-file",
          `${name} cannot be read: ${ioReason(error)}`,
          "Relative paths start at the configuration file's folder.",
        );
      }
      return undefined;
    },
  };
  return checks;
}
