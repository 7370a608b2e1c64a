/**
 * Runs one RE2 pattern over searched text and hands each hit to a check that accepts or refuses it.
 * Must stay linear in the text: a refused hit is continued where the check says, which lies behind its start.
 */
import RE2 from "re2";
import type { Match, Misses } from "./detector.ts";

/** What a check makes of a hit at [start, end): a match, or the byte to go on from (past `start`) because there is none. */
export type Check = (text: Buffer, start: number, end: number) => Match | number;

/** A `find` that accepts hits of `pattern` which pass `check`. Write patterns without captures, so that RE2 stays on its automaton. */
export function findByPattern(pattern: string, check: Check): (text: Buffer, limit: number, misses: Misses) => Match[] {
  const compiled = new RE2(pattern, "g");
  return (text, limit, misses) => {
    const matches: Match[] = [];
    compiled.lastIndex = 0;
    while (matches.length < limit) {
      const hit = compiled.exec(text);
      if (hit === null) break;
      const answer = check(text, hit.index, hit.index + hit[0].length);
      if (typeof answer === "number") {
        misses.left -= 1;
        if (misses.left < 0) break;
        compiled.lastIndex = answer;
      } else {
        matches.push(answer);
        compiled.lastIndex = answer.end;
      }
    }
    return matches;
  };
}
