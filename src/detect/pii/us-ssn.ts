/**
 * US social security numbers: 3-2-4 digits with hyphens or spaces, never from an area, group or serial that is not issued; nine
 * bare digits only behind a label. Must leave 9xx alone: those are ITINs.
 */
import { continuesWord, isDigit, isLabelled, isLetter, nextDigit } from "../bytes.ts";
import type { Detector, Match } from "../detector.ts";

const SPACE = 0x20;
const HYPHEN = 0x2d;
const LABEL = /\b(?:ssn|ssns|social ?sec(?:urity)?|soc sec|tax ?payer id)\b/;

export const usSsn: Detector = {
  kind: "us_ssn",
  category: "pii",
  description: "US social security number",
  label: "SSN",
  source: "https://www.ssa.gov/employer/randomizationfaqs.html; https://secure.ssa.gov/poms.nsf/lnx/0110201035",
  gate: "[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}|(?i:ssn|soc[a-z]*.?sec|payer.?id)",
  find(text, limit) {
    const matches: Match[] = [];
    for (let at = nextDigit(text, 0); at < text.length && matches.length < limit; at = nextDigit(text, at)) {
      let end = at + 1;
      while (isDigit(text[end])) end += 1;
      const match = end - at === 3 ? formatted(text, at) : end - at === 9 ? bare(text, at, end) : undefined;
      if (match !== undefined) matches.push(match);
      at = match === undefined ? end : match.end;
    }
    return matches;
  },
};

function formatted(text: Buffer, start: number): Match | undefined {
  const separator = text[start + 3];
  if ((separator !== HYPHEN && separator !== SPACE) || text[start + 6] !== separator) return undefined;
  const end = start + 11;
  for (const at of [4, 5, 7, 8, 9, 10]) if (!isDigit(text[start + at])) return undefined;
  if (isDigit(text[end]) || !isIssued(text.toString("latin1", start, end).replaceAll(/[- ]/g, ""))) return undefined;
  // A longer number in the same spelling ("1-123-45-6789", "123-45-6789-0") is something else.
  if (text[start - 1] === HYPHEN && isDigit(text[start - 2])) return undefined;
  if (text[end] === HYPHEN && isDigit(text[end + 1])) return undefined;
  if (isLabelled(text, start, LABEL)) return { start, end, score: 0.99 };
  if (isLetter(text[start - 1]) || isLetter(text[end])) return { start, end, score: 0.5 };
  return { start, end, score: separator === HYPHEN ? 0.85 : 0.5 };
}

function bare(text: Buffer, start: number, end: number): Match | undefined {
  if (isLetter(text[end]) || continuesWord(text, start)) return undefined;
  if (!isIssued(text.toString("latin1", start, end)) || !isLabelled(text, start, LABEL)) return undefined;
  return { start, end, score: 0.8 };
}

/** Areas 000, 666 and 900–999, group 00 and serial 0000 are never issued. */
function isIssued(nine: string): boolean {
  const area = nine.slice(0, 3);
  return area !== "000" && area !== "666" && !area.startsWith("9") && nine.slice(3, 5) !== "00" && nine.slice(5) !== "0000";
}
