/** An MCP server that echoes: answers every request with its own argument, after a delay if a test wants one. */
import type { ServerResponse } from "node:http";
import { openUpstream, type Received, type ScriptedUpstream } from "../support/upstream.ts";

export interface EchoUpstream extends ScriptedUpstream {
  /** Ids of the calls that arrived. */
  ids(): number[];
  /** Milliseconds before each answer, from now on. */
  delay(ms: number): void;
}

export async function openEcho(): Promise<EchoUpstream> {
  const upstream = await openUpstream();
  let ms = 0;
  const answer = ({ body }: Received, response: ServerResponse): void => {
    const { id, params } = JSON.parse(body === "" ? "{}" : body) as { id?: number; params?: { arguments?: { message?: string } } };
    if (id === undefined) return void response.writeHead(202).end();
    const text = params?.arguments?.message ?? "";
    const result = { jsonrpc: "2.0", id, result: { content: [{ type: "text", text }] } };
    setTimeout(() => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(result)), ms);
  };
  upstream.answer(answer);
  return Object.assign(upstream, {
    ids: () => upstream.received.filter(({ method }) => method === "POST").map(({ body }) => (JSON.parse(body) as { id: number }).id),
    delay: (next: number) => {
      ms = next;
    },
  });
}
