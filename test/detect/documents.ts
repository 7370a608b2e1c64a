/** Builds documents for the detection tests, and spells one text in several ways that mean the same. */
import { readJson, type JsonDocument } from "../../src/mcp/json.ts";

export function documentOf(json: string): JsonDocument {
  const read = readJson(Buffer.from(json), { bytes: 1 << 24, depth: 64, nodes: 1 << 20, string: 1 << 24 });
  if (!read.ok) throw new Error(read.failure.reason);
  return read.value;
}

/** Every UTF-16 unit as `\uXXXX`. */
export const unicodeSpelling = (text: string): string =>
  `"${Array.from({ length: text.length }, (_, index) => `\\u${text.charCodeAt(index).toString(16).padStart(4, "0")}`).join("")}"`;

/** JSON as PHP writes it: slashes escaped. */
export const slashSpelling = (text: string): string => JSON.stringify(text).replaceAll("/", "\\/");

export const SPELLINGS: Readonly<Record<string, (text: string) => string>> = {
  plain: JSON.stringify,
  unicode: unicodeSpelling,
  slashes: slashSpelling,
  "unicode punctuation": (text) =>
    JSON.stringify(text).replaceAll(/[@.:+-]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`),
};
