/**
 * Counters for Prometheus. Every label has a bounded set of values: configured server names, methods of the method table, effects,
 * codes. Must never carry text from traffic.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { ErrorCode } from "../errors.ts";
import { methodEntry } from "../mcp/methods.ts";
import type { Effect } from "../policy/decision.ts";
import type { Direction } from "../policy/input.ts";
import type { MemoCounts } from "../policy/memo.ts";
import type { SlotsInUse } from "../upstream/client.ts";
import { Spread, Tally } from "./tally.ts";

const LATENCY_BUCKETS_S = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2];

/** Media type of the text that Prometheus reads. */
export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

export class Metrics {
  readonly registry = new Registry();
  readonly #messages = new Tally(
    {
      name: "sluice_messages_total",
      help: "Messages judged, by server, method, direction and effect.",
      labels: ["server", "method", "direction", "effect"],
    },
    this.registry,
  );
  readonly #screen = new Spread(
    {
      name: "sluice_screen_seconds",
      help: "Time from a complete message to its decision.",
      label: "direction",
      bounds: LATENCY_BUCKETS_S,
    },
    this.registry,
  );
  readonly #refused = new Counter({
    name: "sluice_refused_total",
    help: "HTTP requests refused before there was a message to judge, by code.",
    labelNames: ["server", "code"],
    registers: [this.registry],
  });
  readonly #upstreamErrors = new Counter({
    name: "sluice_upstream_errors_total",
    help: "Servers that could not be reached, did not answer in time or broke off, by code.",
    labelNames: ["server", "code"],
    registers: [this.registry],
  });
  readonly #upstreamRetries = new Counter({
    name: "sluice_upstream_retries_total",
    help: "Connections to a server that could not be made and were tried once more, before a byte was sent.",
    labelNames: ["server"],
    registers: [this.registry],
  });
  readonly #upstreamRefusals = new Counter({
    name: "sluice_upstream_refusals_total",
    help: "Answers 4xx and 5xx of a server: status 429, or other_4xx, or 5xx.",
    labelNames: ["server", "status"],
    registers: [this.registry],
  });
  readonly #credentialFailures = new Counter({
    name: "sluice_upstream_credential_failures_total",
    help: "Answers 401 or 403 of a server.",
    labelNames: ["server"],
    registers: [this.registry],
  });
  readonly #unexpected = new Counter({
    name: "sluice_unexpected_answers_total",
    help: "Messages of a server that answer nothing, answer twice or are not valid MCP.",
    labelNames: ["server"],
    registers: [this.registry],
  });
  readonly #auditFailures = new Counter({
    name: "sluice_audit_failures_total",
    help: "Audit records that could not be written.",
    registers: [this.registry],
  });
  readonly #policy = new Gauge({
    name: "sluice_policy_info",
    help: "1 for the active policy revision.",
    aggregator: "max",
    labelNames: ["revision"],
    registers: [this.registry],
  });
  readonly #reloads = new Counter({
    name: "sluice_policy_reloads_total",
    help: "Policy reloads, by outcome.",
    labelNames: ["outcome"],
    registers: [this.registry],
  });

  readonly #clientsGone = new Counter({
    name: "sluice_clients_gone_total",
    help: "Clients that hung up before their answer or during their stream.",
    labelNames: ["server"],
    registers: [this.registry],
  });
  readonly #callsInFlight = new Gauge({
    name: "sluice_calls_in_flight",
    help: "Calls whose request is complete and whose answer is not; open streams apart.",
    registers: [this.registry],
  });
  readonly #bufferedBytes = new Gauge({
    name: "sluice_buffered_bytes",
    help: "Bytes of messages that are held.",
    registers: [this.registry],
  });
  readonly #upstreamSlots = new Gauge({
    name: "sluice_upstream_slots_in_use",
    help: "Slots of a server that are taken, by calls and by streams.",
    labelNames: ["server", "kind"],
    registers: [this.registry],
  });
  readonly #slots = new Map<string, SlotsInUse>();
  /** Reads what is only worth knowing when somebody asks. */
  load: () => { readonly calls: number; readonly bytes: number } = () => ({ calls: 0, bytes: 0 });
  /** Counted up by the policy: an object that is there anyway costs nothing where a labelled counter costs as much as the memo saves. */
  readonly memo: MemoCounts = { hit: 0, miss: 0, skipped: 0 };

  constructor(options: { process: boolean }) {
    const { memo } = this;
    new Counter({
      name: "sluice_decision_memo_total",
      help: "Inputs that policy was asked about, by whether their decision was remembered.",
      labelNames: ["outcome"],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const outcome of ["hit", "miss", "skipped"] as const) this.inc({ outcome }, memo[outcome]);
      },
    });
    if (options.process) collectDefaultMetrics({ register: this.registry });
  }

  /** `method` may be any text: only names of the method table become labels. */
  message(server: string, method: string | undefined, direction: Direction, effect: Effect, seconds: number): void {
    const known = method !== undefined && methodEntry(method) !== undefined ? method : "other";
    this.#messages.add(server, known, direction, effect);
    this.#screen.observe(direction, seconds);
  }

  refused(server: string | undefined, code: ErrorCode): void {
    this.#refused.inc({ server: server ?? "none", code });
  }

  /** A server gave no usable answer. */
  upstreamFault(server: string, code: ErrorCode): void {
    if (code === "ERR_UPSTREAM" || code === "ERR_UPSTREAM_TIMEOUT") this.#upstreamErrors.inc({ server, code });
    else if (code === "ERR_NO_ROOM" || code === "ERR_STATE") this.#upstreamErrors.inc({ server, code });
    else if (code === "ERR_CLIENT_GONE") this.#clientsGone.inc({ server });
    else if (code === "ERR_UPSTREAM_CREDENTIAL") this.#credentialFailures.inc({ server });
    else if (code === "ERR_UPSTREAM_ANSWER") this.unexpectedAnswer(server);
  }

  /** Counted by plain numbers, on every request: they become metrics when they are read. */
  upstreamSlots(server: string): SlotsInUse {
    const known = this.#slots.get(server) ?? { call: 0, stream: 0 };
    this.#slots.set(server, known);
    return known;
  }

  /** The text that a scraper gets. */
  text(): Promise<string> {
    this.#readGauges();
    return this.registry.metrics();
  }

  /** The same as data, which can be added up over processes. */
  json(): Promise<readonly object[]> {
    this.#readGauges();
    return this.registry.getMetricsAsJSON();
  }

  #readGauges(): void {
    const { calls, bytes } = this.load();
    this.#callsInFlight.set(calls);
    this.#bufferedBytes.set(bytes);
    for (const [server, { call, stream }] of this.#slots) {
      this.#upstreamSlots.set({ server, kind: "call" }, call);
      this.#upstreamSlots.set({ server, kind: "stream" }, stream);
    }
  }

  upstreamRefusal(server: string, status: number): void {
    this.#upstreamRefusals.inc({ server, status: status === 429 ? "429" : status < 500 ? "other_4xx" : "5xx" });
  }

  upstreamRetry(server: string): void {
    this.#upstreamRetries.inc({ server });
  }

  unexpectedAnswer(server: string): void {
    this.#unexpected.inc({ server });
  }

  auditFailure(): void {
    this.#auditFailures.inc();
  }

  policyActive(revision: string): void {
    this.#policy.reset();
    this.#policy.set({ revision }, 1);
  }

  reload(outcome: "ok" | "failed"): void {
    this.#reloads.inc({ outcome });
  }
}
