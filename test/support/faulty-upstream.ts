/**
 * A server that breaks in exactly the way a test says: a bare socket whose every byte is scripted, per request. It keeps what arrived on
 * which connection, so that a test can tell how often the bytes of a call were sent. Knows no more of HTTP than where a request ends.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer } from "node:tls";

/** One request as it arrived. */
export interface Arrival {
  /** Number of the connection, from 1, and of the request on it. */
  readonly connection: number;
  readonly turn: number;
  readonly method: string;
  readonly head: string;
  readonly body: string;
}

/** What a script can do with the connection of a request. */
export interface Peer {
  readonly socket: Socket;
  write(text: string | Buffer): void;
  /** The last bytes of an answer. */
  finish(text: string): void;
  /** A whole answer with a length. */
  answer(status: string, headers: Readonly<Record<string, string>>, body?: string | Buffer): void;
  /** A clean end (FIN). */
  end(): void;
  /** An abrupt one (RST). */
  reset(): void;
}

export type Script = (arrival: Arrival, peer: Peer) => void;

export interface FaultyUpstream {
  readonly url: string;
  readonly arrivals: Arrival[];
  /** Connections that were accepted, ever. */
  readonly accepted: number;
  /** Connections that are open. */
  readonly open: number;
  /** Plays for every request from now on. */
  script(script: Script): void;
  /** Called for every connection from now on, before a byte of it is read. */
  greet(greeting: (socket: Socket, connection: number) => void): void;
  /** Closes the port, and connections without a request under way: new ones are refused from now on. */
  refuse(): Promise<void>;
  /** Listens again, on the same port. */
  listen(): Promise<void>;
  close(): Promise<void>;
}

/** `tls`: PEM of key and certificate. */
export async function openFaultyUpstream(tls?: { readonly key: string; readonly cert: string }): Promise<FaultyUpstream> {
  const arrivals: Arrival[] = [];
  const sockets = new Set<Socket>();
  const busy = new Set<Socket>();
  let accepted = 0;
  let script: Script = (_arrival, peer) => {
    peer.answer("202 Accepted", {});
  };
  let greet: ((socket: Socket, connection: number) => void) | undefined;
  const accept = (socket: Socket): void => {
    accepted += 1;
    const connection = accepted;
    sockets.add(socket);
    socket.on("close", () => {
      sockets.delete(socket);
      busy.delete(socket);
    });
    socket.on("error", () => {});
    greet?.(socket, connection);
    const peer = peerOf(socket, () => busy.delete(socket));
    let turn = 0;
    eachRequest(socket, (head, body) => {
      turn += 1;
      const arrival = { connection, turn, method: head.slice(0, head.indexOf(" ")), head, body };
      arrivals.push(arrival);
      busy.add(socket);
      script(arrival, peer);
    });
  };
  let server: Server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const refuse = (): Promise<void> =>
    new Promise((resolve) => {
      // What is open would keep a closing server waiting: only the port matters.
      server.close();
      for (const socket of sockets) if (!busy.has(socket)) socket.destroy();
      setImmediate(resolve);
    });
  return {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/mcp`,
    arrivals,
    get accepted() {
      return accepted;
    },
    get open() {
      return sockets.size;
    },
    script(next) {
      script = next;
    },
    greet(greeting) {
      greet = greeting;
    },
    refuse,
    async listen() {
      server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
      await listen(port);
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await refuse();
    },
  };
}

function peerOf(socket: Socket, answered: () => void): Peer {
  return {
    socket,
    write(text) {
      socket.write(text);
    },
    finish(text) {
      answered();
      socket.write(text);
    },
    answer(status, headers, body = "") {
      answered();
      const lines = Object.entries({ ...headers, "content-length": String(Buffer.byteLength(body)) }).map(
        ([name, value]) => `${name}: ${value}`,
      );
      socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${lines.join("\r\n")}\r\n\r\n`), Buffer.from(body)]));
    },
    end() {
      socket.end();
    },
    reset() {
      if (socket.resetAndDestroy === undefined) socket.destroy();
      else socket.resetAndDestroy();
    },
  };
}

/** Requests with a length or without a body: Sluice sends no others. */
function eachRequest(socket: Socket, take: (head: string, body: string) => void): void {
  let held = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    for (;;) {
      const end = held.indexOf("\r\n\r\n");
      if (end === -1) return;
      const head = held.subarray(0, end).toString("latin1");
      const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      const whole = end + 4 + length;
      if (held.length < whole) return;
      const body = held.subarray(end + 4, whole).toString("utf8");
      held = held.subarray(whole);
      take(head, body);
    }
  });
}

/** A whole answer with one JSON body. */
export const answersJson =
  (body: string, status = "200 OK", headers: Readonly<Record<string, string>> = {}): Script =>
  (_arrival, peer) => {
    peer.answer(status, { "content-type": "application/json", ...headers }, body);
  };

const STREAM_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

export const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** Begins a stream of events and sends these; `last` ends it in good order. */
export const beginsStream =
  (texts: readonly string[], last = false): Script =>
  (_arrival, peer) => {
    peer.write(STREAM_HEAD + texts.map(chunk).join(""));
    if (last) peer.finish("0\r\n\r\n");
  };
