/**
 * Says that a client has left before its reply was complete: what an AbortSignal says, at a tenth of its cost for each call. Must not
 * know why.
 */

/** As much of an AbortSignal as is needed; an AbortSignal is one. */
export interface Gone {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

export class Departure implements Gone {
  aborted = false;
  readonly #listeners = new Set<() => void>();

  /** Tells everybody who listens, once. */
  leave(): void {
    if (this.aborted) return;
    this.aborted = true;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }
}
