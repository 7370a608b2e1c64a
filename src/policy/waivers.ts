/**
 * Waivers: exceptions with an owner, a reason and an end, kept as data. They lift deny and hold of one rule and nothing else.
 * Must not read a clock: the moment is passed in.
 */
import { readMoment } from "../config/moment.ts";
import type { Problem } from "../config/problem.ts";
import type { Place, TreePath } from "./sources/operator-data.ts";
import { RULE_ID } from "./effects.ts";
import { isTree } from "./tree.ts";

export interface Waiver {
  readonly id: string;
  readonly server?: string;
  /** Name or URI of a target. */
  readonly target?: string;
  /** Id of a principal. */
  readonly principal?: string;
  readonly owner: string;
  readonly reason: string;
  /** Unix milliseconds; a date alone ends at its first moment in UTC. */
  readonly expires: number;
}

export interface WaiverContext {
  readonly server: string;
  readonly target: string | undefined;
  readonly principal: string;
  readonly now: number;
}

const NEEDED = ["id", "owner", "reason", "expires"];
const SCOPES = ["server", "target", "principal"];

/** Reads `data.waivers`. A malformed one is an error: nobody may believe in an exception, or in its end, that is not there. */
export function readWaivers(
  value: unknown,
  place: (path: TreePath) => Place,
): { waivers: readonly Waiver[]; problems: readonly Problem[] } {
  if (value === undefined) return { waivers: [], problems: [] };
  if (!Array.isArray(value)) return { waivers: [], problems: [problem(place(["waivers"]), "`waivers` must be a list.")] };
  const waivers: Waiver[] = [];
  const problems: Problem[] = [];
  for (const [at, entry] of value.entries()) {
    const read = readWaiver(entry);
    if (typeof read === "object") waivers.push(read);
    else problems.push(problem(place(["waivers", at]), `This waiver cannot be used: ${read}.`));
  }
  return { waivers, problems };
}

/** A string says what is wrong. */
function readWaiver(entry: unknown): Waiver | string {
  if (!isTree(entry)) return "it is not an object";
  for (const name of NEEDED) if (typeof entry[name] !== "string" || entry[name] === "") return `\`${name}\` is missing or not text`;
  for (const name of SCOPES)
    if (entry[name] !== undefined && (typeof entry[name] !== "string" || entry[name] === "")) return `\`${name}\` is not text`;
  const unknown = Object.keys(entry).find((name) => !NEEDED.includes(name) && !SCOPES.includes(name));
  if (unknown !== undefined) return `there is no field \`${unknown}\``;
  if (!RULE_ID.test(String(entry["id"]))) return "`id` is not of the form `<package>/<rule>`";
  // Without a zone a time would mean another moment on every machine.
  const expires = readMoment(String(entry["expires"]));
  if (typeof expires === "string") return "`expires` is not a date (2026-12-31) or a time with a zone (2026-12-31T18:00:00Z)";
  return { ...(entry as unknown as Waiver), expires };
}

export function isWaived(id: string, waivers: readonly Waiver[], context: WaiverContext): boolean {
  return waivers.some(
    (waiver) =>
      waiver.id === id &&
      context.now < waiver.expires &&
      (waiver.server === undefined || waiver.server === context.server) &&
      (waiver.target === undefined || waiver.target === context.target) &&
      (waiver.principal === undefined || waiver.principal === context.principal),
  );
}

function problem(place: Place, message: string): Problem {
  return {
    ...place,
    severity: "error",
    check: "policy/waiver",
    message,
    hint: "A waiver has id, owner, reason, expires, and perhaps server, target, principal.",
  };
}
