/**
 * Takes redactions over to the document that rewrites have made: numbers of findings mean findings of the message as it came.
 * Must not lose one: a place that a redaction names is redacted wherever it stands now, and what a rewrite brought in is treated alike.
 */
import type { Finding, Findings } from "../detect/detector.ts";
import type { JsonDocument, Node } from "../mcp/json.ts";
import type { Redaction } from "../policy/decision.ts";
import type { Edit } from "../mcp/json/splice.ts";

/**
 * `found` are the findings of `document`, which `edits` have made of the message with the findings `before`. Answers findings and
 * redactions that mean the same there: a numbered finding where it stands now, and every finding of its kind in new values.
 */
export function carryOver(
  before: Findings,
  edits: readonly Edit[],
  document: JsonDocument,
  found: Findings,
  redactions: readonly Redaction[],
): { findings: Findings; redactions: Redaction[] } {
  const moves = edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
  const list = [...found.list];
  const inserted = insertedRanges(moves);
  const carried = redactions.map((redaction): Redaction => {
    if (redaction.findings === undefined) return redaction;
    const named = new Set(redaction.findings);
    const old = before.list.filter((finding) => named.has(finding.n));
    const kinds = new Set(old.map((finding) => finding.kind));
    const numbers = new Set(
      list.filter((finding) => kinds.has(finding.kind) && inserted.some((range) => overlaps(range, finding))).map(({ n }) => n),
    );
    for (const finding of old) {
      const shift = shiftOf(moves, finding);
      if (shift !== undefined) numbers.add(numberOf(document, list, finding, shift));
    }
    // A number that was never given stays wrong, and is refused as such.
    const unknown = redaction.findings.filter((n) => !old.some((finding) => finding.n === n)).map((n) => -1 - n);
    return { ...redaction, findings: [...numbers, ...unknown] };
  });
  return { findings: { list, capped: before.capped || found.capped }, redactions: carried };
}

/**
 * Secrets in what the edits wrote. `found`: the findings of the document that they made. Nobody has judged these: rules saw the message
 * as it came. Undefined when there may be more of them than are listed.
 */
export function secretsBroughtIn(edits: readonly Edit[], found: Findings): Finding[] | undefined {
  const written = insertedRanges(edits.toSorted((a, b) => a.start - b.start || a.end - b.end)).filter(
    ({ rawStart, rawEnd }) => rawEnd > rawStart,
  );
  if (found.capped && written.length > 0) return undefined;
  return found.list.filter((finding) => finding.category === "secret" && written.some((range) => overlaps(range, finding)));
}

interface Range {
  readonly rawStart: number;
  readonly rawEnd: number;
}

function overlaps(one: Range, other: Range): boolean {
  return one.rawStart < other.rawEnd && one.rawEnd > other.rawStart;
}

/** Where the edits' bytes stand in the new document. */
function insertedRanges(moves: readonly Edit[]): Range[] {
  let shift = 0;
  return moves.map(({ start, end, bytes }) => {
    const rawStart = start + shift;
    shift += bytes.length - (end - start);
    return { rawStart, rawEnd: rawStart + bytes.length };
  });
}

/** How far a finding has moved; undefined when it is gone with what was rewritten. */
function shiftOf(moves: readonly Edit[], finding: Finding): number | undefined {
  let shift = 0;
  for (const { start, end, bytes } of moves) {
    if (start >= finding.rawEnd) break;
    if (end > finding.rawStart) return undefined;
    shift += bytes.length - (end - start);
  }
  return shift;
}

/** The number of the same finding now. One that is not found again, because what stood around it is gone, is listed anew. */
function numberOf(document: JsonDocument, list: Finding[], finding: Finding, shift: number): number {
  const rawStart = finding.rawStart + shift;
  const rawEnd = finding.rawEnd + shift;
  const same = list.find((other) => other.kind === finding.kind && other.rawStart === rawStart && other.rawEnd === rawEnd);
  if (same !== undefined) return same.n;
  const node = nodeAt(document, rawStart);
  const n = list.reduce((highest, other) => Math.max(highest, other.n), -1) + 1;
  list.push({ ...finding, n, node, path: document.pointer(node), rawStart, rawEnd });
  return n;
}

/** The last node that starts at the byte or before it: nodes stand in the order of their first bytes. */
function nodeAt(document: JsonDocument, byte: number): Node {
  let low = 0;
  let high = document.size - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (document.start(middle) <= byte) low = middle;
    else high = middle - 1;
  }
  return low;
}
