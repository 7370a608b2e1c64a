/**
 * The members of a message that carry the protocol and not its content: nobody may change them in passing, or an answer would miss
 * its request and a server's state its owner. Must not judge anything else.
 */
import { ABSENT, type JsonDocument, type Node } from "./json.ts";

/** The place of a member, whether it is there or not. */
interface Place {
  readonly object: Node;
  readonly name: string;
}

const ENVELOPE = ["jsonrpc", "id", "method"];
const PARAMS = ["cursor", "requestState", "progressToken"];
const RESULT = ["resultType", "nextCursor", "requestState"];

/** Values of the immutable members that a message has, in document order. A number that stands for an id or token is among them. */
export function immutableNodes(document: JsonDocument): Node[] {
  return places(document)
    .map(({ object, name }) => document.member(object, name))
    .filter((node) => node !== ABSENT)
    .toSorted((a, b) => a - b);
}

/** Whether changing the value (or key) `node` would change an immutable member: it is one, stands in one or contains one. */
export function protectedNode(document: JsonDocument, node: Node): boolean {
  return touches(document, document.isKey(node) ? node + 1 : node, immutableNodes(document));
}

/** The same for a value, with the immutable nodes at hand. */
export function touches(document: JsonDocument, value: Node, immutable: readonly Node[]): boolean {
  return immutable.some((held) => within(document, held, value) || within(document, value, held));
}

/**
 * Whether the value is a number by which requests and answers, or progress and requests, find each other (`id`, `progressToken`).
 * Who made it up gets it back, so nothing new flows with it; a long one may well look like a card number.
 */
export function isCorrelator(document: JsonDocument, node: Node): boolean {
  if (document.kind(node) !== "number") return false;
  return places(document).some(({ object, name }) => (name === "id" || name === "progressToken") && document.member(object, name) === node);
}

/** Whether `node` is `outer` or stands in it. */
export function within(document: JsonDocument, outer: Node, node: Node): boolean {
  return node >= outer && node < document.next(outer);
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
