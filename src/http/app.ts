/**
 * The HTTP face: what is served under which path. Endpoints as every client spells them go straight to their servers; everything else is
 * routed by express. Must not look into bodies.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import express, { type NextFunction, type Request, type Response } from "express";
import { faultName, type Logger } from "../observe/logger.ts";
import { METRICS_TYPE } from "../observe/metrics.ts";
import { spaced } from "../observe/spaced.ts";
import { type EndpointParts, refuse, serveEndpoint } from "./endpoint.ts";
import type { HostRules } from "./host-rules.ts";

export interface AppParts extends EndpointParts {
  /** Whether messages can be judged: a policy is active. */
  readonly ready: () => boolean;
  /** What is not as it should be, though messages can be judged. */
  readonly standing: () => string | undefined;
  /** Prometheus's text format. */
  readonly scrape: () => Promise<string>;
  readonly hosts: HostRules;
  readonly log: Logger;
}

/** An endpoint, without a query: that could mean something to a server that was never judged. */
const ENDPOINT = /^\/([a-z0-9_-]+)\/mcp$/;
/** Whoever may ask for metrics without end must not keep messages waiting with it. */
const SCRAPES_APART_MS = 100;

export function createApp(parts: AppParts): RequestListener {
  const app = express();
  const scrape = spaced(parts.scrape, SCRAPES_APART_MS);
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
    else refuse(parts, request, response, "ERR_TARGET");
  });
  app.use((_request, response, next) => {
    if (parts.calls.stopping) response.setHeader("connection", "close");
    next();
  });
  app.all("/:server/mcp", (request, response) => serveEndpoint(parts, request, response, request.params.server));
  app.get(["/healthz", "/readyz", "/metrics"], (request, response, next) => {
    const place = parts.hosts.check(request.headers.host, request.headers.origin);
    if (place.ok) next();
    else refuse(parts, request, response, place.failure.code);
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
    refuse(parts, request, response, "ERR_SERVER_UNKNOWN");
  });
  const failed = (fault: unknown, request: IncomingMessage, response: ServerResponse): void => {
    // Express refuses a path that cannot be decoded.
    if (fault instanceof URIError) return refuse(parts, request, response, "ERR_TARGET");
    parts.log.error({ fault: faultName(fault) }, "a request could not be handled");
    refuse(parts, request, response, "ERR_STAGE", 500);
  };
  // Express knows an error handler by its four parameters.
  app.use((fault: unknown, request: Request, response: Response, _next: NextFunction) => {
    failed(fault, request, response);
  });
  return (request, response) => {
    const name = ENDPOINT.exec(request.url ?? "")?.[1];
    // Express gives requests and responses prototypes of its own, which makes all that is done with them slower: a tenth of a call.
    if (name === undefined || !request.socket.writable) return void app(request, response);
    serveEndpoint(parts, request, response, name)
      .catch((fault: unknown) => {
        failed(fault, request, response);
      })
      // Nothing can be said any more.
      .catch(() => response.destroy());
  };
}
