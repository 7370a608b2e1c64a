/**
 * JSON web tokens: three base64url parts (five when encrypted) whose header decodes to a JSON object that names an algorithm.
 */
import { findByPattern } from "../candidates.ts";
import type { Detector } from "../detector.ts";

const DOT = 0x2e;
/** A header longer than this is not looked at. */
const LONGEST_HEADER = 4096;
/** Places at which a header may begin inside a longer run of its letters; bounded, so that no text is decoded many times over. */
const MOST_STARTS = 4;
/** Base64url of `{"`, `{\n` and `{ `. */
const STARTS = /eyJ|ewo|eyA|ew0/g;

export const jwt: Detector = {
  kind: "jwt",
  category: "secret",
  description: "JSON web token",
  label: "JWT",
  source: "RFC 7519, RFC 7515 section 7.1, RFC 7516 section 7.1",
  gate: "eyJ|ewo|eyA|ew0",
  find: findByPattern(
    "(?:eyJ|ewo|eyA|ew0)[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]*\\.[A-Za-z0-9_-]*(?:\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+)?",
    (text, start, end) => {
      const dot = text.indexOf(DOT, start);
      const run = text.toString("latin1", start, Math.min(dot, start + LONGEST_HEADER));
      let tries = 0;
      for (const { index } of run.matchAll(STARTS)) {
        if (namesAlgorithm(run.slice(index))) return { start: start + index, end, score: 0.99 };
        tries += 1;
        if (tries === MOST_STARTS) break;
      }
      // A token may begin behind the first dot of something that only looked like one.
      return dot + 1;
    },
  ),
};

/** Enough of JSON to be sure; parsing would cost microseconds for each of thousands of near misses in hostile text. */
function namesAlgorithm(base64url: string): boolean {
  const text = Buffer.from(base64url, "base64url").toString("latin1").trim();
  return text.startsWith("{") && text.endsWith("}") && /"alg"\s*:\s*"/.test(text);
}
