/**
 * Reads the message-level cases of the shipped packs: one message, the settings under which it is judged, and what must become of it.
 * Must not judge.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const settings = z.record(z.string(), z.record(z.string(), z.unknown()));
const direction = z.enum(["client_to_server", "server_to_client"]);
const trust = z.enum(["internal", "partner", "third_party"]);
const principal = z.strictObject({
  id: z.string(),
  groups: z.array(z.string()).optional(),
  scopes: z.array(z.string()).optional(),
});

const expectation = z.strictObject({
  effect: z.enum(["allow", "rewrite", "redact", "hold", "deny", "error"]),
  reason: z.string().optional(),
  /** All rules that fired besides grants, in the message and in the entries of its list: exactly these. */
  rules: z.array(z.string()),
  /** Entries that were taken out of a list. */
  hidden: z.array(z.string()).optional(),
  /** The exact text that goes on, `same` for the message as it came, null for nothing. */
  output: z.string().nullable(),
});

const shared = { settings: settings.optional(), direction: direction.optional(), trust: trust.optional(), principal: principal.optional() };

const caseFile = z.strictObject({
  ...shared,
  cases: z
    .array(z.strictObject({ ...shared, name: z.string(), request: z.string().optional(), message: z.string(), expect: expectation }))
    .min(1),
});

type CaseFile = z.infer<typeof caseFile>;

/** One case; what its file says for all of them is filled in. */
export type Case = CaseFile["cases"][number] & { readonly pack: string; readonly file: string };

/** The cases below a folder, `<pack>/<what-happens>.yaml`. Throws on a file that is not one. */
export function readCases(folder: string): Case[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".yaml"));
  return files.toSorted().flatMap((file) => {
    const checked = caseFile.safeParse(parse(readFileSync(join(folder, file), "utf8")));
    if (!checked.success) throw new Error(`${file}: ${z.prettifyError(checked.error)}`);
    const { cases, ...common } = checked.data;
    return cases.map((each) => ({ ...common, ...each, pack: file.split("/")[0] ?? "", file }));
  });
}
