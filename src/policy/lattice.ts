/**
 * The lattice of effects: error > deny > hold > redact, rewrite > allow. Commutative, associative, idempotent and monotone, so that
 * neither the order of rules nor their number changes a decision. Must not know rules.
 */
import type { Effect } from "./decision.ts";

const RANK: Readonly<Record<Effect, number>> = { allow: 0, rewrite: 1, redact: 2, hold: 3, deny: 4, error: 5 };

/** The stronger of two effects. A message that is both rewritten and redacted is called redacted; both are carried out. */
export function join(a: Effect, b: Effect): Effect {
  return RANK[a] >= RANK[b] ? a : b;
}

export function joinAll(effects: Iterable<Effect>): Effect {
  let strongest: Effect = "allow";
  for (const effect of effects) strongest = join(strongest, effect);
  return strongest;
}

export function atLeast(effect: Effect, least: Effect): boolean {
  return RANK[effect] >= RANK[least];
}
