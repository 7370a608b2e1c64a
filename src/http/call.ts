/**
 * One HTTP request as the pipeline sees it, and the way to answer it. Must not judge: it carries bytes.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { once } from "node:events";
import { ERRORS, type ErrorCode } from "../errors.ts";
import type { AuthnRequest } from "../authn/authenticator.ts";
import type { ServerConfig } from "../config/config.ts";
import type { Body } from "../mcp/body.ts";
import { isNamed } from "../mcp/header-fields.ts";
import { errorAnswer, type RpcId } from "../mcp/message.ts";
import type { Visit } from "./visit.ts";
import type { Asked, Exchange } from "../transaction.ts";
import type { Gone } from "../departure.ts";

export interface Call {
  readonly server: ServerConfig;
  readonly method: "POST" | "GET" | "DELETE";
  readonly request: IncomingMessage;
  readonly body: Body;
  readonly ip: string;
  readonly socket: AuthnRequest["socket"];
  /** Aborted when the client closes the connection before the reply is complete. */
  readonly gone: Gone;
  readonly reply: Reply;
  /** What it takes up of the process. */
  readonly visit: Pick<Visit, "claim" | "rest" | "hold">;
}

/** What an answer is relayed for: the call, and what it sent that waits for an answer. */
export interface Hop {
  readonly call: Call;
  readonly exchange: Exchange;
  readonly asked: Asked | undefined;
}

/** Bytes up to which copying a body is cheaper than writing it apart from its head. */
const ONE_PIECE = 16_384;
/** A comment: clients that look at a stream's bytes see why it ends. */
const STOPPING = ": sluice is stopping\n\n";
/** When a client may try again that was refused for want of room, in seconds. */
const RETRY_AFTER_S = "1";
/** What is left of a refused body is taken off the wire so far and so long; then the connection is broken. */
const DISCARDED_BYTES = 8 * 1024 * 1024;
const DISCARDED_MS = 10_000;
const TAKE_MS = 30_000;

/** Writes the answer to one call. `headers` are flat lists of end-to-end headers that may pass. */
export class Reply {
  readonly #response: ServerResponse;
  readonly #takeMs: number;
  /** The answer is a stream; `asked`: what waits for an answer on it. */
  #stream: { readonly asked: Asked | undefined } | undefined;
  #stopped = false;
  #interrupted = false;

  /** `takeMs`: how long the client may take to make room on a stream for the next event. */
  constructor(response: ServerResponse, takeMs = TAKE_MS) {
    this.#response = response;
    this.#takeMs = takeMs;
  }

  get started(): boolean {
    return this.#response.headersSent;
  }

  /** It was ended because the process stops: what comes after that is nobody's. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** It was given up because the process stops. */
  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** A message, as JSON. */
  json(status: number, headers: readonly string[], body: Buffer): void {
    const response = this.#response;
    if (response.getHeaderNames().length === 0) {
      const list = [...OF_JSON, "content-length", String(body.length)];
      for (let at = 0; at + 1 < headers.length; at += 2)
        if (!isOwn(headers[at] as string)) list.push(headers[at] as string, headers[at + 1] as string);
      // As a list the fields are written as they are; set one by one each would be kept in a table first.
      response.writeHead(status, list);
    } else {
      this.#head(status, headers, "application/json");
      response.setHeader("content-length", body.length);
    }
    // With a string Node writes head and body as one piece: half the cost of two for a small message.
    if (body.length <= ONE_PIECE) response.end(body.toString("latin1"), "latin1");
    else response.end(body);
  }

  /** No body. */
  empty(status: number, headers: readonly string[]): void {
    this.#head(status, headers, undefined);
    this.#response.setHeader("content-length", 0);
    this.#response.end();
  }

  /** An error of Sluice's own. Clients fall back by status and body, so that each carries JSON-RPC. */
  refuse(code: ErrorCode, id?: RpcId, data?: object, status: number = ERRORS[code].http, headers: readonly string[] = []): void {
    const { rpc, public: text } = ERRORS[code];
    if (this.#response.headersSent) return this.break();
    if (code === "ERR_UNAUTHENTICATED") this.#response.setHeader("www-authenticate", "Bearer");
    if (code === "ERR_OVERLOADED" && !headers.includes("retry-after")) this.#response.setHeader("retry-after", RETRY_AFTER_S);
    if (!this.#response.req.complete) discard(this.#response.req);
    this.json(status, headers, errorAnswer(id, rpc, text, data));
  }

  /** Opens a stream of events: the headers leave at once. `asked`: what the client waits for on it. */
  startEvents(headers: readonly string[], asked: Asked | undefined): void {
    this.#stream = { asked };
    this.#head(200, headers, "text/event-stream");
    this.#response.setHeader("cache-control", "no-cache, no-transform");
    this.#response.setHeader("x-accel-buffering", "no");
    this.#response.flushHeaders();
  }

  /** Writes to the stream; resolves when the client can take more, or has been let go because it takes nothing. */
  async write(bytes: Buffer): Promise<void> {
    if (bytes.length === 0 || this.#response.destroyed || this.#stopped) return;
    if (this.#response.write(bytes)) return;
    const leave = new AbortController();
    const { signal } = leave;
    const late = setTimeout(() => {
      this.break();
    }, this.#takeMs);
    // Whichever comes first; a client that is gone is the abort signal's business.
    await Promise.race([once(this.#response, "drain", { signal }), once(this.#response, "close", { signal })]).finally(() => {
      clearTimeout(late);
      leave.abort();
    });
  }

  end(): void {
    this.#response.end();
  }

  /** Writes the last bytes of the stream. */
  last(bytes: Buffer): void {
    this.#response.end(bytes);
  }

  /**
   * The process stops. A stream on which nobody waits for an answer ends in good order; anything else goes on, and its connection closes
   * after it. Answers whether the reply has ended.
   */
  stop(): boolean {
    const response = this.#response;
    if (response.writableEnded || response.destroyed) return false;
    if (response.headersSent) {
      if (this.#stream === undefined || this.#stream.asked?.open === true) return false;
      this.#stopped = true;
      response.end(STOPPING);
      return true;
    }
    response.setHeader("connection", "close");
    if (response.req.method !== "GET") return false;
    this.#stopped = true;
    this.empty(503, []);
    return true;
  }

  /** The process stops and cannot wait any longer. */
  interrupt(): void {
    this.#interrupted = true;
  }

  /** Breaks the connection: nothing else can be said any more. */
  break(): void {
    this.#response.destroy();
  }

  #head(status: number, headers: readonly string[], type: string | undefined): void {
    this.#response.statusCode = status;
    for (let at = 0; at + 1 < headers.length; at += 2) this.#response.appendHeader(headers[at] as string, headers[at + 1] as string);
    this.#response.setHeader("x-content-type-options", "nosniff");
    if (type === undefined) this.#response.removeHeader("content-type");
    else this.#response.setHeader("content-type", type);
  }
}

const OF_JSON = ["x-content-type-options", "nosniff", "content-type", "application/json"];

/** Fields that a JSON reply sets itself. */
function isOwn(name: string): boolean {
  return isNamed(name, "content-type") || isNamed(name, "content-length") || isNamed(name, "x-content-type-options");
}

/** A connection that closes while its client is still sending takes the answer along: what comes is read, and nothing of it is kept. */
function discard(request: IncomingMessage): void {
  let left = DISCARDED_BYTES;
  const give = (): void => {
    request.socket.destroy();
  };
  const timer = setTimeout(give, DISCARDED_MS);
  request.once("close", () => {
    clearTimeout(timer);
  });
  request.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) give();
  });
  request.resume();
}
