/**
 * A server's endpoint: hands an HTTP request on as a Call, and holds what it takes of the process until it has been carried and its client
 * has the answer, or has gone. Must not look into bodies.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Config, ServerConfig } from "../config/config.ts";
import { Departure } from "../departure.ts";
import type { ErrorCode, Failure, Result } from "../errors.ts";
import { type Call, Reply } from "./call.ts";
import { type Visit, weighed } from "./visit.ts";
import type { OpenCalls } from "./open-calls.ts";
import { requestBody } from "./request-body.ts";

export interface EndpointParts {
  readonly servers: () => Config["servers"];
  readonly carry: (call: Call) => Promise<void>;
  readonly calls: OpenCalls;
  /** How long a client may take to take an answer that is there, in milliseconds. */
  readonly takeMs: () => number;
  /** Takes a request, or says that there is too much to do. */
  readonly enter: () => Result<Visit>;
  /** Puts a request on record that reached no server (`server`: which one it was for); answers its decision id. */
  readonly refused: (request: IncomingMessage, failure: Failure, server?: string) => string;
}

/** Answers a request to the endpoint of the server with this name. Rejects when carrying it failed otherwise than is foreseen. */
export async function serveEndpoint(parts: EndpointParts, request: IncomingMessage, response: ServerResponse, name: string): Promise<void> {
  if (parts.calls.stopping) response.setHeader("connection", "close");
  const server = parts.servers().get(name);
  if (server === undefined) return refuse(parts, request, response, "ERR_SERVER_UNKNOWN");
  const { method } = request;
  if (method !== "POST" && method !== "GET" && method !== "DELETE") {
    response.setHeader("allow", "GET, POST, DELETE");
    return refuse(parts, request, response, "ERR_HTTP_METHOD");
  }
  const visit = parts.enter();
  if (!visit.ok) {
    const { code } = visit.failure;
    return new Reply(response).refuse(code, undefined, { decision_id: parts.refused(request, visit.failure, server.name) });
  }
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
}

/** Refuses a request that reaches no server, on record. */
export function refuse(
  { refused }: Pick<EndpointParts, "refused">,
  request: IncomingMessage,
  response: ServerResponse,
  code: ErrorCode,
  status?: number,
): void {
  new Reply(response).refuse(code, undefined, { decision_id: refused(request, { code }) }, status);
}

function callOf(
  request: IncomingMessage,
  response: ServerResponse,
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
