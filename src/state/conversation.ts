/**
 * Which request a message answers. A client's ids and a server's ids are two namespaces; both are bound to (server, session,
 * principal), so that nobody can answer, or be answered, for somebody else. Must not judge: an answer without a request is only a
 * transaction without `answers`.
 */
import type { Awaitable } from "../awaitable.ts";
import type { JsonLimits } from "../mcp/json.ts";
import { idKey, type Message, type RpcId } from "../mcp/message.ts";
import { readWholeMessage } from "../mcp/read-message.ts";
import type { Direction } from "../policy/input.ts";
import { type AnsweredRequest, type Asked, type Exchange, senderOf, type Transaction } from "../transaction.ts";
import type { Working } from "../watch/in-flight.ts";
import type { Scope, Store } from "./store.ts";

export class Conversation {
  readonly #store: Store;
  readonly #limits: JsonLimits;
  readonly #clock: () => number;
  readonly #working: Working;

  /** `clock`: Unix milliseconds. `working`: marks whose work is being done. */
  constructor(store: Store, limits: JsonLimits, clock: () => number, working: Working = () => (work) => work()) {
    this.#working = working;
    this.#store = store;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** A message has arrived. `asked` is the request of the POST whose answer it may be. */
  async begin(exchange: Exchange, direction: Direction, message: Message, asked?: Asked): Promise<Transaction> {
    const answers =
      message.kind === "result" || message.kind === "error" ? await this.#answered(exchange, direction, message, asked) : undefined;
    return { exchange, decisionId: exchange.nextDecisionId(), direction, message, answers, now: this.#clock() };
  }

  /**
   * Before a request goes on its way: remembers it, so that its answer is known wherever it arrives. Comes before its record, because a
   * request that cannot be remembered does not go.
   */
  remember({ exchange, message, direction }: Transaction): Awaitable<void> {
    const { method, id, document } = message;
    if (method === undefined || id === undefined) return;
    // Without a session nothing can be resumed: then only a server's request is answered on another connection.
    if (direction === "client_to_server" && exchange.session === undefined) return;
    return this.#store.remember(scopeOf(exchange, direction), idKey(id), { method, body: document.bytes });
  }

  /** A message goes on its way (or an error in its place). Answers what a client's POST waits for; closes it with its answer. */
  passed({ exchange, message, answers }: Transaction, asked?: Asked): Asked | undefined {
    if (message.method !== undefined)
      return { id: message.id, request: { method: message.method, message }, open: message.id !== undefined, resumable: false };
    if (answers !== undefined && asked !== undefined && (anonymous(message) || sameId(asked.id, message.id))) {
      asked.open = false;
      this.#forget(exchange, asked);
    }
    return undefined;
  }

  /** A stream that cannot be resumed brings its answer once: what later comes under the id answers another request, or none. */
  #forget(exchange: Exchange, { id, resumable }: Asked): void {
    if (id === undefined || resumable || exchange.session === undefined) return;
    // What cannot be forgotten now is, in an hour.
    this.#store.forget(scopeOf(exchange, "client_to_server"), idKey(id)).catch(() => undefined);
  }

  async #answered(
    exchange: Exchange,
    direction: Direction,
    message: Message,
    asked: Asked | undefined,
  ): Promise<AnsweredRequest | undefined> {
    // An error without an id answers what the server could not read; that can only be the POST it came back on.
    if (anonymous(message) || message.id === undefined) return asked?.request;
    if (asked !== undefined && sameId(asked.id, message.id)) return asked.open ? asked.request : undefined;
    const scope = scopeOf(exchange, opposite(direction));
    // On a resumed stream a server repeats what it sent; a client has no reason to answer twice. Taken before it is judged: whatever comes
    // of the answer, the server is told, if only by an error in its place.
    const found =
      direction === "client_to_server"
        ? await this.#store.settle(scope, idKey(message.id))
        : await this.#store.recall(scope, idKey(message.id));
    if (found === undefined) return undefined;
    const marked = this.#working(exchange.flow, senderOf(exchange, direction));
    const request = marked(() => readWholeMessage(found.body, this.#limits));
    return request.ok ? { method: found.method, message: request.value } : undefined;
  }
}

/** An error whose id is null, or that has none. */
function anonymous({ id }: Message): boolean {
  return id === undefined || id.raw === "null";
}

/** Ids are equal when type and value are: 1 is not "1", however a string is spelled. */
export function sameId(left: RpcId | undefined, right: RpcId | undefined): boolean {
  return left !== undefined && right !== undefined && idKey(left) === idKey(right);
}

function scopeOf({ server, principal, session }: Exchange, direction: Direction): Scope {
  return { direction, server: server.name, principal: principal.id, session: session ?? "" };
}

function opposite(direction: Direction): Direction {
  return direction === "client_to_server" ? "server_to_client" : "client_to_server";
}
