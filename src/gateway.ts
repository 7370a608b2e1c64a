/**
 * The life of a gateway: builds what lasts, listens, has stages composed for each configuration, reloads and closes. Must not hold logic of
 * its own beyond order.
 */
import { randomBytes, randomUUID } from "node:crypto";
import type { AddressInfo } from "node:net";
import { performance } from "node:perf_hooks";
import { openAuditFile } from "./audit/sink.ts";
import { compose, type ComposeOptions, type Current, type Lasting } from "./compose.ts";
import type { Config } from "./config/config.ts";
import type { Problem } from "./config/problem.ts";
import type { RedactionKeys } from "./enforce/redact.ts";
import { fail, type Failure, Fault, ok, type Result } from "./errors.ts";
import { createApp } from "./http/app.ts";
import { type HostRules, hostRules } from "./http/host-rules.ts";
import { Load } from "./http/load.ts";
import { listen, type ListenOptions, startProblem } from "./http/listen.ts";
import { OpenCalls } from "./http/open-calls.ts";
import { refuseMalformed } from "./http/malformed.ts";
import { createLogger, faultName } from "./observe/logger.ts";
import { Metrics } from "./observe/metrics.ts";
import { carry } from "./pipeline.ts";
import { loadPolicy, type Policy, type PolicyDeps } from "./policy/policy.ts";
import { MemoryStore } from "./state/memory.ts";
import type { Store } from "./state/store.ts";
import { endOnFault, recordUnderWay } from "./watch/crash.ts";
import { InFlight } from "./watch/in-flight.ts";
import { LoopTime } from "./watch/loop-time.ts";
import { Quarantine, type Quarantined } from "./watch/quarantine.ts";
import { startWatchdog } from "./watch/watchdog.ts";
import { OwnAnswers } from "./upstream/own-answers.ts";

export interface Gateway {
  /** Base URL that clients connect to; a server's endpoint is `<url>/<server>/mcp`. */
  readonly url: string;
  readonly revision: string;
  /** First half of a reload: builds a new configuration and policy beside what runs, and checks them. Nothing changes yet. */
  prepare(config: Config, options?: PolicyDeps): Promise<Result<Prepared, readonly Problem[]>>;
  /** Both halves at once: takes a new configuration and policy, or keeps everything as it was and says why. */
  reload(config: Config, options?: PolicyDeps): Promise<Result<{ revision: string }, readonly Problem[]>>;
  /** What was counted in this process, as `prom-client` gives and aggregates it. */
  metrics(): Promise<readonly object[]>;
  /** Opens the audit file anew, after it was moved away. */
  reopenAudit(): void;
  /** Refuses these callers for a while: the supervisor knows whose messages ended its workers. */
  quarantine(callers: readonly Quarantined[]): void;
  /** Puts everything under way on record as interrupted. The process must end right after it. */
  abandon(): void;
  /** Stops listening, lets calls under way finish for `graceMs`, then breaks what is left. */
  close(graceMs?: number): Promise<void>;
}

/** A configuration and policy that could be served. */
export interface Prepared {
  readonly revision: string;
  /** Second half of a reload: replaces what runs. Cannot fail. */
  commit(): void;
}

export interface GatewayOptions extends PolicyDeps, ComposeOptions {
  /** Where state between messages lives; absent = in this process. */
  readonly store?: Store;
  /** What equal values are told by; absent = drawn anew. Workers that share a store share them. */
  readonly keys?: RedactionKeys;
  readonly listen?: ListenOptions;
  /** Prometheus's text for `/metrics`; absent = what was counted in this process. */
  readonly scrape?: () => Promise<string>;
  /** What `/readyz` says besides. */
  readonly standing?: () => string | undefined;
  /**
   * Ends the process when its event loop stands still for `limits.stall_ms` or on a fault of its own; absent: nobody watches. `report`:
   * descriptor of a pipe to a supervisor, which is told and ends the process once a replacement listens.
   */
  readonly watchdog?: { readonly report?: number };
  /** Whether other processes write to the audit file too. */
  readonly sharedAudit?: boolean;
}

const ticks = (): number => performance.now();
const CLOSE_GRACE_MS = 5_000;

/** Starts serving. Fails with everything that is wrong, and then nothing listens. */
export async function startGateway(config: Config, options: GatewayOptions = {}): Promise<Result<Gateway, readonly Problem[]>> {
  const log = createLogger(config.log.level);
  const metrics = new Metrics({ process: true });
  const loaded = await loadPolicy(config, { ...options, memoCounts: metrics.memo });
  if (!loaded.ok) return loaded;
  const audit = openAuditFile(config.audit.file, { shared: options.sharedAudit === true });
  if (!audit.ok)
    return fail([
      startProblem(config, "audit/file", `The audit file ${config.audit.file} cannot be opened (${audit.failure.detail ?? ""}).`),
    ]);
  let current: Current | undefined;
  const loopTime = new LoopTime(ticks, () => load.lateMs);
  const lasting: Lasting = {
    store: options.store ?? new MemoryStore(ticks),
    sink: audit.value,
    metrics,
    log,
    keys: options.keys ?? { hmac: randomBytes(32) },
    ownAnswers: new OwnAnswers(log, (server, code) => {
      metrics.upstreamFault(server, code);
    }),
    inFlight: new InFlight({
      took: (...work) => {
        loopTime.took(...work);
      },
    }),
    loopTime,
    quarantine: new Quarantine(ticks),
    newest: () => {
      if (current === undefined) throw new Fault({ code: "ERR_NO_POLICY" });
      return current.judgement;
    },
  };

  let hosts: HostRules | undefined;
  const load = new Load(() => (current?.config ?? config).limits, ticks);
  metrics.load = () => load;
  const refused = (failure: Failure, ip: string, httpMethod: string, to?: string): string => {
    const exchangeId = randomUUID();
    current?.recorder.refused({ exchangeId, server: to, principal: undefined, ip, httpMethod }, failure);
    return exchangeId;
  };
  const calls = new OpenCalls();
  const app = createApp({
    calls,
    servers: () => current?.config.servers ?? new Map(),
    carry: async (call) => {
      if (current !== undefined) await carry(current.stages, call);
      else call.reply.refuse("ERR_NO_POLICY");
    },
    ready: () => current !== undefined,
    standing: options.standing ?? (() => undefined),
    scrape: options.scrape ?? (() => lasting.metrics.text()),
    takeMs: () => (current?.config ?? config).limits.body_ms,
    enter: () => load.enter(),
    refused: ({ method, socket }, failure, to) => refused(failure, socket.remoteAddress ?? "", method ?? "", to),
    hosts: { check: (host, origin) => (hosts === undefined ? fail({ code: "ERR_HOST" }) : hosts.check(host, origin)) },
    log,
  });
  const listening = await listen(
    config,
    app,
    (fault) => {
      log.error({ fault: faultName(fault) }, "the listener is in trouble");
    },
    options.listen,
  );
  if (!listening.ok) {
    lasting.sink.close();
    return listening;
  }
  const { server } = listening.value;
  refuseMalformed(server, (code, ip) => refused({ code }, ip, "unread"));
  load.start();
  const port = (server.address() as AddressInfo).port;
  const prepare = (next: Config, policy: Policy): Prepared => {
    const nextHosts = hostRules(next, port);
    const made = compose(next, policy, nextHosts, lasting, options);
    return {
      revision: policy.revision,
      commit() {
        const before = current;
        hosts = nextHosts;
        current = made;
        lasting.metrics.policyActive(policy.revision);
        lasting.inFlight.stallAfter(next.limits.stall_ms);
        // Calls under way finish on the connections that they have.
        void before?.forwarder.drain();
      },
    };
  };
  const prepareNext: Gateway["prepare"] = async (next, nextOptions = {}) => {
    const policy = await loadPolicy(next, { ...nextOptions, memoCounts: metrics.memo });
    return policy.ok ? ok(prepare(next, policy.value)) : policy;
  };
  prepare(config, loaded.value).commit();
  const unwatch = options.watchdog === undefined ? undefined : watch(lasting, config.audit.file, options.watchdog.report);
  const host = config.listen.host.includes(":") ? `[${config.listen.host}]` : config.listen.host;

  return ok({
    url: `${config.tls === undefined ? "http" : "https"}://${host}:${port}`,
    get revision() {
      return current?.policy.revision ?? "";
    },
    prepare: prepareNext,
    async reload(next, nextOptions) {
      const prepared = await prepareNext(next, nextOptions);
      lasting.metrics.reload(prepared.ok ? "ok" : "failed");
      if (!prepared.ok) return prepared;
      prepared.value.commit();
      return ok({ revision: prepared.value.revision });
    },
    metrics: () => lasting.metrics.json(),
    reopenAudit() {
      const reopened = lasting.sink.reopen();
      lasting.inFlight.reopen();
      if (!reopened.ok) log.error({ detail: reopened.failure.detail }, "the audit file cannot be opened again");
    },
    quarantine(callers) {
      lasting.quarantine.set(callers);
    },
    abandon() {
      recordUnderWay(lasting.inFlight, lasting.sink, "ERR_INTERRUPTED");
    },
    async close(graceMs = CLOSE_GRACE_MS) {
      load.stop();
      calls.stop();
      await listening.value.close(graceMs, () => {
        calls.interrupt();
      });
      await calls.settled();
      await current?.forwarder.close();
      await unwatch?.();
      lasting.sink.close();
    },
  });
}

/** Ends the process when it stands still or breaks down, with what was under way on record. Answers how to stop doing so. */
function watch({ inFlight, sink, log }: Lasting, audit: string, report: number | undefined): () => Promise<void> {
  const watchdog = startWatchdog(inFlight, { audit, report, log });
  const letGo = endOnFault(inFlight, sink, log);
  return async () => {
    letGo();
    await watchdog.stop();
  };
}
