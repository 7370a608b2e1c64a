/**
 * The four judging stages wired to what does their work: detectors, facts, policy, enforcement. Must not do any of it itself.
 */
import type { Config } from "./config/config.ts";
import type { Detect } from "./detect/detect.ts";
import { conclude } from "./enforce/conclude.ts";
import type { Enforcer } from "./enforce/list.ts";
import type { RedactionKeys } from "./enforce/redact.ts";
import { enrich } from "./enrich/enrich.ts";
import { createMoment } from "./enrich/moment.ts";
import { compileInput, type InputOptions } from "./enrich/policy-input.ts";
import { Fault } from "./errors.ts";
import type { JsonLimits } from "./mcp/json.ts";
import type { MessageTarget } from "./mcp/methods.ts";
import type { DecideContext } from "./policy/decider.ts";
import type { Phase } from "./policy/input.ts";
import type { Policy } from "./policy/policy.ts";
import type { Judgement } from "./stages.ts";
import type { Store } from "./state/store.ts";
import { senderOf, type Transaction } from "./transaction.ts";
import type { Working } from "./watch/in-flight.ts";

export interface JudgementParts {
  readonly config: Config;
  readonly limits: JsonLimits;
  readonly policy: Policy;
  readonly detect: Detect;
  readonly store: Store;
  readonly keys: RedactionKeys;
  /** Marks whose work is being done. */
  readonly working?: Working;
}

export function createJudgement(parts: JudgementParts): Judgement {
  const { config, policy, detect, store, limits, keys, working = () => (work) => work() } = parts;
  const moment = createMoment(config.time_zone);
  const writer = compileInput(policy.reads);
  const options = ({ exchange }: Transaction): InputOptions => {
    const server = config.servers.get(exchange.server.name);
    if (server === undefined) throw new Fault({ code: "ERR_SERVER_UNKNOWN", detail: "a reload took the server out of the configuration" });
    return { policyText: config.limits.policy_text, moment, server };
  };
  return {
    detect: (transaction) => detect(transaction.message.document),
    enrich: (transaction, findings) => enrich(transaction, findings, store),
    decide: (transaction, facts, findings) => {
      const input = writer.message(transaction, facts, findings, options(transaction));
      if (!input.ok) throw new Fault(input.failure);
      return policy.decide(input.value, context(transaction, facts.phase, facts.target));
    },
    enforce: (transaction, facts, findings, decision) => {
      const itemOptions = options(transaction);
      const enforcer: Enforcer = {
        detect,
        store,
        limits,
        keys,
        marked: working(transaction.exchange.flow, senderOf(transaction.exchange, transaction.direction)),
        decideItem: (known, item) =>
          policy.decide(writer.item(transaction, known, item, itemOptions), context(transaction, "list_item", item.target)),
      };
      return conclude(enforcer, transaction, facts, findings, decision);
    },
  };
}

function context(transaction: Transaction, phase: Phase, target: MessageTarget | undefined): DecideContext {
  const { server, principal } = transaction.exchange;
  return { serverName: server.name, phase, now: transaction.now, target: target?.name ?? target?.uri, principal: principal.id };
}
