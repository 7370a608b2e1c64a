/** Chooses the way of authenticating that is configured. Must not authenticate anybody itself. */
import type { AuthnConfig } from "../config/config.ts";
import { createAnonymousAuthenticator } from "./anonymous.ts";
import { createApiKeyAuthenticator } from "./api-key.ts";
import type { Authenticator } from "./authenticator.ts";

export function createAuthenticator(config: AuthnConfig): Authenticator {
  return "api_keys" in config ? createApiKeyAuthenticator(config.api_keys) : createAnonymousAuthenticator();
}
