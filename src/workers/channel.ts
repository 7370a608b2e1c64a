/**
 * What a worker and its supervisor say to each other through. Must not know what is said.
 */

/** One end of the connection between a worker and its supervisor. Messages are structured clones; their order is kept. */
export interface Channel {
  /** Resolves once the message is handed to the kernel; rejects when the other side is gone. */
  send(message: object): Promise<void>;
  /** Every message of the other side, also those that another taker understands: a taker leaves alone what is not its own. */
  take(taker: (message: unknown) => void): void;
}
