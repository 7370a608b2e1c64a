/**
 * What a detector is and what it answers. Detectors find; they never decide, and they never log what they found.
 */

export type FindingOn = "value" | "key" | "number";
export type FindingCategory = "pii" | "secret";

/** A match inside searched text, before it is placed in a message. Offsets in bytes of that text. */
export interface Match {
  readonly start: number;
  readonly end: number;
  /** Confidence from 0 to 1. */
  readonly score: number;
  /** Facts that reveal no value. */
  readonly domain?: string;
  readonly country?: string;
  readonly brand?: string;
}

/**
 * How many more hits may be checked at some cost (microseconds each) and turn out to be nothing. One count for all detectors of a
 * message: text full of near misses would hold everybody's messages up. Below 0 it was too many, and a search may have stopped early.
 */
export interface Misses {
  left: number;
}

/**
 * One kind of sensitive data. `find` does the work on texts that passed the gate.
 *
 * `gate` is a coarse RE2 pattern that matches every text in which `find` could find anything (a property test holds it to that).
 * It is first tried on a document as it was sent, so it may not ask for a character that JSON can spell in two letters (quote,
 * backslash, slash, control characters), nor use anchors or `\b`; and it shares an automaton with others: no large repeats.
 *
 * The text that `find` gets is laid out as text-walk.ts says: pieces of UTF-8 between BREAK bytes, a key and its scalar value with
 * BELONGS between them. Neither byte occurs in UTF-8, so a match never spans two pieces, and what is found in one piece may depend
 * on nothing outside it but the key in front of it.
 */
export interface Detector {
  /** Stable id that policies name, e.g. `email`, `aws_access_key`. */
  readonly kind: string;
  readonly category: FindingCategory;
  readonly description: string;
  /** Name of the replacement: `[EMAIL_1]`. */
  readonly label: string;
  /** Where the format is written down. */
  readonly source: string;
  readonly gate: string;
  /**
   * A finer look where the gate is open too often: false only for a document in which `find` finds nothing. It gets the document as it
   * was sent, in which no string spells an ordinary character by an escape.
   */
  readonly possible?: (bytes: Buffer) => boolean;
  /** Matches in order, without overlaps; stops after `limit` of them, or when there are no more `misses`. */
  find(text: Buffer, limit: number, misses: Misses): Match[];
}

/** A match placed in a message. Frozen; carries no value. */
export interface Finding {
  /** Number of the finding in its message, from 0, in document order. */
  readonly n: number;
  readonly kind: string;
  readonly category: FindingCategory;
  /** RFC 6901 pointer of the value (of a key: of the value under it), from the root of the JSON-RPC message. */
  readonly path: string;
  readonly on: FindingOn;
  /** Code points of the decoded string (of a number: of its lexeme). */
  readonly start: number;
  readonly end: number;
  readonly score: number;
  readonly domain?: string;
  readonly country?: string;
  readonly brand?: string;
  /** Where it stands: its node, and the half-open range of the document's bytes that spell it. Not part of the policy input. */
  readonly node: number;
  readonly rawStart: number;
  readonly rawEnd: number;
}

/** All findings of a message; `capped` when there were more than the limit (the rest is not listed, and policy is told so). */
export interface Findings {
  readonly list: readonly Finding[];
  readonly capped: boolean;
  /** The search has shown that there is no URL either. */
  readonly noUrls?: true;
}
