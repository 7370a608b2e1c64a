/**
 * Gathers the facts that policy reads beside the message itself: what the message is about, where data would go, what is known of the
 * flow. Must not judge, and must not change anything.
 */
import { after, type Awaitable } from "../awaitable.ts";
import type { Finding, Findings } from "../detect/detector.ts";
import { findUrls } from "../detect/urls.ts";
import { targetOf, type MessageTarget } from "../mcp/methods.ts";
import type { DestinationFacts, Phase, UrlFacts } from "../policy/input.ts";
import type { Store } from "../state/store.ts";
import type { Exchange, Transaction } from "../transaction.ts";

/** URLs and destinations listed for policy; when there are more, policy is told so. */
export const FACTS_CAP = 500;

const NO_URLS = { list: [], capped: false } as const;

export interface Facts {
  readonly phase: Phase;
  /** Method of the message; of an answer, that of its request. */
  readonly method: string | undefined;
  readonly target: MessageTarget | undefined;
  /** The list entry last seen for the target, as JSON text. */
  readonly definition: string | undefined;
  readonly urls: readonly UrlFacts[];
  readonly urlsCapped: boolean;
  readonly destinations: readonly DestinationFacts[];
  readonly destinationsCapped: boolean;
  readonly labels: readonly string[];
  readonly counters: Readonly<Record<string, number>>;
}

/**
 * A flow: one principal's work, across servers. Anonymous callers are told apart by their address; this machine's many loopback addresses
 * are one, and so are the addresses of an IPv6 network, which any host in it can choose among.
 */
export function flowOf({ principal, ip }: Pick<Exchange, "principal" | "ip">): string {
  return principal.method === "anonymous" ? `\u0000${networkOf(ip)}` : principal.id;
}

function networkOf(ip: string): string {
  const v4 = ip.startsWith("::ffff:") ? ip.slice("::ffff:".length) : ip;
  if (v4 === "::1" || v4.startsWith("127.")) return "loopback";
  if (!v4.includes(":")) return v4;
  const [head = "", tail] = v4.split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - groups.length - rest.length }, () => "0");
  return [...groups, ...zeros, ...rest].slice(0, 4).join(":");
}

/** The scope in which a server's definitions are remembered: lists differ between principals. */
export function catalogueOf(exchange: Exchange): string {
  return `${exchange.server.name}\u0000${exchange.principal.id}`;
}

export function targetKey(target: MessageTarget): string {
  return `${target.kind}\n${target.name ?? target.uri ?? ""}`;
}

export function enrich(transaction: Transaction, findings: Findings, store: Store): Awaitable<Facts> {
  const { exchange, message, answers } = transaction;
  const answer = message.kind === "result" || message.kind === "error";
  const target = answer ? (answers?.message === undefined ? undefined : targetOf(answers.message)) : targetOf(message);
  const defined = target === undefined ? undefined : { catalogue: catalogueOf(exchange), key: targetKey(target) };
  const urls = findings.noUrls === true ? NO_URLS : findUrls(message.document, FACTS_CAP);
  const destinations = destinationsOf(transaction, findings.list, urls.list);
  // Last: what is done before the first wait is known to be this flow's work.
  return after(store.facts(exchange.flow, defined), ({ labels, counters, definition }) => ({
    phase: answer ? "response" : message.kind === "request" ? "request" : "notification",
    method: answer ? answers?.method : message.method,
    target,
    definition,
    urls: urls.list,
    urlsCapped: urls.capped,
    destinations: destinations.slice(0, FACTS_CAP),
    destinationsCapped: urls.capped || findings.capped || destinations.length > FACTS_CAP,
    labels,
    counters,
  }));
}

/** Addresses and hosts in what a client sends. */
function destinationsOf(transaction: Transaction, findings: readonly Finding[], urls: readonly UrlFacts[]): DestinationFacts[] {
  if (transaction.direction !== "client_to_server") return [];
  const emails = findings
    .filter((finding) => finding.kind === "email" && finding.on === "value")
    .map(({ path, domain }): DestinationFacts => ({ kind: "email", path, ...(domain === undefined ? {} : { domain }) }));
  const hosts = urls
    .filter((url) => url.host !== "")
    .map(({ path, host, domain }): DestinationFacts => ({ kind: "url", path, host, ...(domain === undefined ? {} : { domain }) }));
  return [...emails, ...hosts];
}
