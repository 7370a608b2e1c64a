/**
 * Reads that make judging slow: what differs in every message, so that no decision can be used again, and what is large, so that all of it
 * enters the engine. Nothing is wrong with such a rule but its price. Must only warn.
 */
import type { Analysis } from "../reads/analyse.ts";
import type { Place } from "../reads/place.ts";
import type { Plan, Statement } from "./plan.ts";
import type { Slip } from "./rule-check.ts";

/** What no two messages share, by path, with what to read instead. */
const ALWAYS_ANOTHER: Readonly<Record<string, string>> = {
  "now.unix_ms": "Use input.now.hour and input.now.weekday where they will do; a waiver ends by itself.",
  "now.rfc3339": "Use input.now.hour and input.now.weekday where they will do; a waiver ends by itself.",
  "mcp.id": "Use input.session.id or input.principal.id to tell callers apart.",
  "http.headers.traceparent": "It is there for the audit of others: what a client writes into it grants nothing.",
  "http.headers.x-request-id": "It is there for the audit of others: what a client writes into it grants nothing.",
  "mcp.size": "limits.body in the configuration bounds every message.",
};

const BY_NAME = "Read the members that the rule needs by their names; for what texts hold there are input.findings and input.urls.";

/** Parts as large as the sender likes. `*` stands for every key or element. */
const LARGE: ReadonlySet<string> = new Set([
  "",
  "mcp",
  "mcp.error",
  "mcp.error.data",
  "mcp.item",
  "mcp.item.inputSchema",
  "mcp.params",
  "mcp.params.arguments",
  "mcp.params.messages",
  "mcp.request",
  "mcp.request.params",
  "mcp.request.params.arguments",
  "mcp.result",
  "mcp.result.content",
  "mcp.result.content.*.resource",
  "mcp.result.content.*.text",
  "mcp.result.contents",
  "mcp.result.contents.*.text",
  "mcp.result.messages",
  "mcp.result.messages.*.content",
  "mcp.result.messages.*.content.text",
  "mcp.result.structuredContent",
  "target",
  "target.definition",
  "target.definition.inputSchema",
  "tool",
  "tool.definition",
  "tool.definition.inputSchema",
]);

/** Parts of the message that have names for members: a key that is not constant reaches any of them. */
const BY_ANY_KEY: ReadonlySet<string> = new Set([
  "",
  "mcp",
  "mcp.error",
  "mcp.item",
  "mcp.params",
  "mcp.request",
  "mcp.request.params",
  "mcp.result",
]);

/** A whole moment is one that no two messages share. */
const HOLDERS: Readonly<Record<string, string>> = { now: "now.unix_ms" };

/** What a flow has used of its limits: another figure after each call that counts. */
const COUNTERS = /^flow(?:\.counters(?:\..*)?)?$/;

/** One warning for each statement and what it reads, at its staged place. Sluice's own rules are left out. */
export function costlyReads(plan: Plan, { places, unknown }: Analysis): Slip[] {
  if (unknown !== undefined)
    return [
      {
        file: "policy",
        location: undefined,
        check: "policy/costly-read",
        message: `This OPA plans with \`${unknown}\`, which is not known here: the whole input is handed to the policy, and every message is judged anew.`,
        severity: "warning",
      },
    ];
  const slips = new Map<string, Slip>();
  for (const place of places) {
    for (const by of place.wholeFor) {
      const slip = costlyRead(place, by, plan);
      if (slip !== undefined) slips.set(`${slip.file}:${by.row}:${slip.message}`, slip);
    }
  }
  return [...slips.values()].toSorted((a, b) => a.file.localeCompare(b.file) || (a.location?.row ?? 0) - (b.location?.row ?? 0));
}

function costlyRead({ keys, path }: Place, by: Statement, plan: Plan): Slip | undefined {
  const file = plan.files[by.file ?? -1] ?? "";
  if (file.startsWith("A/firewall/")) return undefined;
  const slip = (message: string, hint: string): Slip => ({
    file,
    location: { row: by.row ?? 1, col: by.col ?? 1 },
    check: "policy/costly-read",
    message,
    hint,
    severity: "warning",
  });
  const name = nameOf(keys);
  const another = HOLDERS[name] ?? name;
  if (Object.hasOwn(ALWAYS_ANOTHER, another))
    return slip(`This reads \`${path}\`, which no two messages share: every message is judged anew.`, ALWAYS_ANOTHER[another] ?? "");
  if (COUNTERS.test(name))
    return slip(
      `This reads \`${path}\`, which changes with each call that a limit counts: such messages are judged anew.`,
      "A `limit` rule refuses what is over its max by itself.",
    );
  if (LARGE.has(name))
    return slip(
      `This reads all of \`${path.replace(/(?:\[_\])+$/, "")}\`: all of its text enters the engine, and hardly a decision can be used again.`,
      BY_NAME,
    );
  const any = keys.indexOf(undefined);
  const holder = keys.slice(0, any);
  if (any !== -1 && BY_ANY_KEY.has(holder.join(".")))
    return slip(
      `This looks for a member of \`${["input", ...holder].join(".")}\` by a key that is not constant: all of its keys are read.`,
      BY_NAME,
    );
  return undefined;
}

/** Every element, again and again, is all of it. */
function nameOf(keys: readonly (string | undefined)[]): string {
  const last = keys.findLastIndex((key) => key !== undefined);
  return keys
    .slice(0, last + 1)
    .map((key) => key ?? "*")
    .join(".");
}
