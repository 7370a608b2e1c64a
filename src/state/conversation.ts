/**
 * Which request a message answers. A client's ids and a server's ids are two namespaces; both are bound to (server, session,
 * principal), so that nobody can answer, or be answered, for somebody else. Must not judge: an answer without a request is only a
 * transaction without `answers`.
 */
import type { JsonLimits } from "../mcp/json.ts";
import { idKey, type Message, type RpcId } from "../mcp/message.ts";
import { readWholeMessage } from "../mcp/read-message.ts";
import type { Direction } from "../policy/input.ts";
import type { AnsweredRequest, Asked, Exchange, Transaction } from "../transaction.ts";
import type { Scope, Store } from "./store.ts";

export class Conversation {
  readonly #store: Store;
  readonly #limits: JsonLimits;
  readonly #clock: () => number;
  readonly #ticks: () => number;
  readonly #counts = new WeakMap<Exchange, number>();

  /** `clock`: Unix milliseconds; `ticks`: monotonic ones, as the store's. */
  constructor(store: Store, limits: JsonLimits, clock: () => number, ticks: () => number) {
    this.#store = store;
    this.#limits = limits;
    this.#clock = clock;
    this.#ticks = ticks;
  }

  /** A message has arrived. `asked` is the request of the POST whose answer it may be. */
  async begin(exchange: Exchange, direction: Direction, message: Message, asked?: Asked): Promise<Transaction> {
    const answers =
      message.kind === "result" || message.kind === "error" ? await this.#answered(exchange, direction, message, asked) : undefined;
    return { exchange, decisionId: this.decisionId(exchange), direction, message, answers, now: this.#clock(), ticks: this.#ticks() };
  }

  /** Unique per message, and says which exchange it belongs to. */
  decisionId(exchange: Exchange): string {
    const count = (this.#counts.get(exchange) ?? 0) + 1;
    this.#counts.set(exchange, count);
    return `${exchange.id}-${count}`;
  }

  /**
   * A message goes on its way (or an error in its place). Remembers a request, so that its answer is known wherever it arrives; closes
   * the request that an answer settles. Answers what a client's POST waits for.
   */
  async passed(transaction: Transaction, asked?: Asked): Promise<Asked | undefined> {
    const { exchange, message, direction, answers } = transaction;
    if (message.method !== undefined) {
      // Without a session nothing can be resumed: then only a server's request is answered on another connection.
      const elsewhere = direction === "server_to_client" || exchange.session !== undefined;
      if (message.id !== undefined && elsewhere) await this.#remember(scopeOf(exchange, direction), message.id, message.method, message);
      return { id: message.id, request: { method: message.method, message }, open: message.id !== undefined };
    }
    if (answers === undefined) return undefined;
    if (asked !== undefined && (anonymous(message) || sameId(asked.id, message.id))) asked.open = false;
    if (message.id !== undefined && !anonymous(message)) await this.#settle(exchange, opposite(direction), message.id);
    return undefined;
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
    const found = await this.#store.recall(scopeOf(exchange, opposite(direction)), idKey(message.id));
    // A request of which too little is known cannot be judged with: its answer is withheld.
    if (found === undefined || found.ambiguous === true || found.body === undefined) return undefined;
    // On a resumed stream a server repeats what it sent; a client has no reason to answer twice.
    if (found.answered && direction === "client_to_server") return undefined;
    const request = readWholeMessage(found.body, this.#limits);
    return request.ok ? { method: found.method, message: request.value } : undefined;
  }

  /**
   * MCP: an id is used once in a session. When it is not, an answer on another connection cannot be told to be this request's. The same
   * request once more is a replay.
   */
  async #remember(scope: Scope, id: RpcId, method: string, { document }: Message): Promise<void> {
    const known = await this.#store.recall(scope, idKey(id));
    const reused = known !== undefined && scope.session !== "" && known.body?.equals(document.bytes) !== true;
    const again = reused || known?.ambiguous === true ? { ambiguous: true as const } : {};
    await this.#store.remember(scope, idKey(id), { method, body: document.bytes, answered: false, ...again });
  }

  async #settle(exchange: Exchange, direction: Direction, id: RpcId): Promise<void> {
    const scope = scopeOf(exchange, direction);
    const found = await this.#store.recall(scope, idKey(id));
    if (found !== undefined) await this.#store.remember(scope, idKey(id), { ...found, answered: true });
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
