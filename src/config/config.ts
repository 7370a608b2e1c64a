/**
 * The configuration as the rest of the program sees it: complete (defaults filled in), checked and frozen.
 * Must hold no secret values: a secret is a reference until the moment it is used.
 */
import type { Trust } from "../policy/input.ts";

/** Where a secret is kept. Read when used, so that a rotated file takes effect; never printed. */
export type SecretRef = { readonly file: string } | { readonly env: string };

export type Mode = "enforce" | "observe";

export interface Config {
  /** Absolute path of the file, when there is one. */
  readonly file: string | undefined;
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** Origins that browsers may call from, besides none; hosts that `Host` may name besides the listen address. */
  readonly allowed_origins: readonly string[];
  readonly allowed_hosts: readonly string[];
  readonly time_zone: string;
  readonly authn: AuthnConfig;
  readonly servers: ReadonlyMap<string, ServerConfig>;
  readonly policy: PolicyConfig;
  readonly audit: { readonly file: string; readonly on_error: "deny" | "allow" };
  readonly limits: Limits;
  readonly log: { readonly level: "trace" | "debug" | "info" | "warn" | "error" | "silent" };
}

export type AuthnConfig = { readonly anonymous: true } | { readonly api_keys: readonly ApiKeyConfig[] };

export interface ApiKeyConfig {
  readonly id: string;
  /** Lower-case hex SHA-256 of the key. */
  readonly sha256: string;
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  /** Unix milliseconds. */
  readonly expires: number | undefined;
}

export interface ServerConfig {
  readonly name: string;
  readonly url: string;
  readonly trust: Trust;
  readonly labels: readonly string[];
  readonly disabled: boolean;
  /** `policy.mode` where the server does not say its own: this one alone decides for its messages. */
  readonly mode: Mode;
  /** Packs that are on for this server; undefined = those of `policy.packs`. */
  readonly packs: readonly string[] | undefined;
  /** Pack settings for this server, merged over the global ones. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Headers added on the way to the server. */
  readonly headers: Readonly<Record<string, string | SecretRef>>;
  readonly authorization: "strip" | "passthrough";
  /** PEM file of a private CA for this server. */
  readonly ca: string | undefined;
}

export interface PolicyConfig {
  /** Absolute path of the operator's folder of Rego and data, or of a bundle file (`.tar.gz`). */
  readonly path: string | undefined;
  /** Shipped packs; undefined = all. */
  readonly packs: readonly string[] | undefined;
  readonly mode: Mode;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** All sizes in bytes, all times in milliseconds but those whose name ends in `_s`. */
export interface Limits {
  /** One message: a request body, a JSON answer. */
  readonly body: number;
  /** One server-sent event. */
  readonly event: number;
  readonly depth: number;
  readonly nodes: number;
  readonly string: number;
  readonly findings: number;
  /** A message larger than this enters the policy input without its long strings. */
  readonly policy_text: number;
  /** Memory of one policy engine instance. */
  readonly policy_memory: number;
  /** For the first byte of the server's answer. */
  readonly upstream_ms: number;
  /** For a whole request body. */
  readonly body_ms: number;
  /** Between two bytes of a stream; 0 = none. */
  readonly idle_ms: number;
  readonly connect_ms: number;
  /** How long a worker may stand still. */
  readonly stall_ms: number;
  /** How long a caller is refused that ended a worker twice; in seconds. */
  readonly quarantine_s: number;
  /** How long calls under way may take at a stop; in seconds. */
  readonly drain_s: number;
  readonly connections: number;
  /** Calls under way at a time, of all servers together. */
  readonly in_flight: number;
  /** Bytes of messages held at a time. */
  readonly buffered: number;
  /** Lateness of the event loop that counts as overload when it stands. */
  readonly lag_ms: number;
}
