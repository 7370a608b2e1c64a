/**
 * Which values of a document stand in which others. Lists of nodes are in document order; "apart" ones do not stand in each other.
 * Linear or logarithmic throughout: traffic chooses how many there are.
 */
import type { JsonDocument, Node } from "../json.ts";

/** Whether `node` is `outer` or stands in it. */
export function within(document: JsonDocument, outer: Node, node: Node): boolean {
  return node >= outer && node < document.next(outer);
}

/** Those of the nodes that stand in no other one: they are apart. */
export function outermost(document: JsonDocument, nodes: readonly Node[]): Node[] {
  let covered = -1;
  return nodes.filter((node) => {
    if (node < covered) return false;
    covered = document.next(node);
    return true;
  });
}

/** Whether the node is one of `roots`, which are apart, or stands in one. */
export function covers(document: JsonDocument, roots: readonly Node[], node: Node): boolean {
  const nearest = roots[countUpTo(roots, node) - 1];
  return nearest !== undefined && within(document, nearest, node);
}

/** Whether one of `nodes` is the value or stands in it. */
export function holdsAny(document: JsonDocument, value: Node, nodes: readonly Node[]): boolean {
  const first = nodes[countUpTo(nodes, value - 1)];
  return first !== undefined && within(document, value, first);
}

/** How many of the nodes come no later than `node`. */
function countUpTo(nodes: readonly Node[], node: Node): number {
  let low = 0;
  let high = nodes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((nodes[middle] as Node) <= node) low = middle + 1;
    else high = middle;
  }
  return low;
}
