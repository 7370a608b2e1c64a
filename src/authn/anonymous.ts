/**
 * Asks for nothing: everybody is `anonymous`. The configuration accepts it on a loopback listener only.
 * Must not read credentials, so that it can never be taken to have checked them.
 */
import { deepFreeze } from "../config/freeze.ts";
import { ok } from "../errors.ts";
import type { Authenticated, Authenticator } from "./authenticator.ts";

const ANONYMOUS: Authenticated = deepFreeze({
  principal: { id: "anonymous", method: "anonymous", scopes: [], groups: [], claims: {} },
  consumed: [],
});

export function createAnonymousAuthenticator(): Authenticator {
  return { authenticate: async () => ok(ANONYMOUS) };
}
