/**
 * `sluice judge`: the gateway's own judging, without a network. One judge is one flow: labels, counters and numbering go on from message
 * to message. Must not decide anything that the gateway would decide otherwise: it runs the same `screen`.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import type { Config } from "./config/config.ts";
import type { Problem } from "./config/problem.ts";
import { deadline } from "./deadline.ts";
import { createDetect, screenText } from "./detect/detect.ts";
import type { Finding } from "./detect/detector.ts";
import { flowOf } from "./enrich/enrich.ts";
import { type ErrorCode, type Failure, ok, type Result } from "./errors.ts";
import { createJudgement } from "./judgement.ts";
import { ABSENT } from "./mcp/json.ts";
import type { Message } from "./mcp/message.ts";
import { methodFault } from "./mcp/methods.ts";
import { readWholeMessage } from "./mcp/read-message.ts";
import { REVISIONS } from "./mcp/revisions.ts";
import { screen } from "./pipeline.ts";
import type { Effect, Rule } from "./policy/decision.ts";
import type { Direction, PrincipalFacts } from "./policy/input.ts";
import { loadPolicy, type PolicyDeps } from "./policy/policy.ts";
import { guarded, jsonLimits, type Screening } from "./stages.ts";
import { Conversation } from "./state/conversation.ts";
import { MemoryStore } from "./state/memory.ts";
import { type Asked, decisionIds, type Era, type Exchange, type HiddenItem, type Outcome } from "./transaction.ts";

export interface JudgeInput {
  readonly bytes: Buffer;
  /** Name of a configured server; may be left out when there is one. */
  readonly server?: string;
  readonly direction?: Direction;
  /** The request that a result or error answers; absent = a plain tools/call. */
  readonly request?: Buffer;
  readonly principal?: Partial<PrincipalFacts>;
}

/** What would become of a message. `findings` carry no values. `output` is the exact text that would be forwarded. */
export interface Verdict {
  readonly effect: Effect;
  readonly reason: ErrorCode | undefined;
  /** What went wrong, where an error code alone does not say it. No payload. */
  readonly detail?: string;
  readonly matched: readonly Rule[];
  readonly would: readonly Rule[];
  readonly findings: readonly VerdictFinding[];
  readonly list?: { readonly total: number; readonly hidden: readonly HiddenItem[] };
  readonly output: string | null;
}

export type VerdictFinding = Omit<Finding, "node" | "rawStart" | "rawEnd">;

export interface Judge {
  readonly revision: string;
  judgeLine(input: JudgeInput): Promise<Verdict>;
}

const JUDGE_MS = 30_000;
const ticks = (): number => performance.now();
const PLAIN_CALL = Buffer.from('{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{"name":"tool","arguments":{}}}');

/** Loads the policy of a configuration for judging. */
export async function createJudge(config: Config, options: PolicyDeps = {}): Promise<Result<Judge, readonly Problem[]>> {
  const loaded = await loadPolicy(config, options);
  if (!loaded.ok) return loaded;
  const limits = jsonLimits(config);
  const store = new MemoryStore(ticks);
  const detect = createDetect({ maxFindings: config.limits.findings });
  const keys = { hmac: randomBytes(32) };
  const conversation = new Conversation(store, limits, Date.now);
  const judgement = guarded(createJudgement({ config, limits, policy: loaded.value, detect, store, keys }));
  const screening: Screening = {
    limits,
    conversation,
    judgement: () => judgement,
    timely: deadline(JUDGE_MS),
    // One message at a time, of one caller: nothing to tell apart when it stands still.
    recorder: { enter: (transaction) => ({ transaction, refusal: undefined }), message: (_entry, outcome) => outcome },
  };

  return ok({
    revision: loaded.value.revision,
    async judgeLine({ bytes, server: name, direction = "client_to_server", request = PLAIN_CALL, principal }) {
      const server = name === undefined ? [...config.servers.values()][0] : config.servers.get(name);
      if (server === undefined) throw new Error("judgeLine needs the name of a configured server");
      const message = readWholeMessage(bytes, limits);
      if (!message.ok) return refused(message.failure);
      const fault = methodFault(message.value);
      if (fault !== undefined) return refused(fault);
      const asked = readWholeMessage(request, limits);
      if (!asked.ok)
        return refused({ ...asked.failure, detail: `the request that is answered: ${asked.failure.detail ?? asked.failure.code}` });
      const id = randomUUID();
      const caller: Pick<Exchange, "principal" | "ip"> = {
        principal: { id: "anonymous", method: "anonymous", scopes: [], groups: [], claims: {}, ...principal },
        ip: "127.0.0.1",
      };
      const exchange: Exchange = {
        id,
        nextDecisionId: decisionIds(id),
        server,
        ...caller,
        flow: flowOf(caller),
        userAgent: undefined,
        session: undefined,
        ...standing(message.value, asked.value),
        consumed: [],
        paramHeaders: [],
        headers: {},
      };
      const answers = message.value.kind === "result" || message.value.kind === "error";
      const waiting: Asked | undefined = answers
        ? { id: message.value.id, request: { method: asked.value.method ?? "", message: asked.value }, open: true, resumable: false }
        : undefined;
      const transaction = await conversation.begin(exchange, direction, message.value, waiting);
      return verdict(await screen(screening, transaction));
    },
  });
}

/** The era that the message, or the request that it answers, claims. */
function standing(message: Message, request: Message): { era: Era; revision: string | undefined } {
  for (const { document, method, payload } of [message, request]) {
    const meta = method === undefined || payload === ABSENT ? ABSENT : document.member(payload, "_meta");
    const claim = meta === ABSENT ? ABSENT : document.member(meta, "io.modelcontextprotocol/protocolVersion");
    if (claim !== ABSENT && document.kind(claim) === "string" && REVISIONS.get(document.text(claim)) === "modern")
      return { era: "modern", revision: document.text(claim) };
  }
  return { era: "legacy", revision: undefined };
}

function refused({ code, detail }: Failure): Verdict {
  return { effect: "error", reason: code, ...(detail === undefined ? {} : { detail }), matched: [], would: [], findings: [], output: null };
}

function verdict(outcome: Outcome): Verdict {
  return {
    effect: outcome.effect,
    reason: outcome.reason,
    ...(outcome.detail === undefined ? {} : { detail: outcome.detail }),
    matched: screened(outcome.decision?.matched),
    would: screened(outcome.decision?.would),
    findings: (outcome.findings?.list ?? []).map(({ node: _node, rawStart: _start, rawEnd: _end, ...facts }) => facts),
    ...(outcome.list === undefined ? {} : { list: outcome.list }),
    output: outcome.bytes?.toString("utf8") ?? null,
  };
}

/** Messages may quote traffic: they are searched here as they are for the audit record. */
function screened(rules: readonly Rule[] = []): Rule[] {
  return rules.map((rule) => (rule.message === undefined ? rule : { ...rule, message: screenText(rule.message) }));
}
