/**
 * The HTTP face: routes, and the express application that turns a request into a Call. Must not look into bodies.
 */
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import type { Config, ServerConfig } from "../config/config.ts";
import type { Logger } from "../observe/logger.ts";
import { faultName } from "../observe/logger.ts";
import type { Metrics } from "../observe/metrics.ts";
import { type Call, Reply } from "./call.ts";
import type { HostRules } from "./host-rules.ts";

export interface AppParts {
  readonly servers: () => Config["servers"];
  readonly carry: (call: Call) => Promise<void>;
  /** Whether messages can be judged: a policy is active. */
  readonly ready: () => boolean;
  readonly metrics: Metrics;
  readonly hosts: HostRules;
  readonly log: Logger;
}

export function createApp(parts: AppParts): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", false);
  app.use((request, response, next) => {
    // An absolute-form target or a query could mean something to a server that was never judged.
    if (request.url.startsWith("/") && !request.url.includes("?")) next();
    else new Reply(response).refuse("ERR_TARGET");
  });
  app.get(["/healthz", "/readyz", "/metrics"], (request, response, next) => {
    const place = parts.hosts.check(request.headers.host, request.headers.origin);
    if (place.ok) next();
    else new Reply(response).refuse(place.failure.code);
  });
  app.get("/healthz", (_request, response) => {
    response.type("text/plain").send("ok\n");
  });
  app.get("/readyz", (_request, response) => {
    const ready = parts.ready();
    response
      .status(ready ? 200 : 503)
      .type("text/plain")
      .send(ready ? "ready\n" : "no policy is active\n");
  });
  app.get("/metrics", async (_request, response) => {
    response.type(parts.metrics.registry.contentType).send(await parts.metrics.registry.metrics());
  });
  app.all("/:server/mcp", async (request, response) => {
    const reply = new Reply(response);
    const server = parts.servers().get(request.params.server);
    if (server === undefined) return reply.refuse("ERR_SERVER_UNKNOWN");
    const { method } = request;
    if (method !== "POST" && method !== "GET" && method !== "DELETE") {
      response.setHeader("allow", "GET, POST, DELETE");
      return reply.refuse("ERR_HTTP_METHOD");
    }
    await parts.carry(callOf(request, response, reply, server, method));
  });
  app.use((_request, response) => {
    new Reply(response).refuse("ERR_SERVER_UNKNOWN");
  });
  // Express knows an error handler by its four parameters.
  app.use((fault: unknown, _request: Request, response: Response, _next: NextFunction) => {
    parts.log.error({ fault: faultName(fault) }, "a request could not be handled");
    new Reply(response).refuse("ERR_STAGE", undefined, undefined, 500);
  });
  return app;
}

function callOf(request: Request, response: Response, reply: Reply, server: ServerConfig, method: Call["method"]): Call {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  return {
    server,
    method,
    request,
    // Leaving the loop early must not close the socket that the refusal is written to.
    body: request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>,
    ip: request.socket.remoteAddress ?? "",
    socket: { remoteAddress: request.socket.remoteAddress, encrypted: "encrypted" in request.socket },
    gone: gone.signal,
    reply,
  };
}
