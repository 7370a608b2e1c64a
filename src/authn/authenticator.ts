/**
 * Who is calling: the interface that every way of authenticating implements.
 * Must not authorise (policies do that) and must not log what was presented.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Result } from "../errors.ts";
import type { PrincipalFacts } from "../policy/input.ts";

/** What an authenticator may look at. `clientCertificate` is the DER of one that TLS has verified, for mutual TLS. */
export interface AuthnRequest {
  readonly headers: IncomingHttpHeaders;
  readonly socket: {
    readonly remoteAddress: string | undefined;
    readonly encrypted: boolean;
    readonly clientCertificate?: Uint8Array;
  };
}

/** A request header whose value was a credential for Sluice itself. */
export type CredentialHeader = "authorization" | "x-api-key";

export interface Authenticated {
  readonly principal: PrincipalFacts;
  /** Headers that must never be forwarded, whatever the server's `authorization` says: they hold Sluice's own credential. */
  readonly consumed: readonly CredentialHeader[];
}

export interface Authenticator {
  /**
   * Says who sent a request, at `nowMs` (Unix milliseconds). Fails with ERR_UNAUTHENTICATED; asynchronous because tokens will be checked
   * against keys that have to be fetched.
   */
  authenticate(request: AuthnRequest, nowMs: number): Promise<Result<Authenticated>>;
}
