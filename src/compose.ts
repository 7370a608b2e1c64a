/**
 * Puts the stages together for one configuration and policy, on what outlives both. Must not start, stop or swap anything: the gateway does.
 */
import { performance } from "node:perf_hooks";
import { Recorder } from "./audit/recorder.ts";
import type { AuditSink } from "./audit/sink.ts";
import { createAuthenticator } from "./authn/create-authenticator.ts";
import type { Config } from "./config/config.ts";
import { deadline } from "./deadline.ts";
import { createDetect, screenText } from "./detect/detect.ts";
import type { RedactionKeys } from "./enforce/redact.ts";
import { fail } from "./errors.ts";
import { Admission } from "./http/admission.ts";
import { Exits } from "./http/exits.ts";
import { rememberSession } from "./http/sessions.ts";
import type { HostRules } from "./http/host-rules.ts";
import { createJudgement } from "./judgement.ts";
import type { Logger } from "./observe/logger.ts";
import type { Metrics } from "./observe/metrics.ts";
import type { Policy } from "./policy/policy.ts";
import { failureOf, guarded, type Judgement, jsonLimits, type Stages } from "./stages.ts";
import { Conversation } from "./state/conversation.ts";
import type { Store } from "./state/store.ts";
import type { InFlight } from "./watch/in-flight.ts";
import type { LoopTime } from "./watch/loop-time.ts";
import type { Quarantine } from "./watch/quarantine.ts";
import { forward, forwardOwn, type ForwardParts } from "./upstream/forward.ts";
import { Forwarder } from "./upstream/forwarder.ts";
import type { OwnAnswers } from "./upstream/own-answers.ts";

/** What outlives a reload. */
export interface Lasting {
  readonly store: Store;
  readonly sink: AuditSink;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly keys: RedactionKeys;
  readonly ownAnswers: OwnAnswers;
  readonly inFlight: InFlight;
  readonly quarantine: Quarantine;
  readonly loopTime: LoopTime;
  /** The judging stages of the newest configuration: messages on streams that were open before a reload are judged by them too. */
  readonly newest: () => Judgement;
}

/** What a reload replaces, as one. */
export interface Current {
  readonly config: Config;
  readonly policy: Policy;
  readonly stages: Stages;
  readonly recorder: Recorder;
  readonly forwarder: Forwarder;
  readonly judgement: Judgement;
}

export interface ComposeOptions {
  /** Puts something in a judging stage's place, within the guard that every stage stands in. Tests break stages with it. */
  readonly judgement?: (real: Judgement) => Judgement;
  /** Longest time that judging one message may take, in milliseconds. */
  readonly judgeMs?: number;
}

const JUDGE_MS = 5_000;
const ticks = (): number => performance.now();

/** Builds the stages for one configuration and policy. */
export function compose(config: Config, policy: Policy, hosts: HostRules, lasting: Lasting, options: ComposeOptions): Current {
  const { store, sink, metrics, log, keys, inFlight, quarantine, loopTime } = lasting;
  const limits = jsonLimits(config);
  const recorder = new Recorder({
    sink,
    onError: config.audit.on_error,
    metrics,
    log,
    screenText,
    clock: Date.now,
    ticks,
    inFlight,
  });
  const conversation = new Conversation(store, limits, Date.now, inFlight.working);
  const authenticator = createAuthenticator(config.authn);
  const admission = new Admission({ authenticator, hosts, store, recorder, quarantine, loopTime, clock: Date.now });
  const forwarder = new Forwarder(config.limits, metrics);
  const hop: ForwardParts = { forwarder, limits };
  const exits = new Exits({
    recorder,
    screenText,
    answerServer: ({ call, exchange }, body) => {
      lasting.ownAnswers.send(exchange.server.name, (signal) => forwardOwn(hop, call, exchange, body, signal));
    },
  });
  const detect = createDetect({ maxFindings: config.limits.findings });
  const real = createJudgement({ config, limits, policy, detect, store, keys, working: inFlight.working });
  return {
    config,
    policy,
    recorder,
    forwarder,
    judgement: guarded(options.judgement === undefined ? real : options.judgement(real), inFlight.working),
    stages: {
      limits,
      maxEventBytes: config.limits.event,
      conversation,
      admission,
      exits,
      recorder,
      working: inFlight.working,
      due: ({ call, exchange }) => loopTime.due(exchange.flow, exchange.server.name, call.gone),
      judgement: lasting.newest,
      timely: deadline(options.judgeMs ?? JUDGE_MS),
      forward: async (call, exchange, leaving) => {
        inFlight.alive();
        const answer = await forward(hop, call, exchange, leaving);
        if (!answer.ok) return answer;
        const { form, body } = answer.value;
        if (form === "json" || form === "events") body.weigh((held) => call.visit.hold(held));
        if (form === "events") call.visit.rest();
        try {
          await rememberSession(store, call.method, exchange, answer.value);
        } catch (fault) {
          // An answer that nobody will read must not hold its connection.
          answer.value.body.abort();
          // The request went: what is wrong now is on record in the answer's place, never as a refusal of the request.
          return fail(failureOf(fault));
        }
        return answer;
      },
    },
  };
}
