/**
 * What a redaction leaves in a value's place. Pure but for the numbering, which is asked for.
 * Must not let a stand-in say more about the value than its operator promises, and must not keep values.
 */
import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import { kinds } from "../detect/detect.ts";
import type { RedactWith } from "../policy/decision.ts";

/** Secret of one process: equal values get equal stand-ins in its life, and nobody outside can try values out. */
export interface RedactionKeys {
  /** 32 random bytes. */
  readonly hmac: Buffer;
}

/** Numbers of values within the flow, see Store.ordinals. */
export type Ordinals = (values: readonly { label: string; digest: string }[]) => Promise<readonly number[]>;

/** Text that goes. `whole`: it is a whole string value and not a place found in one. */
export interface Removed {
  readonly text: string;
  readonly label: string;
  readonly with: RedactWith;
  readonly whole: boolean;
}

/** Of a value that is redacted as a whole, whatever it holds. */
export const WHOLE_LABEL = "REDACTED";

const LABELS: ReadonlySet<string> = new Set([WHOLE_LABEL, ...kinds().map(({ label }) => label)]);

/** Fixed, so that it says nothing of the length. */
const MASK = "****";

/** From weak to strong; where redactions overlap the strongest acts on all of it. */
const STRENGTH: readonly RedactWith[] = ["partial", "replace", "hash", "mask", "drop"];

export function strongest(one: RedactWith, other: RedactWith): RedactWith {
  return STRENGTH.indexOf(one) >= STRENGTH.indexOf(other) ? one : other;
}

/**
 * The stand-ins, in order: `replace` [EMAIL_1], `partial` ****1111, `hash` [EMAIL:…], `mask` ****, `drop` nothing.
 * Whole values that are such a stand-in already stay, so that redacting twice is redacting once.
 */
export async function standIns(removed: readonly Removed[], keys: RedactionKeys, ordinals: Ordinals): Promise<string[]> {
  const stays = removed.map((one) => isStandIn(one, keys));
  const numberOf = await numbering(
    removed.filter((one, index) => one.with === "replace" && stays[index] === false),
    keys,
    ordinals,
  );
  return removed.map((one, index) => (stays[index] === true ? one.text : standIn(one, keys, numberOf)));
}

/** Messages repeat themselves: a value is digested and asked for once, whatever it costs to number it. */
async function numbering(removed: readonly Removed[], keys: RedactionKeys, ordinals: Ordinals): Promise<NumberOf> {
  const byLabel = new Map<string, Map<string, number>>();
  const values: { label: string; digest: string }[] = [];
  for (const { label, text } of removed) {
    const places = byLabel.get(label) ?? new Map<string, number>();
    byLabel.set(label, places);
    if (places.has(text)) continue;
    places.set(text, values.length);
    values.push({ label, digest: digest(keys, label, text).toString("base64url") });
  }
  const numbers = values.length === 0 ? [] : await ordinals(values);
  if (numbers.length !== values.length) throw new Error("the numbering answered another number of values");
  return (label, text) => numbers[byLabel.get(label)?.get(text) ?? -1];
}

type NumberOf = (label: string, text: string) => number | undefined;

function standIn({ text, label, with: operator }: Removed, keys: RedactionKeys, numberOf: NumberOf): string {
  switch (operator) {
    case "replace":
      return `[${label}_${numberOf(label, text)}]`;
    case "mask":
      return MASK;
    case "drop":
      return "";
    case "partial":
      return partial(text);
    case "hash":
      return hash(label, digest(keys, label, text), keys);
  }
}

/** The last four letters or digits; of a value with eight or fewer of them that would be half of it: nothing. */
function partial(text: string): string {
  const shown = text.match(/[\p{L}\p{N}]/gu) ?? [];
  return shown.length <= 8 ? MASK : MASK + shown.slice(-4).join("");
}

/** 64 bits of the digest, then 32 that prove that we wrote them. In letters: digits could look like a number that is searched for. */
function hash(label: string, value: Buffer, keys: RedactionKeys): string {
  const body = letters(value.subarray(0, 8));
  return `[${label}:${body}${proof(body, keys)}]`;
}

function proof(body: string, keys: RedactionKeys): string {
  return letters(hmac(keys, "stand-in", body).subarray(0, 4));
}

/** Hexadecimal with the letters a to p. */
function letters(bytes: Buffer): string {
  return bytes.toString("hex").replace(/[0-9a-f]/g, (digit) => String.fromCharCode(97 + Number.parseInt(digit, 16)));
}

/** Whether a whole value is what this operator, or a stronger one, has left of another value. */
function isStandIn({ text, with: operator, whole }: Removed, keys: RedactionKeys): boolean {
  const made = whole ? madeBy(text, keys) : undefined;
  return made !== undefined && strongest(made, operator) === made;
}

/** The operator that has left exactly this text. A forged text gets through by it with six digits or four letters at the most. */
function madeBy(text: string, keys: RedactionKeys): RedactWith | undefined {
  if (text === MASK) return "mask";
  if (/^\*{4}[\p{L}\p{N}]{4}$/u.test(text)) return "partial";
  const bracket = /^\[([A-Z0-9_]+?)(?:_[1-9][0-9]{0,5}|:([a-p]{16})([a-p]{8}))\]$/.exec(text);
  if (bracket === null || !LABELS.has(bracket[1] as string)) return undefined;
  const [, , body, signed] = bracket;
  if (body === undefined) return "replace";
  return signed === proof(body, keys) ? "hash" : undefined;
}

/** Spellings of one value count as one: case, width, white space, and the separators of numbers (an e-mail's dash is part of it). */
function normalize(text: string): string {
  const folded = text.normalize("NFKC").toLowerCase().replace(/\s+/g, "");
  return /\p{L}/u.test(folded) ? folded : folded.replace(/[()-]/g, "");
}

function digest(keys: RedactionKeys, label: string, text: string): Buffer {
  return hmac(keys, `value\0${label}`, normalize(text));
}

/** Making a key of the bytes costs more than using it. */
const prepared = new WeakMap<RedactionKeys, KeyObject>();

function hmac(keys: RedactionKeys, purpose: string, text: string): Buffer {
  const key = prepared.get(keys) ?? createSecretKey(keys.hmac);
  prepared.set(keys, key);
  return createHmac("sha256", key).update(`${purpose}\0${text}`).digest();
}
