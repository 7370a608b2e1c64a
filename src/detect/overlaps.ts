/**
 * Settles which of several matches over the same text stands. The rule: a secret before personal data, then the longer one, then the
 * surer one, then the one whose detector comes first in the catalogue. What is left does not overlap.
 */
import type { Detector, Match } from "./detector.ts";

export interface Hit {
  readonly detector: Detector;
  readonly match: Match;
  readonly start: number;
  readonly end: number;
}

/** The hits that stand, in order of their start. `hits` in catalogue order. */
export function resolveOverlaps(hits: readonly Hit[]): Hit[] {
  const ordered = hits.toSorted((a, b) => a.start - b.start);
  const standing: Hit[] = [];
  for (let index = 0; index < ordered.length; ) {
    // Hits that hang together, directly or through others; most stand alone.
    const cluster = [ordered[index] as Hit];
    let end = (ordered[index] as Hit).end;
    for (index += 1; index < ordered.length && (ordered[index] as Hit).start < end; index += 1) {
      cluster.push(ordered[index] as Hit);
      end = Math.max(end, (ordered[index] as Hit).end);
    }
    standing.push(...(cluster.length === 1 ? cluster : strongest(cluster)));
  }
  return standing;
}

function strongest(cluster: readonly Hit[]): Hit[] {
  const chosen: Hit[] = [];
  for (const hit of cluster.toSorted(byStrength)) {
    if (chosen.every((other) => hit.end <= other.start || hit.start >= other.end)) chosen.push(hit);
  }
  return chosen.toSorted((a, b) => a.start - b.start);
}

function byStrength(a: Hit, b: Hit): number {
  if (a.detector.category !== b.detector.category) return a.detector.category === "secret" ? -1 : 1;
  return b.end - b.start - (a.end - a.start) || b.match.score - a.match.score;
}
