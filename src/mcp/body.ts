/**
 * A body that is read as a whole, whichever side it comes from. Must not know what is in it.
 */

export interface Body {
  /**
   * Hands over each chunk as it arrives until `take` answers false; resolves then, or at the end. Rejects when the body breaks off: with
   * a `Fault` where its side says why.
   */
  each(take: (chunk: Buffer) => boolean): Promise<void>;
}
