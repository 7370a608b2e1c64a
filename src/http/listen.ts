/**
 * The listening socket: plain or TLS, with the time limits of the configuration. Must not know what is served.
 */
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { Socket } from "node:net";
import { performance } from "node:perf_hooks";
import type { Config } from "../config/config.ts";
import type { Problem } from "../config/problem.ts";
import { fail, ok, type Result } from "../errors.ts";
import { faultName } from "../observe/logger.ts";

/** PEM. */
export interface Credentials {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface ListenOptions {
  /** A socket that listens on the configured address; absent = one is opened. */
  readonly fd?: number | undefined;
  /** What TLS is served with; absent = what is in the configured files. */
  readonly credentials?: Credentials | undefined;
}

/** What is said at the very end takes no longer to leave. */
const LAST_WORDS_MS = 200;
const SWEEP_MS = 50;
/** A request that was on its way when the stop began has had time to arrive. */
const SILENT_MS = 500;

/**
 * Listens on the configured address. Node's own parser is strict (no `insecureHTTPParser`): it answers 400 to ambiguous framing before anything here runs.
 * `onError` is told of later trouble, which must not end the process.
 */
export async function listen(
  config: Config,
  app: (request: never, response: never) => void,
  onError: (fault: Error) => void,
  { fd, credentials }: ListenOptions = {},
): Promise<Result<Listener, Problem[]>> {
  const options = {
    requestTimeout: config.limits.body_ms,
    connectionsCheckingInterval: Math.min(30_000, Math.max(100, config.limits.body_ms / 4)),
    headersTimeout: config.limits.body_ms,
    maxHeaderSize: 32_768,
    insecureHTTPParser: false,
    // Refused by `hostRules`, on record: Node's own refusal would be on none.
    requireHostHeader: false,
  };
  const handler = app as Parameters<typeof createHttpServer>[1];
  let server: Server;
  try {
    server =
      config.tls === undefined
        ? createHttpServer(options, handler)
        : createHttpsServer({ ...options, ...(credentials ?? readCredentials(config.tls)) }, handler);
  } catch (fault) {
    return fail([credentialsProblem(config, fault)]);
  }
  const listener = new Listener(server, config.tls !== undefined);
  return new Promise((resolve) => {
    server.once("error", (fault) => {
      resolve(fail([listenProblem(config, fault)]));
    });
    const { host, port } = config.listen;
    server.listen(fd === undefined ? { host, port } : { fd }, () => {
      // Running out of descriptors, say, must not end the process.
      server.on("error", onError);
      resolve(ok(listener));
    });
  });
}

/** Certificate and key as they are in their files now. Throws what the system says. */
export function readCredentials({ cert, key }: NonNullable<Config["tls"]>): Credentials {
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

export function credentialsProblem(config: Config, fault: unknown): Problem {
  return startProblem(config, "config/tls", `The certificate or key cannot be used (${faultName(fault)}).`);
}

/** Why the configured address cannot be listened on. */
export function listenProblem(config: Config, fault: Error): Problem {
  const { host, port } = config.listen;
  return startProblem(config, "config/listen", `Cannot listen on ${host}:${port} (${faultName(fault)}). ${listenHint(fault)}`);
}

function listenHint(fault: Error): string {
  const code: unknown = Reflect.get(fault, "code");
  if (code === "EADDRINUSE") return "Something else listens there: stop it, or set another port under listen.";
  return code === "EACCES" ? "Ports below 1024 need a privilege: choose a higher one." : "Is it an address of this machine?";
}

export function startProblem(config: Config, check: string, message: string): Problem {
  return { file: config.file ?? "configuration", severity: "error", check, message };
}

/** A server that listens, and how to stop it in good order. */
export class Listener {
  readonly server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections on which no request has come yet: Node counts them as busy, and they would hold a stop up. */
  readonly #silent = new Set<Socket>();

  constructor(server: Server, tls: boolean) {
    this.server = server;
    server.on("connection", (socket) => {
      kept(this.#sockets, socket);
    });
    server.on(tls ? "secureConnection" : "connection", (socket: Socket) => {
      kept(this.#silent, socket);
    });
    server.on("request", ({ socket }) => {
      this.#silent.delete(socket);
    });
  }

  /** Takes nothing new, lets what is under way finish for `graceMs`, then calls `late`, which may still answer, and breaks what is left. */
  async close(graceMs: number, late: () => void): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.server.close(() => {
        resolve();
      });
    });
    const began = performance.now();
    // A connection whose answer was begun before is not closed after it, but idle from then on.
    const sweep = setInterval(() => {
      this.server.closeIdleConnections();
      if (performance.now() - began >= SILENT_MS) for (const socket of this.#silent) socket.destroy();
    }, SWEEP_MS);
    let over = setTimeout(() => {
      late();
      over = setTimeout(() => {
        for (const socket of this.#sockets) socket.destroy();
      }, LAST_WORDS_MS);
    }, graceMs);
    await closed;
    clearInterval(sweep);
    clearTimeout(over);
  }
}

/** Keeps a socket in a set until it closes. */
function kept(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once("close", () => {
    sockets.delete(socket);
  });
}
