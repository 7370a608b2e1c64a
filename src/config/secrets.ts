/**
 * Reads secrets from where they are kept, at the moment they are used, so that a rotated file takes effect without a restart.
 * Must not log, quote or keep a secret anywhere but in its own small cache.
 */
import { readFileSync, statSync } from "node:fs";
import { type Failure, fail, ok, type Result } from "../errors.ts";
import type { SecretRef } from "./config.ts";
import { ioReason } from "./io-reason.ts";

/** A secret is a token, not a document. */
const LONGEST = 16 * 1024;

interface Cached {
  readonly stamp: string;
  readonly value: string;
}

const cache = new Map<string, Cached>();
const CACHE_SIZE = 1024;

/**
 * The secret behind a reference. Of a file one trailing line break is taken off. Fails (ERR_UPSTREAM_CREDENTIAL, `detail` names the
 * reference, never the value) when it is missing, empty, too long or holds a control character, which could start a header of its own.
 */
export function readSecret(ref: SecretRef): Result<string> {
  return "env" in ref ? accept(process.env[ref.env], describeSecret(ref)) : fromFile(ref.file, describeSecret(ref));
}

/** How a reference is named in messages. */
export function describeSecret(ref: SecretRef): string {
  return "env" in ref ? `environment variable ${ref.env}` : `file ${ref.file}`;
}

/**
 * The value of a configured header. An `Authorization` whose secret is a bare token (one word) is sent as `Bearer`: that is what people
 * keep in GITHUB_TOKEN.
 */
export function readHeader(name: string, value: string | SecretRef): Result<string> {
  if (typeof value === "string") return ok(value);
  const secret = readSecret(value);
  if (!secret.ok || name.toLowerCase() !== "authorization" || secret.value.includes(" ")) return secret;
  return ok(`Bearer ${secret.value}`);
}

function fromFile(file: string, what: string): Result<string> {
  try {
    const facts = statSync(file, { bigint: true });
    // Kubernetes swaps a symbolic link: then the inode changes even when time and size do not.
    const stamp = `${facts.dev}:${facts.ino}:${facts.mtimeNs}:${facts.size}`;
    const cached = cache.get(file);
    if (cached?.stamp === stamp) return ok(cached.value);
    if (!facts.isFile()) return refuse(`${what} is not a file`);
    if (facts.size > LONGEST) return refuse(`${what} is longer than ${LONGEST} bytes`);
    const read = accept(readFileSync(file, "utf8").replace(/\r?\n$/u, ""), what);
    if (read.ok) {
      if (cache.size >= CACHE_SIZE) cache.clear();
      cache.set(file, { stamp, value: read.value });
    }
    return read;
  } catch (error) {
    return refuse(`${what} cannot be read: ${ioReason(error)}`);
  }
}

function accept(value: string | undefined, what: string): Result<string> {
  if (value === undefined) return refuse(`${what} is not set`);
  if (value.length === 0) return refuse(`${what} is empty`);
  if (value.length > LONGEST) return refuse(`${what} is longer than ${LONGEST} characters`);
  // RFC 9110 section 5.5: visible characters and spaces; a line break would inject a header.
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/u.test(value))
    return refuse(`${what} holds a character that no header may hold, or a space at an end`);
  return ok(value);
}

const refuse = (detail: string): { ok: false; failure: Failure } => fail({ code: "ERR_UPSTREAM_CREDENTIAL", detail });
