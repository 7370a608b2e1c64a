/**
 * The policy input, contract `v1`: what the operator's Rego reads as `input`. This type is the source; `policies/schema/input.json`
 * is generated from it (`npm run generate`) and `opa check --schema` holds every policy to it.
 * Must stay plain data: snake_case, and an absent fact is an absent key, never null.
 */

/** Which way a message goes. */
export type Direction = "client_to_server" | "server_to_client";
export type Phase = "request" | "notification" | "response" | "list_item" | "probe";
export type Trust = "internal" | "partner" | "third_party";
export type TargetKind = "tool" | "prompt" | "resource" | "template";

/** Any JSON value, exactly as it was in the message. */
export type Json = unknown;

export interface PolicyInput {
  phase: Phase;
  direction: Direction;
  now: Now;
  /** Random per engine instance; echoed by the decision. */
  nonce: string;
  server: ServerFacts;
  principal: PrincipalFacts;
  client: ClientFacts;
  session?: { id: string };
  flow: FlowFacts;
  mcp: McpFacts;
  /** What a call, read, get or list item is about; in a response, that of the request it answers. */
  target?: Target;
  /** The tool, when `target.kind` is `tool`. */
  tool?: ToolFacts;
  findings: FindingFacts[];
  /** True when there were more findings than are listed. */
  findings_capped?: true;
  urls: UrlFacts[];
  urls_capped?: true;
  destinations: DestinationFacts[];
  destinations_capped?: true;
  http: { headers: { [name: string]: string } };
}

/** The moment the message was taken in, frozen, in the configured time zone. */
export interface Now {
  unix_ms: number;
  rfc3339: string;
  /**
   * 1 is Monday, 7 is Sunday (ISO 8601).
   * @minimum 1
   * @maximum 7
   */
  weekday: number;
  /**
   * @minimum 0
   * @maximum 23
   */
  hour: number;
}

export interface ServerFacts {
  name: string;
  url: string;
  trust: Trust;
  labels: string[];
}

/** Who is calling. `anonymous` when the gateway asks for no credentials. */
export interface PrincipalFacts {
  id: string;
  method: "anonymous" | "api_key";
  issuer?: string;
  scopes: string[];
  groups: string[];
  claims: { [name: string]: Json };
}

export interface ClientFacts {
  ip: string;
  user_agent?: string;
  /** `clientInfo` as the client says it: unverified, never a basis for granting. */
  info?: Json;
}

/** What is known of the flow (one principal's work, across servers) so far. */
export interface FlowFacts {
  labels: string[];
  counters: { [key: string]: number };
}

export type McpKind = "request" | "notification" | "result" | "error" | "item";

export interface McpFacts {
  /** Protocol revision of the exchange, e.g. `2026-07-28`; absent while a legacy client has not said it. */
  revision?: string;
  /** Method; in a response that of its request; in a list item the method that would use the item. */
  method?: string;
  kind: McpKind;
  id?: string | number | null;
  params?: Json;
  result?: Json;
  error?: Json;
  /** In a list item: the item. */
  item?: Json;
  /** In a response: the request that it answers. */
  request?: { method: string; params?: Json };
  /** Bytes of the message, or of the item of a list, as it was sent: also of what was left out. */
  size: number;
  /** JSON Pointers of long strings that were left out because the message is larger than `limits.policy_text`. */
  omitted?: string[];
}

export interface Target {
  kind: TargetKind;
  /** Of a tool or prompt. */
  name?: string;
  /** Of a resource (URI) or template (URI template). */
  uri?: string;
  /** The list entry that described it, when one was seen. */
  definition?: Json;
}

export interface ToolFacts {
  name: string;
  definition?: Json;
  /** The server's own hints: they may lower trust, never raise it. */
  annotations?: Json;
}

/** What the detectors of this release find. */
export type FindingKind =
  | "email"
  | "card"
  | "us_ssn"
  | "iban"
  | "phone"
  | "ipv4"
  | "aws_access_key"
  | "aws_secret_key"
  | "github_token"
  | "slack_token"
  | "slack_webhook"
  | "stripe_key"
  | "openai_key"
  | "anthropic_key"
  | "private_key"
  | "jwt";

export interface FindingFacts {
  n: number;
  kind: FindingKind;
  category: "pii" | "secret";
  path: string;
  on: "value" | "key" | "number";
  start: number;
  end: number;
  score: number;
  domain?: string;
  country?: string;
  brand?: string;
}

/** A URL found in any string. `path` points at the string that holds it. */
export interface UrlFacts {
  path: string;
  scheme: string;
  /**
   * Lower-case host name or address, without port; empty for a URL without authority (`data:`, `mailto:`).
   * @pattern ^[^A-Z/]*$
   */
  host: string;
  port?: number;
  /** Registrable domain of the host, when it has one. */
  domain?: string;
  has_credentials?: true;
}

/** Where data would go when the message is acted on: an address or host in a request's arguments. */
export interface DestinationFacts {
  kind: "email" | "url";
  path: string;
  domain?: string;
  host?: string;
}
