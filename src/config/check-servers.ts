/**
 * What must hold of each configured server beyond the types of its keys: its name, its URL, its headers and secrets, its CA.
 * Must not connect anywhere.
 */
import type { SecretRef } from "./config.ts";
import type { Checks } from "./checks.ts";
import { isLoopback } from "./address.ts";
import { RESERVED_SERVER_NAMES, SERVER_NAME, type WrittenServer } from "./schema.ts";
import { readSecret } from "./secrets.ts";

/** Headers that Sluice writes itself, or that belong to one connection (RFC 9110 section 7.6.1). */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "last-event-id",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

const SECRET_NAME = /auth|token|secret|key|password|passwd|cookie|credential|session|signature/iu;
/** Values that are credentials whatever the header is called: schemes, and prefixes that vendors document. */
const SECRET_VALUE =
  /^(bearer|basic|digest|token)\s|^(gh[pousr]_|github_pat_|glpat-|sk-|sk_|rk_|xox[a-z]-|AKIA|ASIA|AIza|eyJ|sluice_|npm_|hf_|ya29\.)/iu;

export function checkServer(name: string, server: WrittenServer, checks: Checks): void {
  const path = ["servers", name];
  if (RESERVED_SERVER_NAMES.has(name)) {
    checks.error(path, "config/server-name", `"${name}" is a path that Sluice answers itself`, "Choose another name.", "key");
  } else if (!SERVER_NAME.test(name)) {
    const hint = "Use 1 to 63 of a-z, 0-9, _ and -, starting with a letter or digit: it is a part of the URL that clients connect to.";
    checks.error(path, "config/server-name", `"${name}" cannot be the name of a server`, hint, "key");
  }
  checkUrl([...path, "url"], server, checks);
  checkHeaders([...path, "headers"], server, checks);
  if (server.ca !== undefined && !server.disabled) checks.pem([...path, "ca"], server.ca, "CERTIFICATE");
}

function checkUrl(path: readonly string[], server: WrittenServer, checks: Checks): void {
  const form = "Write the whole address, for example https://mcp.example.com/mcp.";
  if (!URL.canParse(server.url)) {
    checks.error(path, "config/url", "this is not a URL", form);
    return;
  }
  const url = new URL(server.url);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    checks.error(path, "config/url", `a server is reached by https or http, not by ${url.protocol.slice(0, -1)}`, form);
    return;
  }
  if (url.username !== "" || url.password !== "") {
    checks.error(
      path,
      "config/url-credentials",
      "the URL holds a user name or password",
      "Keep it in a file or variable: headers: {Authorization: {env: NAME}}.",
    );
  }
  if (url.hash !== "") checks.error(path, "config/url", "the URL ends in a #fragment, which is never sent", "Remove it.");
  if ([...url.searchParams.keys()].some((key) => SECRET_NAME.test(key))) {
    checks.warning(
      path,
      "config/url-credentials",
      "the URL's query seems to hold a credential, which policies and records can see",
      "Send it in a header: headers: {…: {env: NAME}}.",
    );
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname) && !server.allow_plain_http) {
    const hint = "Use https. If the network in between is yours alone, say allow_plain_http: true.";
    checks.error(path, "config/plain-http", "http to another machine: everybody on the way can read and change the messages", hint);
  }
}

function checkHeaders(path: readonly string[], server: WrittenServer, checks: Checks): void {
  const seen = new Map<string, string>();
  for (const [name, value] of Object.entries(server.headers)) {
    const at = [...path, name];
    const lower = name.toLowerCase();
    const problem = headerNameProblem(name, seen.get(lower));
    seen.set(lower, name);
    if (problem === undefined) checkHeaderValue(at, name, value, server.disabled, checks);
    else checks.error(at, "config/header", problem.message, problem.hint, "key");
    if (lower === "authorization" && server.authorization === "passthrough") {
      const message = "the client's Authorization is passed on (authorization: passthrough) and another one is added here";
      checks.error(at, "config/header", message, "Remove one of the two.", "key");
    }
  }
}

function headerNameProblem(name: string, earlier: string | undefined): { message: string; hint?: string } | undefined {
  const lower = name.toLowerCase();
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/u.test(name)) return { message: "this cannot be the name of a header" };
  if (OWN_HEADERS.has(lower) || lower.startsWith("mcp-") || lower.startsWith("proxy-")) {
    return { message: `Sluice writes the header ${name} itself`, hint: "Remove it." };
  }
  if (earlier === undefined) return undefined;
  return { message: `the header ${name} is already there, as ${earlier}`, hint: "Header names ignore case: remove one of the two." };
}

function checkHeaderValue(path: readonly string[], name: string, value: string | SecretRef, disabled: boolean, checks: Checks): void {
  if (typeof value !== "string") {
    const secret = disabled ? undefined : readSecret(value);
    if (secret?.ok === false)
      checks.error(path, "config/secret", `${secret.failure.detail ?? "the secret cannot be read"}`, hintFor(value));
  } else if (SECRET_NAME.test(name) || SECRET_VALUE.test(value)) {
    const hint = `Write ${name}: {env: NAME} or ${name}: {file: PATH}.`;
    checks.error(path, "config/literal-secret", `the value of ${name} is a secret in the configuration file`, hint);
  } else if (!/^[\x20-\x7e]*$/u.test(value)) {
    checks.error(path, "config/header", `the value of ${name} holds a character that no header may hold`);
  }
}

function hintFor(ref: SecretRef): string {
  return "env" in ref ? `Set it before Sluice starts: export ${ref.env}=….` : "Relative paths start at the configuration file's folder.";
}
