/**
 * The hop to one server: sends a request's bytes and hands back status, headers and body as they come. Never follows a redirect, never
 * decodes, and tries again only where provably no byte of the request has gone out. Must not know what the bytes mean.
 */
import { readFileSync } from "node:fs";
import { type Dispatcher, errors, Pool } from "undici";
import type { Limits, ServerConfig } from "../config/config.ts";
import { fail, ok, type Failure, type Result } from "../errors.ts";
import { BodyQueue } from "./body-queue.ts";
import { type Release, Slots } from "./slots.ts";
import type { Gone } from "../departure.ts";

export interface UpstreamRequest {
  readonly method: "POST" | "GET" | "DELETE";
  /** Flat list: name, value, name, value. */
  readonly headers: string[];
  readonly body: Buffer | undefined;
  readonly signal: Gone;
}

export interface UpstreamAnswer {
  readonly status: number;
  /** Flat list, as received. */
  readonly headers: string[];
  /** The body, pulled: the socket is paused while nobody takes. Throws a `Fault` when the server breaks off. */
  readonly body: BodyQueue;
  /** Says that the body is a stream, which may rest for hours: its slot is a stream's from now on. False when there is none left. */
  rest(): boolean;
}

/** What is counted on the way to a server. */
export interface UpstreamMeter {
  /** A connection could not be made and is tried once more: nothing had been sent. */
  upstreamRetry(server: string): void;
  /** An answer of 4xx or 5xx, with a body or without. */
  upstreamRefusal(server: string, status: number): void;
  /** Slots in use, to be kept up to date. */
  upstreamSlots(server: string): SlotsInUse;
}

export interface SlotsInUse {
  call: number;
  stream: number;
}

/** Streams for each call that may be under way: they rest, calls do not. */
const STREAMS_PER_CALL = 4;
/** How a connection fails that a restarting server, or one with a full backlog, takes a moment later. */
const PASSING: ReadonlySet<string> = new Set(["ECONNREFUSED", "ECONNRESET", "EAI_AGAIN"]);
const RETRY_AFTER_MS = 250;

/** One server's connections. Streams rest for hours: they have slots of their own, so that they never keep a call waiting. */
export class UpstreamClient {
  readonly #pool: Pool;
  readonly #path: string;
  readonly #limits: Limits;
  readonly #retried: () => void;
  readonly #inUse: SlotsInUse;
  readonly #calls: Slots;
  readonly #streams: Slots;

  private constructor(pool: Pool, path: string, limits: Limits, retried: () => void, inUse: SlotsInUse) {
    this.#pool = pool;
    this.#path = path;
    this.#limits = limits;
    this.#retried = retried;
    this.#inUse = inUse;
    this.#calls = new Slots(limits.connections);
    this.#streams = new Slots(limits.connections * STREAMS_PER_CALL);
  }

  /** Fails when the server's private CA cannot be read. Connects to nothing yet. */
  static create(server: ServerConfig, limits: Limits, meter: UpstreamMeter): Result<UpstreamClient> {
    let ca: Buffer | undefined;
    try {
      ca = server.ca === undefined ? undefined : readFileSync(server.ca);
    } catch {
      return fail({ code: "ERR_UPSTREAM", detail: `servers.${server.name}.ca cannot be read` });
    }
    const url = new URL(server.url);
    const pool = new Pool(url.origin, {
      // The slots decide: a request that has one never waits in the pool.
      connections: null,
      pipelining: 1,
      allowH2: false,
      connect: { timeout: limits.connect_ms, ...(ca === undefined ? {} : { ca }) },
    });
    const retried = (): void => {
      meter.upstreamRetry(server.name);
    };
    return ok(new UpstreamClient(pool, url.pathname + url.search, limits, retried, meter.upstreamSlots(server.name)));
  }

  /** Resolves once the answer's headers are there. */
  async send(request: UpstreamRequest): Promise<Result<UpstreamAnswer>> {
    const slot = await this.#calls.acquire(this.#limits.connect_ms, request.signal);
    if (!slot.ok) return slot;
    const place = new Place(slot.value, this.#streams, this.#inUse);
    return new Promise((resolve) => {
      const dispatch = (again?: () => void): void => {
        this.#pool.dispatch(
          {
            path: this.#path,
            method: request.method,
            headers: request.headers,
            body: request.body ?? null,
            headersTimeout: this.#limits.upstream_ms,
            bodyTimeout: this.#limits.idle_ms,
          },
          answerHandler({ signal: request.signal, place, waitMs: this.#limits.upstream_ms, resolve, again }),
        );
      };
      dispatch(() => {
        this.#retried();
        setTimeout(dispatch, RETRY_AFTER_MS);
      });
    });
  }

  /** Resolves when the answers under way have ended. */
  async drain(): Promise<void> {
    await this.#pool.close();
  }

  /** Breaks what is under way. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** The slot of one request: a call's until its answer turns out to be a stream. */
class Place {
  #release: Release;
  #kind: keyof SlotsInUse = "call";
  readonly #streams: Slots;
  readonly #inUse: SlotsInUse;
  #left = false;

  constructor(release: Release, streams: Slots, inUse: SlotsInUse) {
    this.#release = release;
    this.#streams = streams;
    this.#inUse = inUse;
    inUse.call += 1;
  }

  rest(): boolean {
    if (this.#left) return true;
    const stream = this.#streams.take();
    if (stream === undefined) return false;
    this.#release();
    this.#release = stream;
    this.#kind = "stream";
    this.#inUse.call -= 1;
    this.#inUse.stream += 1;
    return true;
  }

  leave(): void {
    if (!this.#left) this.#inUse[this.#kind] -= 1;
    this.#left = true;
    this.#release();
  }
}

interface Attempt {
  readonly signal: Gone;
  readonly place: Place;
  /** Longest time to the answer's headers. */
  readonly waitMs: number;
  readonly resolve: (result: Result<UpstreamAnswer>) => void;
  /** Makes the one further attempt; undefined when this is that one. */
  readonly again: (() => void) | undefined;
}

function answerHandler({ signal, place, waitMs, resolve, again }: Attempt): Dispatcher.DispatchHandler {
  let body: BodyQueue | undefined;
  /** Undefined until the request is about to be written: before, not a byte of it can have gone out. */
  let started: Dispatcher.DispatchController | undefined;
  let startedTicks = 0;
  const abort = (): void => {
    // Who waits for a connection is not kept waiting: the request is taken back when there is one.
    if (started === undefined) resolve(fail({ code: "ERR_CLIENT_GONE" }));
    else started.abort(new Error("client gone"));
  };
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort);
  const settle = (): void => {
    place.leave();
    signal.removeEventListener("abort", abort);
  };
  return {
    onRequestStart(controller) {
      started = controller;
      startedTicks = performance.now();
      if (signal.aborted) abort();
    },
    onResponseStart(controller, status, parsed) {
      if (status < 200) {
        // Each 1xx starts the client's own time limit anew: a server could keep a call for ever with them.
        if (performance.now() - startedTicks > waitMs) controller.abort(new errors.HeadersTimeoutError());
        return;
      }
      body = new BodyQueue({
        pause: () => {
          controller.pause();
        },
        resume: () => {
          controller.resume();
        },
        abort: () => {
          controller.abort(new Error("answer discarded"));
        },
      });
      resolve(ok({ status, headers: flatHeaders(controller.rawHeaders ?? parsed), body, rest: () => place.rest() }));
    },
    onResponseData(_controller, chunk) {
      body?.push(chunk);
    },
    onResponseEnd() {
      settle();
      body?.end();
    },
    onResponseError(_controller, error) {
      if (again !== undefined && started === undefined && !signal.aborted && PASSING.has(nameOf(error))) {
        signal.removeEventListener("abort", abort);
        again();
        return;
      }
      settle();
      const failure = upstreamFailure(error, signal.aborted);
      if (body === undefined) resolve(fail(failure));
      else body.break(failure);
    },
  };
}

function flatHeaders(raw: Buffer[] | string[] | NodeJS.Dict<string | string[]>): string[] {
  if (Array.isArray(raw)) return raw.map((part) => (typeof part === "string" ? part : part.toString("latin1")));
  return Object.entries(raw).flatMap(([name, value]) =>
    Array.isArray(value) ? value.flatMap((each) => [name, each]) : value === undefined ? [] : [name, value],
  );
}

/** Says what kind of fault it was; addresses and messages of the network layer stay out. */
function upstreamFailure(error: Error, aborted: boolean): Failure {
  if (aborted) return { code: "ERR_CLIENT_GONE" };
  const name = nameOf(error);
  const slow = name === "UND_ERR_HEADERS_TIMEOUT" || name === "UND_ERR_BODY_TIMEOUT";
  return { code: slow ? "ERR_UPSTREAM_TIMEOUT" : "ERR_UPSTREAM", detail: name };
}

function nameOf(error: Error): string {
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" ? code : error.name;
}
