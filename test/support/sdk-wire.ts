/** The wire under SDK peers: a loopback HTTP front that keeps what came and went, a fetch that does the same, an event store. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface TappedServer {
  readonly url: string;
  readonly received: string[];
  readonly resumed: string[];
  sent(): string[];
  listeners(): number;
  close(): Promise<void>;
}

type Handle = (request: IncomingMessage, response: ServerResponse, body: unknown) => Promise<void>;

/** Serves `handle` on a free loopback port, with the body read and parsed. */
export async function listenTapped(handle: Handle): Promise<TappedServer> {
  const received: string[] = [];
  const resumed: string[] = [];
  const bodies: Buffer[][] = [];
  let listeners = 0;
  const server = createServer((request, response) => {
    bodies.push(tapResponse(response));
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      if (text !== "") received.push(text);
      const last = request.headers["last-event-id"];
      if (typeof last === "string") resumed.push(last);
      if (request.method === "GET") {
        listeners += 1;
        response.once("close", () => {
          listeners -= 1;
        });
      }
      handle(request, response, text === "" ? undefined : JSON.parse(text)).catch(() => response.destroy());
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    received,
    resumed,
    sent: () => bodies.flatMap((chunks) => messagesIn(Buffer.concat(chunks).toString("utf8"))),
    listeners: () => listeners,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function tapResponse(response: ServerResponse): Buffer[] {
  const chunks: Buffer[] = [];
  const keep = (chunk: unknown): void => {
    if (typeof chunk === "string" || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk as Uint8Array));
  };
  const write = response.write.bind(response) as (...args: unknown[]) => boolean;
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
  response.write = (...args: unknown[]) => {
    keep(args[0]);
    return write(...args);
  };
  response.end = (...args: unknown[]) => {
    keep(args[0]);
    return end(...args);
  };
  return chunks;
}

/** The JSON-RPC messages in a body, whether it is JSON or a stream of events. */
function messagesIn(body: string): string[] {
  if (body.startsWith("{")) return body.includes('"jsonrpc"') ? [body] : [];
  return body
    .split("\n\n")
    .map((event) =>
      event
        .split("\n")
        .filter((line) => line.startsWith("data:"))
        .map((line) => line.slice(5).trim())
        .join("\n"),
    )
    .filter((data) => data !== "");
}

/** A fetch that keeps the messages it carries, in both directions. */
export function tappedFetch(): { fetch: typeof fetch; sent: string[]; received: () => string[] } {
  const sent: string[] = [];
  const bodies: Uint8Array[][] = [];
  const tapped: typeof fetch = async (input, init) => {
    if (typeof init?.body === "string") sent.push(init.body);
    const response = await fetch(input, init);
    if (response.body === null) return response;
    const chunks: Uint8Array[] = [];
    bodies.push(chunks);
    const tap = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        chunks.push(chunk);
        controller.enqueue(chunk);
      },
    });
    const { status, statusText, headers } = response;
    return new Response(response.body.pipeThrough(tap), { status, statusText, headers });
  };
  return {
    fetch: tapped,
    sent,
    received: () => bodies.flatMap((chunks) => messagesIn(Buffer.concat(chunks).toString("utf8"))),
  };
}

/** Keeps every event of every stream, so that any of them can be resumed. */
export class EventStore<Message> {
  readonly #events: { id: string; stream: string; message: Message }[] = [];

  storeEvent(stream: string, message: Message): Promise<string> {
    const id = `e${this.#events.length}`;
    this.#events.push({ id, stream, message });
    return Promise.resolve(id);
  }

  getStreamIdForEventId(id: string): Promise<string | undefined> {
    return Promise.resolve(this.#events.find((event) => event.id === id)?.stream);
  }

  async replayEventsAfter(last: string, { send }: { send: (id: string, message: Message) => Promise<void> }): Promise<string> {
    const at = this.#events.findIndex((event) => event.id === last);
    const stream = this.#events[at]?.stream ?? "";
    for (const event of this.#events.slice(at + 1)) {
      const isMessage = Object.keys(event.message as object).length > 0;
      if (event.stream === stream && isMessage) await send(event.id, event.message);
    }
    return stream;
  }
}
