/**
 * `sluice key new`: makes an API key, shows it once and prints the lines for the configuration.
 * Must not store the key, and must never read one.
 */
import { randomBytes } from "node:crypto";
import { stringify } from "yaml";
import { hashApiKey, newApiKey } from "../authn/api-key.ts";
import { apiKeySchema } from "../config/schema.ts";
import { EXIT, type ExitCode, type Streams } from "./streams.ts";

export interface KeyOptions {
  readonly id?: string;
  readonly groups?: readonly string[];
  readonly scopes?: readonly string[];
  readonly expires?: string;
}

export function newKey(options: KeyOptions, { stdout, stderr }: Streams): ExitCode {
  const key = newApiKey();
  const entry = {
    id: options.id ?? `key-${randomBytes(3).toString("hex")}`,
    sha256: hashApiKey(key),
    ...(options.groups === undefined ? {} : { groups: options.groups }),
    ...(options.scopes === undefined ? {} : { scopes: options.scopes }),
    ...(options.expires === undefined ? {} : { expires: options.expires }),
  };
  const checked = apiKeySchema.safeParse(entry);
  if (!checked.success) {
    for (const issue of checked.error.issues) stderr.write(`error: --${String(issue.path[0])}: ${issue.message}\n`);
    return EXIT.usage;
  }
  stderr.write("The key is shown this once; the configuration holds only its SHA-256.\n");
  stdout.write(`${key}\n\n${stringify({ authn: { api_keys: [entry] } }, { lineWidth: 0 })}`);
  return EXIT.fine;
}
