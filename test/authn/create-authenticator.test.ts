import { expect, test } from "vitest";
import { hashApiKey, newApiKey } from "../../src/authn/api-key.ts";
import { createAuthenticator } from "../../src/authn/create-authenticator.ts";

const socket = { remoteAddress: "127.0.0.1", encrypted: false };

test("takes everybody for anonymous when no credentials are asked for, and consumes no header", async () => {
  const authenticator = createAuthenticator({ anonymous: true });
  const answer = await authenticator.authenticate({ headers: { authorization: `Bearer ${newApiKey()}` }, socket }, 0);
  expect(answer).toEqual({
    ok: true,
    value: { principal: { id: "anonymous", method: "anonymous", scopes: [], groups: [], claims: {} }, consumed: [] },
  });
});

test("asks for a key when keys are configured", async () => {
  const key = newApiKey();
  const authenticator = createAuthenticator({
    api_keys: [{ id: "a", sha256: hashApiKey(key), groups: [], scopes: [], expires: undefined }],
  });
  expect((await authenticator.authenticate({ headers: {}, socket }, 0)).ok).toBe(false);
  expect((await authenticator.authenticate({ headers: { "x-api-key": key }, socket }, 0)).ok).toBe(true);
});
