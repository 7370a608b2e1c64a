/**
 * Which header fields pass from one hop to the other, in each direction. End-to-end fields pass as they came; what belongs to one
 * connection, to Sluice's own origin or to the bytes of a body that may have changed does not. Must not look at values.
 */
import { headerValue, hyphenated, type RawHeaders } from "./header-fields.ts";

/** RFC 9110 section 7.6.1, and what older agents sent. */
const HOP_BY_HOP = [
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/**
 * Not sent upstream, besides those: cookies; what the client for the next hop sets itself; what a client says of its own address or
 * route (a server may trust such words, and Sluice adds none of its own, so as not to reveal the client's address to a third party); and
 * what makes some servers take the request for another one than was judged.
 */
const NOT_UPSTREAM: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  "cookie",
  "cookie2",
  "host",
  "content-length",
  "accept-encoding",
  "expect",
  "via",
  "forwarded",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-original-url",
  "x-original-host",
  "x-rewrite-url",
]);

/**
 * Not sent to the client, besides hop-by-hop fields: cookies; length, coding and digests of a body that is written anew; what would lead
 * a client past Sluice or commands a web server in front of it; and what speaks for an origin, which for the client is Sluice's (CORS, HSTS and the like).
 */
const NOT_TO_CLIENT: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  "set-cookie",
  "set-cookie2",
  "content-length",
  "content-encoding",
  "content-md5",
  "digest",
  "content-digest",
  "repr-digest",
  "date",
  "via",
  "x-sendfile",
  "x-lighttpd-send-file",
  "x-reproxy-url",
  "alt-svc",
  "location",
  "content-location",
  "refresh",
  "strict-transport-security",
  "public-key-pins",
  "clear-site-data",
  "service-worker-allowed",
  "nel",
  "report-to",
  "reporting-endpoints",
]);

/** The fields of a client's request that go upstream, as a raw list; the body is asked for without a content coding. */
export function forwardableHeaders(rawHeaders: RawHeaders, options: { readonly authorization: "strip" | "passthrough" }): string[] {
  return endToEnd(
    rawHeaders,
    (name) =>
      !NOT_UPSTREAM.has(name) && !name.startsWith("x-forwarded-") && (name !== "authorization" || options.authorization === "passthrough"),
  ).concat("accept-encoding", "identity");
}

/**
 * The fields of a server's answer that go to the client, as a raw list. Takes names and values as undici hands them out. `challenges`:
 * whether the server may ask the client for credentials.
 */
export function answerHeaders(raw: readonly (string | Uint8Array)[], options: { readonly challenges: boolean }): string[] {
  const text = raw.map((part) => (typeof part === "string" ? part : Buffer.from(part).toString("latin1")));
  return endToEnd(
    text,
    (name) =>
      !NOT_TO_CLIENT.has(name) &&
      !name.startsWith("access-control-") &&
      !name.startsWith("x-accel-") &&
      (name !== "www-authenticate" || options.challenges),
  );
}

/** Names are compared with hyphens for underscores: CGI-like servers take them for the same. */
function endToEnd(rawHeaders: RawHeaders, passes: (name: string) => boolean): string[] {
  const connection = headerValue(rawHeaders, "connection");
  const named = new Set(connection?.split(",").map((option) => option.trim().toLowerCase()));
  const kept: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    const lower = name.toLowerCase();
    if (!named.has(lower) && passes(hyphenated(lower))) kept.push(name, rawHeaders[i + 1] as string);
  }
  return kept;
}
