/**
 * "Did you mean": the nearest known word to a mistyped one.
 * Must not be used to accept what was written, only to explain why it is refused.
 */

/** Restricted Damerau–Levenshtein distance (insert, delete, replace, swap of neighbours), capped at `limit + 1`. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let best = Math.min((current[column - 1] ?? 0) + 1, (previous[column] ?? 0) + 1, (previous[column - 1] ?? 0) + cost);
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        best = Math.min(best, (before[column - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    before = previous;
    previous = current;
  }
  return Math.min(previous[b.length] ?? limit + 1, limit + 1);
}

/** Longer words than this are not compared: the cost is quadratic, and nobody mistypes a word of this length. */
const LONGEST = 64;

/** The known word nearest to `word`, when one is near enough (a third of its letters, at least one, at most three). */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  const limit = Math.min(3, Math.max(1, Math.floor(word.length / 3)));
  const folded = word.toLowerCase().replaceAll("-", "_");
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of known) {
    const distance = editDistance(folded, candidate.toLowerCase().replaceAll("-", "_"), limit);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `Did you mean "x"?`, or the known words when none is near and there are few, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const near = nearest(word, known);
  if (near !== undefined) return `Did you mean "${near}"?`;
  return known.length > 0 && known.length <= 20 ? `Known: ${known.join(", ")}.` : undefined;
}
