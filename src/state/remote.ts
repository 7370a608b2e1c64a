/**
 * A store that is in another process: several workers share the supervisor's. What cannot be asked, or is not answered in time, rejects,
 * and the message that it was for is denied. Must not answer anything that the store did not say.
 */
import { performance } from "node:perf_hooks";
import { Fault } from "../errors.ts";
import type { Channel } from "../workers/channel.ts";
import { asOutstanding, invocations, isRecord, type StoreCall, type StoreMethod, type StoreResult } from "./calls.ts";
import { Outbox } from "./outbox.ts";
import type { FlowFacts, LimitRequest, Outstanding, Scope, Store } from "./store.ts";

/** Milliseconds. Far above what a supervisor needs, below the time that judging a message may take. */
const ANSWER_MS = 2_000;

/** What one worker may have under way, and in one message. */
const CALLS = 20_000;

interface Waiting {
  readonly since: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (fault: Fault) => void;
}

/** The worker's side. */
export class RemoteStore implements Store {
  readonly #outbox: Outbox<StoreCall>;
  readonly #answerMs: number;
  /** Oldest first. */
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `answerMs`: milliseconds after which a call counts as failed. */
  constructor(channel: Channel, answerMs = ANSWER_MS) {
    this.#answerMs = answerMs;
    this.#outbox = new Outbox(channel, (calls) => ({ kind: "store", calls }));
    channel.take((message) => {
      if (isRecord(message) && message["kind"] === "stored" && Array.isArray(message["results"])) this.#answered(message["results"]);
    });
  }

  facts(flow: string, defined?: { readonly catalogue: string; readonly key: string }): FlowFacts | Promise<FlowFacts> {
    return this.#call("facts", flow, defined);
  }

  consume(limits: readonly LimitRequest[], flow?: string): ReturnType<Store["consume"]> {
    // A limit of a decision knows more than the store has to.
    const plain = limits.map(({ key, cost, per_s, max }) => ({ key, cost, per_s, max }));
    return this.#call("consume", plain, flow);
  }

  async addLabels(flow: string, labels: readonly string[]): Promise<void> {
    if (labels.length > 0) await this.#call("addLabels", flow, labels);
  }

  ordinals(flow: string, values: readonly { label: string; digest: string }[]): Promise<readonly number[]> {
    return this.#call("ordinals", flow, values);
  }

  sessionOwner(server: string, session: string, principal: string): Promise<string> {
    return this.#call("sessionOwner", server, session, principal);
  }

  endSession(server: string, session: string): Promise<void> {
    return this.#call("endSession", server, session);
  }

  remember(scope: Scope, id: string, request: Outstanding): Promise<void> {
    return this.#call("remember", scope, id, request);
  }

  async recall(scope: Scope, id: string): Promise<Outstanding | undefined> {
    return asOutstanding(await this.#call("recall", scope, id));
  }

  async settle(scope: Scope, id: string): Promise<Outstanding | undefined> {
    return asOutstanding(await this.#call("settle", scope, id));
  }

  forget(scope: Scope, id: string): Promise<void> {
    return this.#call("forget", scope, id);
  }

  async define(catalogue: string, definitions: ReadonlyMap<string, string>): Promise<void> {
    if (definitions.size > 0) await this.#call("define", catalogue, definitions);
  }

  #call<M extends StoreMethod>(method: M, ...args: Parameters<Store[M]>): ReturnType<Store[M]> {
    const id = (this.#last += 1);
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { since: performance.now(), resolve, reject });
    });
    this.#outbox.push([id, method, args]).catch(() => {
      this.#fail(id, "the supervisor is gone");
    });
    if (this.#timer === undefined) this.#timer = this.#watch(this.#answerMs);
    // What the method answers is what the supervisor's store answered it with.
    return answer as ReturnType<Store[M]>;
  }

  #answered(results: readonly unknown[]): void {
    for (const result of results) {
      if (!Array.isArray(result)) continue;
      const [id, outcome, value] = result as unknown as StoreResult;
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (outcome === "done") waiting?.resolve(value);
      else waiting?.reject(new Fault({ code: "ERR_STATE", detail: "the store refused" }));
    }
  }

  #fail(id: number, detail: string): void {
    this.#waiting.get(id)?.reject(new Fault({ code: "ERR_STATE", detail }));
    this.#waiting.delete(id);
  }

  /** One timer for all calls: they are in order of age. */
  #watch(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#timer = undefined;
      for (const [id, { since }] of this.#waiting) {
        const left = since + this.#answerMs - performance.now();
        if (left > 0) {
          this.#timer = this.#watch(Math.ceil(left));
          return;
        }
        this.#fail(id, "the store did not answer in time");
      }
    }, ms).unref();
  }
}

/** The supervisor's side, for one worker. What it sends that is no call of a store is left alone or refused, whatever it is. */
export function serveStore(store: Store, channel: Channel): void {
  const outbox = new Outbox<StoreResult>(channel, (results) => ({ kind: "stored", results }));
  let underWay = 0;
  const answer = (result: StoreResult): void => {
    // A worker that is gone needs no answer.
    outbox.push(result).catch(() => undefined);
  };
  const serve = async (id: number, method: StoreMethod, args: readonly unknown[]): Promise<void> => {
    underWay += 1;
    try {
      const value = await (invocations[method](store, args) ?? Promise.reject(new TypeError("not the arguments of the method")));
      answer([id, "done", value]);
    } catch {
      answer([id, "failed"]);
    } finally {
      underWay -= 1;
    }
  };
  channel.take((message) => {
    if (!isRecord(message) || message["kind"] !== "store" || !Array.isArray(message["calls"])) return;
    for (const call of message["calls"] as unknown[]) {
      if (!Array.isArray(call)) continue;
      const [id, method, args] = call as unknown[];
      if (typeof id !== "number") continue;
      const known = typeof method === "string" && Object.hasOwn(invocations, method) && Array.isArray(args);
      if (known && underWay < CALLS) void serve(id, method as StoreMethod, args as unknown[]);
      else answer([id, "failed"]);
    }
  });
}
