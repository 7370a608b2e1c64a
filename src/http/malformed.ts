/**
 * What Node's strict HTTP parser refuses (ambiguous framing, oversized headers, a request that does not arrive in time), and what its
 * server would refuse by itself (CONNECT, an unknown expectation): answered, counted and put on record like every other refusal. Must not look at the bytes.
 */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { ERRORS, type ErrorCode } from "../errors.ts";
import { errorAnswer } from "../mcp/message.ts";

const CODES: Readonly<Record<string, { readonly code: ErrorCode; readonly status: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { code: "ERR_TIMEOUT_BODY", status: "408 Request Timeout" },
  HPE_HEADER_OVERFLOW: { code: "ERR_HTTP", status: "431 Request Header Fields Too Large" },
};
/** For the answer to arrive before the connection is gone. */
const LINGER_MS = 1_000;
const MALFORMED = { code: "ERR_HTTP", status: "400 Bad Request" } as const;

/** `refused` is called with the peer's address for each, and answers its decision id. */
export function refuseMalformed(server: Server, refused: (code: ErrorCode, ip: string) => string): void {
  const refuse = (socket: Duplex, code: ErrorCode, status: string): void => {
    const id = refused(code, "remoteAddress" in socket && typeof socket.remoteAddress === "string" ? socket.remoteAddress : "");
    const body = errorAnswer(undefined, ERRORS[code].rpc, ERRORS[code].public, { decision_id: id });
    const head = [`HTTP/1.1 ${status}`, "Content-Type: application/json", `Content-Length: ${body.length}`, "Connection: close"];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body.toString()}`);
  };
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    // A connection that broke has nothing that could be refused; one with an answer under way ends with it: that call is on record.
    if (error.code === "ECONNRESET" || !socket.writable || Reflect.get(socket, "_httpMessage")) {
      socket.destroy();
      return;
    }
    const { code, status } = CODES[error.code ?? ""] ?? MALFORMED;
    refuse(socket, code, status);
  });
  // Node gives the connection up with these, and reads no request from it any more.
  server.on("connect", (_request: IncomingMessage, socket: Duplex) => {
    socket.on("error", () => {});
    if (Reflect.get(socket, "_httpMessage")) return socket.destroy();
    refuse(socket, "ERR_HTTP", MALFORMED.status);
    // Nobody else watches this connection any more.
    socket.resume();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  });
  server.on("checkExpectation", ({ socket }, response) => {
    const id = refused("ERR_HTTP", socket.remoteAddress ?? "");
    const { rpc, public: text } = ERRORS.ERR_HTTP;
    const body = errorAnswer(undefined, rpc, text, { decision_id: id });
    response.writeHead(417, { "content-type": "application/json", "content-length": body.length, connection: "close" }).end(body);
  });
}
