/**
 * API keys: `Authorization: Bearer sluice_…` or `X-API-Key: sluice_…`, known by their SHA-256 alone.
 * Must not stop early at a match, keep a key, or say which part of a credential was wrong.
 *
 * A plain hash is enough because keys are random (256 bits): there is no dictionary to run against it. The form is checked so that
 * nobody can configure the hash of a password instead.
 */
import { createHash, randomInt, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { ApiKeyConfig } from "../config/config.ts";
import { deepFreeze } from "../config/freeze.ts";
import { fail, ok, type Result } from "../errors.ts";
import type { PrincipalFacts } from "../policy/input.ts";
import type { Authenticated, Authenticator, CredentialHeader } from "./authenticator.ts";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX = "sluice_";
/** 62⁴³ is the first power above 2²⁵⁶. */
const LENGTH = 43;
const FORM = /^sluice_[0-9A-Za-z]{32,128}$/u;

/** A new random key. Only its hash is configured. */
export function newApiKey(): string {
  return PREFIX + Array.from({ length: LENGTH }, () => BASE62[randomInt(BASE62.length)]).join("");
}

/** Lower-case hex SHA-256, as `authn.api_keys[].sha256` holds it. */
export function hashApiKey(key: string): string {
  return createHash("sha256").update(key, "utf8").digest("hex");
}

interface KnownKey extends ApiKeyConfig {
  readonly digest: Buffer;
  /** The same object each time: what is made from it for policy is made once. */
  readonly principal: PrincipalFacts;
}

/** `equal` compares two digests in constant time. */
export function createApiKeyAuthenticator(
  keys: readonly ApiKeyConfig[],
  equal: (a: Buffer, b: Buffer) => boolean = timingSafeEqual,
): Authenticator {
  const known: KnownKey[] = keys.map((key) => ({
    ...key,
    digest: Buffer.from(key.sha256, "hex"),
    principal: deepFreeze<PrincipalFacts>({
      id: key.id,
      method: "api_key",
      scopes: [...key.scopes],
      groups: [...key.groups],
      claims: {},
    }),
  }));
  return {
    async authenticate({ headers }, nowMs): Promise<Result<Authenticated>> {
      const presented = presentedKeys(headers);
      const [first] = presented;
      if (first === undefined) return refuse("no API key was presented");
      if (presented.some(({ key }) => key !== first.key)) return refuse("two different API keys were presented");
      const digest = createHash("sha256").update(first.key, "utf8").digest();
      let match: KnownKey | undefined;
      // Every known key is compared: the time says nothing about which one matched, or how nearly.
      for (const each of known) if (equal(digest, each.digest)) match = each;
      if (match === undefined) return refuse("the API key is not known");
      if (match.expires !== undefined && match.expires <= nowMs) return refuse(`the API key "${match.id}" has expired`);
      return ok({ principal: match.principal, consumed: presented.map(({ header }) => header) });
    },
  };
}

/**
 * The headers that hold a key of ours. A value of another form is somebody else's: with `authorization: passthrough` a client sends its key
 * as X-API-Key and the server's own token as Authorization.
 */
function presentedKeys(headers: IncomingHttpHeaders): { header: CredentialHeader; key: string }[] {
  const bearer = /^bearer +(\S+)$/iu.exec(headers.authorization ?? "")?.[1];
  const single = headers["x-api-key"];
  const candidates = [
    { header: "authorization", key: bearer },
    { header: "x-api-key", key: typeof single === "string" ? single : undefined },
  ] as const;
  return candidates.flatMap(({ header, key }) => (key !== undefined && FORM.test(key) ? [{ header, key }] : []));
}

const refuse = (detail: string) => fail({ code: "ERR_UNAUTHENTICATED" as const, detail });
