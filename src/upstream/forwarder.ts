/**
 * Sends what may leave to its server and says what kind of answer came. One client per server, made when first needed. Must not read
 * messages, and must not send anything that it was not handed.
 */
import type { Limits, ServerConfig } from "../config/config.ts";
import { readHeader } from "../config/secrets.ts";
import { type Failure, fail, type Result } from "../errors.ts";
import { type Answer, classify } from "./answer.ts";
import { UpstreamClient, type UpstreamMeter, type UpstreamRequest } from "./client.ts";
import type { Gone } from "../departure.ts";

export interface Outgoing {
  readonly server: ServerConfig;
  readonly method: UpstreamRequest["method"];
  /** End-to-end headers of the client that may pass: flat list. */
  readonly headers: readonly string[];
  readonly body: Buffer | undefined;
  readonly expects: "message" | "events" | "nothing";
  readonly signal: Gone;
}

export class Forwarder {
  readonly #limits: Limits;
  readonly #meter: UpstreamMeter;
  readonly #clients = new Map<string, UpstreamClient>();

  constructor(limits: Limits, meter: UpstreamMeter) {
    this.#limits = limits;
    this.#meter = meter;
  }

  async send(outgoing: Outgoing): Promise<Result<Answer>> {
    const { server, method, body, expects, signal } = outgoing;
    const headers = withOwnHeaders(server, outgoing.headers);
    if (!headers.ok) return headers;
    const client = this.#client(server);
    if (!client.ok) return client;
    const answer = await client.value.send({ method, headers: headers.value, body, signal });
    if (answer.ok && answer.value.status >= 400) this.#meter.upstreamRefusal(server.name, answer.value.status);
    return answer.ok
      ? classify(answer.value, { expects, challenges: server.authorization === "passthrough", bodyMs: this.#limits.upstream_ms })
      : answer;
  }

  /** Lets answers under way finish. What a call from before a reload still sends gets a connection of its own. */
  async drain(): Promise<void> {
    await Promise.all(this.#take().map((client) => client.drain()));
  }

  /** Breaks whatever is under way. */
  async close(): Promise<void> {
    await Promise.all(this.#take().map((client) => client.close()));
  }

  #take(): UpstreamClient[] {
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    return clients;
  }

  #client(server: ServerConfig): Result<UpstreamClient> {
    const known = this.#clients.get(server.name);
    if (known !== undefined) return { ok: true, value: known };
    const made = UpstreamClient.create(server, this.#limits, this.#meter);
    if (made.ok) this.#clients.set(server.name, made.value);
    return made;
  }
}

/** The client's headers with the operator's in their place. */
function withOwnHeaders(server: ServerConfig, passed: readonly string[]): Result<string[], Failure> {
  const own = new Map<string, [string, string]>();
  for (const [name, value] of Object.entries(server.headers)) {
    const read = readHeader(name, value);
    if (!read.ok) return fail(read.failure);
    own.set(name.toLowerCase(), [name, read.value]);
  }
  const headers: string[] = [];
  for (let at = 0; at + 1 < passed.length; at += 2) {
    const name = passed[at] as string;
    if (!own.has(name.toLowerCase())) headers.push(name, passed[at + 1] as string);
  }
  for (const [name, value] of own.values()) headers.push(name, value);
  return { ok: true, value: headers };
}
