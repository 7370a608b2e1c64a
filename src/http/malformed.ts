/**
 * What Node's strict HTTP parser refuses (ambiguous framing, oversized headers, a request that does not arrive in time): answered,
 * counted and put on record like every other refusal. Must not look at the bytes.
 */
import type { Server } from "node:http";
import type { Duplex } from "node:stream";
import { ERRORS, type ErrorCode } from "../errors.ts";
import { errorAnswer } from "../mcp/message.ts";

const CODES: Readonly<Record<string, { readonly code: ErrorCode; readonly status: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { code: "ERR_TIMEOUT_BODY", status: "408 Request Timeout" },
  HPE_HEADER_OVERFLOW: { code: "ERR_HTTP", status: "431 Request Header Fields Too Large" },
};
const MALFORMED = { code: "ERR_HTTP", status: "400 Bad Request" } as const;

/** `refused` is called with the peer's address for each, and answers its decision id. */
export function refuseMalformed(server: Server, refused: (code: ErrorCode, ip: string) => string): void {
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    // A connection that broke has nothing that could be refused; one with an answer under way ends with it: that call is on record.
    if (error.code === "ECONNRESET" || !socket.writable || Reflect.get(socket, "_httpMessage")) {
      socket.destroy();
      return;
    }
    const { code, status } = CODES[error.code ?? ""] ?? MALFORMED;
    const id = refused(code, "remoteAddress" in socket && typeof socket.remoteAddress === "string" ? socket.remoteAddress : "");
    const body = errorAnswer(undefined, ERRORS[code].rpc, ERRORS[code].public, { decision_id: id });
    const head = [`HTTP/1.1 ${status}`, "Content-Type: application/json", `Content-Length: ${body.length}`, "Connection: close"];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body.toString()}`);
  });
}
