/**
 * HTTP header fields as they came: looking them up in Node's `rawHeaders` (the joined view hides duplicates: "safe, evil"), and the
 * encoding of MCP's mirrored values. Must not decide what a header means.
 */

/** Names and values alternate, as in Node's `rawHeaders`. */
export type RawHeaders = readonly string[];

const PREFIX = "=?base64?";
const SUFFIX = "?=";
/** RFC 9110 section 5.5 without obs-text: visible ASCII with single spaces or tabs inside. */
const PLAIN = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;

/** [lower-case name, value] of each field, in order. */
export function fields(rawHeaders: RawHeaders): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) pairs.push([(rawHeaders[i] as string).toLowerCase(), rawHeaders[i + 1] as string]);
  return pairs;
}

/** Whether a field's name is this lower-case one. Lengths first: this is asked for every field of every request, many times. */
export function isNamed(field: string, name: string): boolean {
  return field.length === name.length && field.toLowerCase() === name;
}

/** A lower-case name as a CGI-like server reads it: with hyphens for underscores. */
export function hyphenated(name: string): string {
  return name.includes("_") ? name.replaceAll("_", "-") : name;
}

/** The value of a field by its lower-case name; several are joined as HTTP joins them, so that they equal no single value. */
export function headerValue(rawHeaders: RawHeaders, name: string): string | undefined {
  let joined: string | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (!isNamed(rawHeaders[i] as string, name)) continue;
    const value = rawHeaders[i + 1] as string;
    joined = joined === undefined ? value : `${joined}, ${value}`;
  }
  return joined;
}

/** The text behind a mirrored value (2026-07-28, "Value encoding"): plain ASCII or `=?base64?…?=`; undefined when malformed. */
export function decodeMirrored(value: string): string | undefined {
  if (!isEncoded(value)) return PLAIN.test(value) ? value : undefined;
  const encoded = value.slice(PREFIX.length, -SUFFIX.length);
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded) return undefined;
  const text = bytes.toString("utf8");
  return Buffer.from(text, "utf8").equals(bytes) ? text : undefined;
}

/** A text as a mirrored value: plain where that is unmistakable. */
export function encodeMirrored(text: string): string {
  return PLAIN.test(text) && !isEncoded(text) ? text : `${PREFIX}${Buffer.from(text, "utf8").toString("base64")}${SUFFIX}`;
}

function isEncoded(value: string): boolean {
  return value.length >= PREFIX.length + SUFFIX.length && value.startsWith(PREFIX) && value.endsWith(SUFFIX);
}
