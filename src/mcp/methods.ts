/**
 * THE table of MCP's methods and notifications, from revision 2024-11-05 to 2026-07-28: who may send each, in which era, what it is
 * about and which list it answers with. Must not judge: a method that is not in the table is judged like any other.
 */
import type { Failure } from "../errors.ts";
import type { Message } from "./message.ts";
import { ABSENT, type JsonDocument, type Node } from "./json.ts";
import type { Direction, TargetKind } from "../policy/input.ts";
import type { Era } from "../transaction.ts";

export interface MethodEntry {
  readonly name: string;
  readonly kind: "request" | "notification";
  /** In which eras each side may send it as a message of its own. */
  readonly eras: Readonly<Record<Direction, readonly Era[]>>;
  /** In the modern era it travels inside results (`inputRequests`). */
  readonly embedded?: true;
  /** The member of `params` that says what the message is about; `ref` is completion/complete's reference. */
  readonly target?: { readonly kind: TargetKind; readonly member: "name" | "uri" | "ref" };
  /** The member of `params` that the Mcp-Name header mirrors. */
  readonly mirrored?: "name" | "uri" | "taskId";
  /** The list in its result. */
  readonly list?: ListEntry;
}

/** A list result: where its items stand, what an item is, which member identifies it, and the method that would use it. */
export interface ListEntry {
  readonly member: string;
  readonly kind: TargetKind;
  readonly key: "name" | "uri" | "uriTemplate";
  readonly use: string;
}

/** What a message is about, as it stands in `input.target`. */
export interface MessageTarget {
  readonly kind: TargetKind;
  readonly name?: string;
  readonly uri?: string;
}

const NEVER: readonly Era[] = [];
const LEGACY: readonly Era[] = ["legacy"];
const MODERN: readonly Era[] = ["modern"];
const BOTH: readonly Era[] = ["legacy", "modern"];

/** A row: its name, the eras in which the client sends it, and those in which the server does. */
function request(
  name: string,
  client: readonly Era[],
  server: readonly Era[],
  rest: Omit<MethodEntry, "name" | "kind" | "eras"> = {},
): MethodEntry {
  return { name, kind: "request", eras: { client_to_server: client, server_to_client: server }, ...rest };
}

function notification(name: string, client: readonly Era[], server: readonly Era[]): MethodEntry {
  return { name: `notifications/${name}`, kind: "notification", eras: { client_to_server: client, server_to_client: server } };
}

export const METHODS: readonly MethodEntry[] = [
  request("initialize", LEGACY, NEVER),
  request("server/discover", MODERN, NEVER),
  request("ping", LEGACY, LEGACY),
  request("logging/setLevel", LEGACY, NEVER),
  request("tools/list", BOTH, NEVER, { list: { member: "tools", kind: "tool", key: "name", use: "tools/call" } }),
  request("tools/call", BOTH, NEVER, { target: { kind: "tool", member: "name" }, mirrored: "name" }),
  request("prompts/list", BOTH, NEVER, { list: { member: "prompts", kind: "prompt", key: "name", use: "prompts/get" } }),
  request("prompts/get", BOTH, NEVER, { target: { kind: "prompt", member: "name" }, mirrored: "name" }),
  request("resources/list", BOTH, NEVER, { list: { member: "resources", kind: "resource", key: "uri", use: "resources/read" } }),
  request("resources/templates/list", BOTH, NEVER, {
    list: { member: "resourceTemplates", kind: "template", key: "uriTemplate", use: "resources/read" },
  }),
  request("resources/read", BOTH, NEVER, { target: { kind: "resource", member: "uri" }, mirrored: "uri" }),
  request("resources/subscribe", LEGACY, NEVER, { target: { kind: "resource", member: "uri" }, mirrored: "uri" }),
  request("resources/unsubscribe", LEGACY, NEVER, { target: { kind: "resource", member: "uri" }, mirrored: "uri" }),
  request("completion/complete", BOTH, NEVER, { target: { kind: "prompt", member: "ref" } }),
  request("subscriptions/listen", MODERN, NEVER),
  // Tasks of 2025-11-25 run on either side; of the extension to 2026-07-28, on the server.
  request("tasks/get", BOTH, LEGACY, { mirrored: "taskId" }),
  request("tasks/cancel", BOTH, LEGACY, { mirrored: "taskId" }),
  request("tasks/result", LEGACY, LEGACY, { mirrored: "taskId" }),
  request("tasks/list", LEGACY, LEGACY),
  request("tasks/update", MODERN, NEVER, { mirrored: "taskId" }),
  request("sampling/createMessage", NEVER, LEGACY, { embedded: true }),
  request("elicitation/create", NEVER, LEGACY, { embedded: true }),
  request("roots/list", NEVER, LEGACY, { embedded: true }),
  notification("initialized", LEGACY, NEVER),
  notification("roots/list_changed", LEGACY, NEVER),
  notification("cancelled", BOTH, BOTH),
  notification("progress", LEGACY, BOTH),
  notification("elicitation/complete", LEGACY, BOTH),
  notification("tasks/status", LEGACY, LEGACY),
  notification("tasks", NEVER, MODERN),
  notification("message", NEVER, BOTH),
  notification("tools/list_changed", NEVER, BOTH),
  notification("prompts/list_changed", NEVER, BOTH),
  notification("resources/list_changed", NEVER, BOTH),
  notification("resources/updated", NEVER, BOTH),
  notification("subscriptions/acknowledged", NEVER, MODERN),
];

const BY_NAME: ReadonlyMap<string, MethodEntry> = new Map(METHODS.map((entry) => [entry.name, entry]));

/** The row of a method; undefined for one that no known revision has. */
export function methodEntry(name: string): MethodEntry | undefined {
  return BY_NAME.get(name);
}

/** The list in the result of a method; undefined for a method that lists nothing. */
export function listOf(method: string): ListEntry | undefined {
  return BY_NAME.get(method)?.list;
}

/** What a request is about; undefined when its method is about nothing that has a name, or when the message does not say it. */
export function targetOf(message: Message): MessageTarget | undefined {
  const rule = message.method === undefined ? undefined : BY_NAME.get(message.method)?.target;
  if (rule === undefined || message.payload === ABSENT) return undefined;
  const { document } = message;
  const value = document.member(message.payload, rule.member);
  if (rule.member === "ref") return referenceTarget(document, value);
  return named(rule.kind, rule.member, textOf(document, value));
}

/**
 * Why a message of a known method cannot be what its method says; undefined when it can. ERR_MESSAGE:
 * - a notification of a request's method or the reverse: rules for calls would not see it, a lenient server might act on it;
 * - a request that must say what it is about and does not say it as one string: no rule about targets would see it, but
 *   `tools[["echo"]]` is `tools["echo"]` in JavaScript.
 */
export function methodFault(message: Message): Failure | undefined {
  const entry = message.method === undefined ? undefined : BY_NAME.get(message.method);
  if (entry === undefined) return undefined;
  if (entry.kind !== message.kind) return { code: "ERR_MESSAGE", detail: `${entry.name} is a ${entry.kind}` };
  return lacksTarget(message) ? { code: "ERR_MESSAGE", detail: `${entry.name} does not say what it is about` } : undefined;
}

/** True when a message of a known method must say what it is about and does not. */
export function lacksTarget(message: Message): boolean {
  const rule = message.method === undefined ? undefined : BY_NAME.get(message.method)?.target;
  return rule !== undefined && targetOf(message) === undefined;
}

/**
 * What the Mcp-Name header of a message may say, and whether the modern era asks for the header. A method that is not known to mirror
 * anything may mirror any of the three members that others do.
 */
export function mirroredNames(message: Message): { readonly names: readonly string[]; readonly required: boolean } {
  const member = message.method === undefined ? undefined : BY_NAME.get(message.method)?.mirrored;
  const { document, payload } = message;
  if (message.method === undefined || payload === ABSENT) return { names: [], required: false };
  const texts = (member === undefined ? ["name", "uri", "taskId"] : [member]).map((name) =>
    textOf(document, document.member(payload, name)),
  );
  const names = texts.filter((text) => text !== undefined);
  return { names, required: member !== undefined && message.kind === "request" && names.length > 0 };
}

/** A `ref/resource` holds a URI or a URI template; only a template has braces (RFC 3986 allows none in a URI, RFC 6570 asks for them). */
function referenceTarget(document: JsonDocument, ref: Node): MessageTarget | undefined {
  if (ref === ABSENT) return undefined;
  const type = textOf(document, document.member(ref, "type"));
  if (type === "ref/prompt") return named("prompt", "name", textOf(document, document.member(ref, "name")));
  if (type !== "ref/resource") return undefined;
  const uri = textOf(document, document.member(ref, "uri"));
  return named(uri?.includes("{") ? "template" : "resource", "uri", uri);
}

function named(kind: TargetKind, member: "name" | "uri", text: string | undefined): MessageTarget | undefined {
  if (text === undefined) return undefined;
  return member === "name" ? { kind, name: text } : { kind, uri: text };
}

function textOf(document: JsonDocument, node: Node): string | undefined {
  return node !== ABSENT && document.kind(node) === "string" ? document.text(node) : undefined;
}
