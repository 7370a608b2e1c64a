/**
 * The members of a message that carry the protocol and not its content: nobody may change them in passing, or an answer would miss
 * its request and a server's state its owner. Must not judge anything else.
 */
import { ABSENT, type JsonDocument, type Node } from "./json.ts";
import { covers, holdsAny } from "./json/subtree.ts";
import { methodEntry } from "./methods.ts";

/** The place of a member, whether it is there or not. */
interface Place {
  readonly object: Node;
  readonly name: string;
}

const ENVELOPE = ["jsonrpc", "id", "method"];
const PARAMS = ["cursor", "requestState", "progressToken"];
/** How lists name their entries, see ListEntry. */
const ENTRY = ["name", "uri", "uriTemplate"];
const RESULT = ["resultType", "nextCursor", "requestState"];

/** Values of the immutable members that a message has, in document order and apart. */
export function immutableNodes(document: JsonDocument): Node[] {
  return valuesAt(document, places(document));
}

/** Whether changing a value would change an immutable member: it is one, stands in one or holds one. `immutable`: see immutableNodes. */
export function protectedNode(document: JsonDocument, value: Node, immutable: readonly Node[]): boolean {
  return covers(document, immutable, value) || holdsAny(document, value, immutable);
}

/**
 * The immutable numbers by which requests and answers, or progress and requests, find each other (`id`, `progressToken`). Who made one
 * up gets it back, so nothing new flows with it; a long one may well look like a card number.
 */
export function correlators(document: JsonDocument): ReadonlySet<Node> {
  const named = places(document).filter(({ name }) => name === "id" || name === "progressToken");
  return new Set(valuesAt(document, named).filter((node) => document.kind(node) === "number"));
}

/**
 * Values that say what a message is about (a tool's name, a resource's URI, a completion's `ref`, a task's id), or how the entry `base` of
 * a list is called: with another one another thing would be used than was judged. Not immutable: a policy that names them may change them.
 */
export function targetNodes(document: JsonDocument, base: Node): Node[] {
  if (base !== 0) return valuesAt(document, named(base, ENTRY));
  const method = document.member(0, "method");
  const entry = method === ABSENT || document.kind(method) !== "string" ? undefined : methodEntry(document.text(method));
  const members = new Set([entry?.target?.member, entry?.mirrored].filter((name) => name !== undefined));
  return valuesAt(document, named(document.member(0, "params"), [...members]));
}

function valuesAt(document: JsonDocument, at: readonly Place[]): Node[] {
  return at
    .map(({ object, name }) => document.member(object, name))
    .filter((node) => node !== ABSENT)
    .toSorted((a, b) => a - b);
}

/** MCP 2026-07-28 and before: the envelope, paging, results' types and state, progress, and the requests inside of an `input_required` result. */
function places(document: JsonDocument): Place[] {
  const params = document.member(0, "params");
  const result = document.member(0, "result");
  const requests = memberOf(document, result, "inputRequests");
  const inner = requests === ABSENT ? [] : document.members(requests);
  return [
    ...named(0, ENVELOPE),
    ...named(params, PARAMS),
    ...named(memberOf(document, params, "_meta"), ["progressToken"]),
    ...named(result, RESULT),
    ...inner.flatMap(([, request]) => [
      ...named(request, ["method"]),
      ...named(memberOf(document, memberOf(document, request, "params"), "_meta"), ["progressToken"]),
    ]),
  ];
}

function named(object: Node, names: readonly string[]): Place[] {
  return object === ABSENT ? [] : names.map((name) => ({ object, name }));
}

function memberOf(document: JsonDocument, object: Node, name: string): Node {
  return object === ABSENT ? ABSENT : document.member(object, name);
}
