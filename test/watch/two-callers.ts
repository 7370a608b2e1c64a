/** The command line with one worker and callers with keys, who get in each other's way: its server, its log, and what each caller is told. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { hashApiKey, newApiKey } from "../../src/authn/api-key.ts";
import type { AuditRecord } from "../../src/audit/record.ts";
import { startSluice } from "../cli/sluice-process.ts";
import { type RawAnswer, send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

export const OK = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';

export interface TwoCallers<Name extends string> {
  /** Answers `OK` until it is told otherwise. */
  readonly upstream: ScriptedUpstream;
  readonly url: string;
  readonly process: ReturnType<typeof startSluice>;
  readonly keys: Readonly<Record<Name, string>>;
  /** On a connection of its own. */
  post(who: Name, body: string): Promise<RawAnswer>;
  records(): AuditRecord[];
  close(): Promise<void>;
}

/** `limits`: as in the configuration; `rules`: Rego by file name. */
export async function openTwoCallers<Name extends string>(
  names: readonly Name[],
  limits: string,
  rules: Readonly<Record<string, string>>,
): Promise<TwoCallers<Name>> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-callers-"));
  mkdirSync(join(folder, "rules"));
  for (const [name, rego] of Object.entries(rules)) writeFileSync(join(folder, "rules", name), rego);
  const upstream = await openUpstream();
  upstream.answer(json(OK));
  const keys = Object.fromEntries(names.map((name) => [name, newApiKey()])) as Record<Name, string>;
  const known = names.map((name) => `{id: ${name}, sha256: ${hashApiKey(keys[name])}}`);
  const file = join(folder, "sluice.yaml");
  writeFileSync(
    file,
    [
      "listen: 127.0.0.1:0",
      "audit: {file: ./audit.jsonl}",
      `limits: ${limits}`,
      "policy: {path: ./rules}",
      `authn: {api_keys: [${known.join(", ")}]}`,
      `servers: {one: {url: "${upstream.url}"}}`,
    ].join("\n"),
  );
  const sluice = startSluice(["serve", "--config", file]);
  sluice.stderr.resume();
  const url = await new Promise<string>((resolve, reject) => {
    sluice.once("exit", (code) => {
      reject(new Error(`it ended: ${code}`));
    });
    createInterface({ input: sluice.stdout }).on("line", (line) => {
      const found = /http:\/\/\S+/u.exec(line)?.[0];
      if (found !== undefined) resolve(found);
    });
  });
  return {
    upstream,
    url,
    process: sluice,
    keys,
    post: (who, body) => send(url, { body, headers: { "X-API-Key": keys[who], Connection: "close" } }),
    records: () =>
      readFileSync(join(folder, "audit.jsonl"), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as AuditRecord),
    async close() {
      sluice.kill("SIGKILL");
      await upstream.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
