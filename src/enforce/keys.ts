/**
 * Keeps an object's keys apart after some of them were redacted: two members of one name would have no meaning.
 * Must not touch keys that were not redacted.
 */
import type { JsonDocument, Node } from "../mcp/json.ts";
import { applied, type Changes, type Piece } from "./changes.ts";

/** The same changes, where a redacted key that equals another one of its object got a number behind its last stand-in: `[EMAIL_1]_2`. */
export function distinctKeys(document: JsonDocument, changes: Changes): Changes {
  if (![...changes.keys()].some((node) => document.isKey(node))) return changes;
  const distinct = new Map(changes);
  for (let node = 0; node < document.size; node += 1) {
    if (document.kind(node) !== "object") continue;
    const keys = document.members(node).map(([key]) => key);
    if (keys.some((key) => changes.has(key))) separate(document, keys, distinct);
  }
  return distinct;
}

function separate(document: JsonDocument, keys: readonly Node[], changes: Map<Node, readonly Piece[]>): void {
  const taken = new Set(keys.filter((key) => !changes.has(key)).map((key) => document.text(key)));
  const tries = new Map<string, number>();
  for (const key of keys) {
    const pieces = changes.get(key);
    if (pieces === undefined) continue;
    const plain = nameOf(document, key, pieces);
    let pieced = pieces;
    let name = plain;
    for (let number = tries.get(plain) ?? 2; taken.has(name); number += 1) {
      tries.set(plain, number + 1);
      pieced = pieces.with(-1, numbered(pieces.at(-1) as Piece, number));
      name = nameOf(document, key, pieced);
    }
    taken.add(name);
    changes.set(key, pieced);
  }
}

function nameOf(document: JsonDocument, key: Node, pieces: readonly Piece[]): string {
  return JSON.parse(applied(document, key, pieces).toString("utf8")) as string;
}

function numbered(piece: Piece, number: number): Piece {
  return { mark: piece.mark, bytes: Buffer.concat([piece.bytes, Buffer.from(`_${number}`)]) };
}
