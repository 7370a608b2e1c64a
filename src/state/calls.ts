/**
 * The calls of a Store as they travel between processes, and how the receiving side tells them from garbage.
 * Must not trust a shape that it has not looked at.
 */
import type { LimitRequest, Outstanding, Scope, Store } from "./store.ts";

export type StoreMethod = keyof Store;

/** What a worker wants of the store: a number of its own choice, the method, its arguments. */
export type StoreCall = readonly [id: number, method: StoreMethod, args: readonly unknown[]];

/** What became of it. Without `value` for a method that answers nothing; `failed`: nothing more is said, it could quote traffic. */
export type StoreResult = readonly [id: number, outcome: "done" | "failed", value?: unknown];

/** Calls the store, or answers undefined when the arguments are not those of the method. */
export const invocations: { readonly [M in StoreMethod]: (store: Store, args: readonly unknown[]) => Promise<unknown> | undefined } = {
  facts: (store, [flow, defined]) =>
    isText(flow) && (defined === undefined || isDefined(defined)) ? Promise.resolve(store.facts(flow, defined)) : undefined,
  consume: (store, [limits, flow]) =>
    isListOf(limits, isLimit) && (flow === undefined || isText(flow)) ? store.consume(limits, flow) : undefined,
  addLabels: (store, [flow, labels]) => (isText(flow) && isListOf(labels, isText) ? store.addLabels(flow, labels) : undefined),
  ordinals: (store, [flow, values]) => (isText(flow) && isListOf(values, isValue) ? store.ordinals(flow, values) : undefined),
  sessionOwner: (store, [server, session, principal]) =>
    isText(server) && isText(session) && isText(principal) ? store.sessionOwner(server, session, principal) : undefined,
  endSession: (store, [server, session]) => (isText(server) && isText(session) ? store.endSession(server, session) : undefined),
  remember: (store, [scope, id, request]) => {
    const outstanding = asOutstanding(request);
    return isScope(scope) && isText(id) && outstanding !== undefined ? store.remember(scope, id, outstanding) : undefined;
  },
  recall: (store, [scope, id]) => (isScope(scope) && isText(id) ? store.recall(scope, id) : undefined),
  settle: (store, [scope, id]) => (isScope(scope) && isText(id) ? store.settle(scope, id) : undefined),
  forget: (store, [scope, id]) => (isScope(scope) && isText(id) ? store.forget(scope, id) : undefined),
  define: (store, [catalogue, definitions]) =>
    isText(catalogue) && isDefinitions(definitions) ? store.define(catalogue, definitions) : undefined,
};

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

export function isText(value: unknown): value is string {
  return typeof value === "string";
}

export function isListOf<T>(value: unknown, is: (item: unknown) => item is T): value is readonly T[] {
  return Array.isArray(value) && value.every(is);
}

export function isLimit(value: unknown): value is LimitRequest {
  if (!isRecord(value)) return false;
  const { key, cost, per_s, max } = value;
  // Numbers of any size: what they mean, NaN too, is the buckets' business.
  return isText(key) && typeof cost === "number" && typeof per_s === "number" && typeof max === "number";
}

export function isScope(value: unknown): value is Scope {
  if (!isRecord(value)) return false;
  const { direction, server, principal, session } = value;
  return (direction === "client_to_server" || direction === "server_to_client") && isText(server) && isText(principal) && isText(session);
}

export function isDefinitions(value: unknown): value is ReadonlyMap<string, string> {
  return value instanceof Map && [...value].every(([key, text]) => isText(key) && isText(text));
}

/** A request whose bytes are a Buffer again: a clone of one may arrive as a plain array of bytes. */
export function asOutstanding(value: unknown): Outstanding | undefined {
  if (!isRecord(value) || !isText(value["method"]) || !(value["body"] instanceof Uint8Array)) return undefined;
  const { buffer, byteOffset, byteLength } = value["body"];
  return { method: value["method"], body: Buffer.from(buffer, byteOffset, byteLength) };
}

function isDefined(value: unknown): value is { catalogue: string; key: string } {
  return isRecord(value) && isText(value["catalogue"]) && isText(value["key"]);
}

function isValue(value: unknown): value is { label: string; digest: string } {
  return isRecord(value) && isText(value["label"]) && isText(value["digest"]);
}
