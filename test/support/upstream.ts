/** A scripted MCP server over a real socket: answers with exactly the bytes that a test gives it and keeps what it received. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  readonly method: string;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface ScriptedUpstream {
  readonly url: string;
  readonly received: Received[];
  /** Answers every request from now on. */
  answer(script: (received: Received, response: ServerResponse, request: IncomingMessage) => void | Promise<void>): void;
  close(): Promise<void>;
}

export async function openUpstream(): Promise<ScriptedUpstream> {
  const received: Received[] = [];
  let script: Parameters<ScriptedUpstream["answer"]>[0] = (_received, response) => {
    response.writeHead(202).end();
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const entry = {
        method: request.method ?? "",
        rawHeaders: request.rawHeaders,
        headers: request.headers,
        body: Buffer.concat(chunks).toString("utf8"),
      };
      received.push(entry);
      void script(entry, response, request);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    received,
    answer(next) {
      script = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers any request with one JSON body. */
export function json(body: string | Buffer, status = 200) {
  return (_received: Received, response: ServerResponse): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(body);
  };
}

/** Answers any request with a stream of the given chunks. */
export function events(...chunks: string[]) {
  return (_received: Received, response: ServerResponse): void => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const chunk of chunks) response.write(chunk);
    response.end();
  };
}
