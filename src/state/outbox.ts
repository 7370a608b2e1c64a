/**
 * Collects what one turn of the event loop has to say, and says it as one message: a send costs far more than what is in it.
 * Must not know what it carries.
 */
import type { Channel } from "../workers/channel.ts";

export class Outbox<T> {
  readonly #channel: Channel;
  readonly #message: (items: readonly T[]) => object;
  #items: T[] = [];
  #sent: Promise<void> | undefined;

  /** `message`: what the items of a turn are sent as. */
  constructor(channel: Channel, message: (items: readonly T[]) => object) {
    this.#channel = channel;
    this.#message = message;
  }

  /** Resolves once the item is handed to the kernel, rejects when it cannot be. In order. */
  push(item: T): Promise<void> {
    this.#items.push(item);
    this.#sent ??= this.#send();
    return this.#sent;
  }

  async #send(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    const items = this.#items;
    this.#items = [];
    this.#sent = undefined;
    await this.#channel.send(this.#message(items));
  }
}
