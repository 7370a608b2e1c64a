import { timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createApiKeyAuthenticator, hashApiKey, newApiKey } from "../../src/authn/api-key.ts";
import type { AuthnRequest } from "../../src/authn/authenticator.ts";
import type { ApiKeyConfig } from "../../src/config/config.ts";

const [ci, dev, old] = [newApiKey(), newApiKey(), newApiKey()];
const EXPIRY = Date.UTC(2026, 10, 24);
const keys: ApiKeyConfig[] = [
  { id: "ci", sha256: hashApiKey(ci), groups: ["deployers"], scopes: ["read"], expires: undefined },
  { id: "dev", sha256: hashApiKey(dev), groups: [], scopes: [], expires: undefined },
  { id: "old", sha256: hashApiKey(old), groups: [], scopes: [], expires: EXPIRY },
];
const authenticator = createApiKeyAuthenticator(keys);

const request = (headers: IncomingHttpHeaders): AuthnRequest => ({ headers, socket: { remoteAddress: "127.0.0.1", encrypted: false } });

test.each([
  ["Authorization", { authorization: `Bearer ${ci}` }, ["authorization"]],
  ["Authorization with its scheme in another case", { authorization: `bearer  ${ci}` }, ["authorization"]],
  ["X-API-Key", { "x-api-key": ci }, ["x-api-key"]],
  ["both, with the same key", { authorization: `Bearer ${ci}`, "x-api-key": ci }, ["authorization", "x-api-key"]],
  ["X-API-Key, beside the server's own token", { authorization: "Bearer ghp_x", "x-api-key": ci }, ["x-api-key"]],
  ["Authorization, beside the server's own key", { authorization: `Bearer ${ci}`, "x-api-key": "abc" }, ["authorization"]],
])("takes a key from %s and says which headers held it", async (_name, headers, consumed) => {
  const answer = await authenticator.authenticate(request(headers), 0);
  const principal = { id: "ci", method: "api_key", groups: ["deployers"], scopes: ["read"], claims: {} };
  expect(answer).toEqual({ ok: true, value: { principal, consumed } });
});

test.each<[string, IncomingHttpHeaders, string]>([
  ["nothing", {}, "no API key was presented"],
  ["a token of another form", { authorization: "Bearer abc" }, "no API key was presented"],
  ["another scheme", { authorization: `Basic ${ci}` }, "no API key was presented"],
  ["a key without scheme", { authorization: ci }, "no API key was presented"],
  ["two keys in one header", { "x-api-key": `${ci}, ${dev}` }, "no API key was presented"],
  ["two headers of one name", { "x-api-key": [ci, ci] }, "no API key was presented"],
  ["a very long key", { "x-api-key": `sluice_${"a".repeat(129)}` }, "no API key was presented"],
  ["the hash in place of the key", { "x-api-key": hashApiKey(ci) }, "no API key was presented"],
  ["a key that nobody has", { "x-api-key": newApiKey() }, "the API key is not known"],
  ["a key with one letter more", { "x-api-key": `${ci}a` }, "the API key is not known"],
  ["a key in other case", { "x-api-key": ci.toUpperCase().replace("SLUICE_", "sluice_") }, "the API key is not known"],
  ["two different keys", { authorization: `Bearer ${ci}`, "x-api-key": dev }, "two different API keys were presented"],
  ["a known and an unknown key", { authorization: `Bearer ${ci}`, "x-api-key": newApiKey() }, "two different API keys were presented"],
])("refuses %s", async (_name, headers, detail) => {
  expect(await authenticator.authenticate(request(headers), 0)).toEqual({ ok: false, failure: { code: "ERR_UNAUTHENTICATED", detail } });
});

test("refuses a key from the very millisecond of its expiry", async () => {
  const presented = request({ "x-api-key": old });
  expect((await authenticator.authenticate(presented, EXPIRY - 1)).ok).toBe(true);
  const late = { ok: false, failure: { code: "ERR_UNAUTHENTICATED", detail: 'the API key "old" has expired' } };
  expect(await authenticator.authenticate(presented, EXPIRY)).toEqual(late);
});

test("compares with every configured key, whichever matches and whether one does", async () => {
  for (const key of [ci, dev, old, newApiKey()]) {
    let compared = 0;
    const counting = createApiKeyAuthenticator(keys, (a, b) => {
      compared += 1;
      return timingSafeEqual(a, b);
    });
    await counting.authenticate(request({ "x-api-key": key }), 0);
    expect(compared).toBe(keys.length);
  }
});

test("no header value that is not a configured key authenticates, and none is repeated in the refusal", async () => {
  const value = fc.oneof(
    fc.string({ minLength: 4 }),
    fc.stringMatching(/^sluice_[0-9A-Za-z]{32,43}$/),
    fc.nat(ci.length - 1).map((at) => ci.slice(0, at) + (ci[at] === "x" ? "y" : "x") + ci.slice(at + 1)),
  );
  await fc.assert(
    fc.asyncProperty(value, async (presented) => {
      for (const headers of [{ "x-api-key": presented }, { authorization: `Bearer ${presented}` }]) {
        const answer = await authenticator.authenticate(request(headers), 0);
        expect(answer.ok).toBe(false);
        if (!answer.ok && presented.startsWith("sluice_")) expect(answer.failure.detail).not.toContain(presented);
      }
    }),
  );
});

test("new keys are distinct, of the documented form, and use every letter", () => {
  const made = Array.from({ length: 200 }, newApiKey);
  expect(new Set(made).size).toBe(200);
  for (const key of made) expect(key).toMatch(/^sluice_[0-9A-Za-z]{43}$/);
  expect(new Set(made.join("").replaceAll("sluice_", "")).size).toBe(62);
});
