/**
 * The HTTP face: routes, and the express application that turns a request into a Call. Must not look into bodies.
 */
import type { IncomingMessage } from "node:http";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import type { Config, ServerConfig } from "../config/config.ts";
import type { Failure, ErrorCode, Result } from "../errors.ts";
import { faultName, type Logger } from "../observe/logger.ts";
import { METRICS_TYPE } from "../observe/metrics.ts";
import { spaced } from "../observe/spaced.ts";
import { type Call, Reply } from "./call.ts";
import { Departure } from "../departure.ts";
import type { HostRules } from "./host-rules.ts";
import type { OpenCalls } from "./open-calls.ts";
import { type Visit, weighed } from "./load.ts";
import { requestBody } from "./request-body.ts";

export interface AppParts {
  readonly servers: () => Config["servers"];
  readonly carry: (call: Call) => Promise<void>;
  /** Whether messages can be judged: a policy is active. */
  readonly ready: () => boolean;
  /** What is not as it should be, though messages can be judged. */
  readonly standing: () => string | undefined;
  /** Prometheus's text format. */
  readonly scrape: () => Promise<string>;
  readonly hosts: HostRules;
  readonly calls: OpenCalls;
  /** How long a client may take to take an answer that is there, in milliseconds. */
  readonly takeMs: () => number;
  /** Takes a request, or says that there is too much to do. */
  readonly enter: () => Result<Visit>;
  /** Puts a request on record that reached no server (`server`: which one it was for); answers its decision id. */
  readonly refused: (request: IncomingMessage, failure: Failure, server?: string) => string;
  readonly log: Logger;
}

/** Whoever may ask for metrics without end must not keep messages waiting with it. */
const SCRAPES_APART_MS = 100;

export function createApp(parts: AppParts): Express {
  const app = express();
  const scrape = spaced(parts.scrape, SCRAPES_APART_MS);
  const refuse = (request: Request, response: Response, code: ErrorCode, status?: number): void => {
    new Reply(response).refuse(code, undefined, { decision_id: parts.refused(request, { code }) }, status);
  };
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  app.use((request, _response, next) => {
    // The parser goes on after a refusal for coming too late: what cannot be answered is not served, and is on record already.
    if (request.socket.writable) return next();
    request.resume().once("end", () => request.socket.destroy());
  });
  app.use((request, response, next) => {
    // An absolute-form target or a query could mean something to a server that was never judged.
    if (request.url.startsWith("/") && !request.url.includes("?")) next();
    else refuse(request, response, "ERR_TARGET");
  });
  app.use((_request, response, next) => {
    if (parts.calls.stopping) response.setHeader("connection", "close");
    next();
  });
  app.all("/:server/mcp", async (request, response) => {
    const server = parts.servers().get(request.params.server);
    if (server === undefined) return refuse(request, response, "ERR_SERVER_UNKNOWN");
    const { method } = request;
    if (method !== "POST" && method !== "GET" && method !== "DELETE") {
      response.setHeader("allow", "GET, POST, DELETE");
      return refuse(request, response, "ERR_HTTP_METHOD");
    }
    const visit = parts.enter();
    if (!visit.ok) {
      const { code } = visit.failure;
      return new Reply(response).refuse(code, undefined, { decision_id: parts.refused(request, visit.failure, server.name) });
    }
    // What a call holds is free when it has been carried and its client has taken the answer, or gone.
    const closed = new Promise<void>((resolve) => {
      response.once("close", resolve);
    });
    if (method !== "POST") visit.value.begin();
    const takeMs = parts.takeMs();
    const call = callOf(request, response, server, method, visit.value, takeMs);
    let untaken: NodeJS.Timeout | undefined;
    try {
      await parts.calls.during(call, parts.carry(call));
      // Small answers are with the kernel by now. One that its client leaves lying, or behind another answer, keeps other clients out.
      if (!response.writableFinished) untaken = setTimeout(() => request.socket.destroy(), takeMs);
      await closed;
    } finally {
      clearTimeout(untaken);
      visit.value.leave();
    }
  });
  app.get(["/healthz", "/readyz", "/metrics"], (request, response, next) => {
    const place = parts.hosts.check(request.headers.host, request.headers.origin);
    if (place.ok) next();
    else refuse(request, response, place.failure.code);
  });
  app.get("/healthz", (_request, response) => {
    response.type("text/plain").send("ok\n");
  });
  app.get("/readyz", (_request, response) => {
    const ready = parts.ready();
    const standing = parts.standing();
    response
      .status(ready ? 200 : 503)
      .type("text/plain")
      .send(ready ? `ready${standing === undefined ? "" : `: ${standing}`}\n` : "no policy is active\n");
  });
  app.get("/metrics", async (_request, response) => {
    response.type(METRICS_TYPE).send(await scrape());
  });
  app.use((request, response) => {
    refuse(request, response, "ERR_SERVER_UNKNOWN");
  });
  // Express knows an error handler by its four parameters.
  app.use((fault: unknown, request: Request, response: Response, _next: NextFunction) => {
    // Express refuses a path that cannot be decoded.
    if (fault instanceof URIError) return refuse(request, response, "ERR_TARGET");
    parts.log.error({ fault: faultName(fault) }, "a request could not be handled");
    refuse(request, response, "ERR_STAGE", 500);
  });
  return app;
}

function callOf(
  request: Request,
  response: Response,
  server: ServerConfig,
  method: Call["method"],
  visit: Visit,
  takeMs: number,
): Call & { gone: Departure } {
  const gone = new Departure();
  response.once("close", () => {
    if (!response.writableFinished) gone.leave();
  });
  return {
    server,
    method,
    request,
    visit,
    body: weighed(requestBody(request), visit),
    ip: request.socket.remoteAddress ?? "",
    socket: { remoteAddress: request.socket.remoteAddress, encrypted: "encrypted" in request.socket },
    gone,
    reply: new Reply(response, takeMs),
  };
}
