/**
 * The MCP server of the benchmark, as a child process: answers prepared bytes over raw sockets, so that it costs far less than what is
 * measured. The path of a request says what the answer is. Must not look at more of a request than its method and id.
 */
import { createServer, type Socket } from "node:net";
import { type Frame, Frames } from "./frames.ts";
import { ANSWER_START, answerTail, kindOf, LEGACY, progressEvent } from "./messages.ts";
import { reportReady } from "./with-parent.ts";

interface Prepared {
  readonly form: "json" | "sse";
  readonly tail: Buffer;
  /** Complete chunks that go before the answer. */
  readonly before: readonly Buffer[];
}

const EVENTS_PER_WRITE = 10;
/** Up to here one copy is cheaper than a second write. */
const COPY_BYTES = 32 * 1024;
const OK = "HTTP/1.1 200 OK\r\n";
const STREAM = `${OK}Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n`;

const prepared = new Map<string, Prepared>();
let sessions = 0;

function prepare(path: string): Prepared {
  const known = prepared.get(path);
  if (known !== undefined) return known;
  const kind = kindOf(path);
  const events = Array.from({ length: kind.events - 1 }, (_, at) => inChunk(progressEvent(at + 1)));
  const before = [];
  for (let at = 0; at < events.length; at += EVENTS_PER_WRITE) {
    before.push(Buffer.from(events.slice(at, at + EVENTS_PER_WRITE).join(""), "latin1"));
  }
  const made: Prepared = { form: kind.form, tail: Buffer.from(answerTail(kind), "latin1"), before };
  prepared.set(path, made);
  return made;
}

function inChunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

function answer(socket: Socket, { head, body }: Frame): void {
  if (head.startsWith("GET ")) {
    socket.write(`${STREAM}${inChunk(": open\n\n")}`, "latin1");
    return;
  }
  const at = body.indexOf('"id":');
  if (at === -1) {
    socket.write("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", "latin1");
    return;
  }
  const id = body.toString("latin1", at + 5, body.indexOf(",", at));
  if (body.includes('"method":"initialize"')) handshake(socket, id);
  else call(socket, prepare(head.slice(head.indexOf(" ") + 1, head.indexOf(" HTTP/"))), id);
}

function handshake(socket: Socket, id: string): void {
  sessions += 1;
  const result = { protocolVersion: LEGACY, capabilities: { tools: {} }, serverInfo: { name: "bench", version: "1" } };
  const body = `${ANSWER_START}${id},"result":${JSON.stringify(result)}}`;
  socket.write(
    `${OK}Content-Type: application/json\r\nMcp-Session-Id: session-${sessions}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    "latin1",
  );
}

function call(socket: Socket, { form, tail, before }: Prepared, id: string): void {
  const start = `${ANSWER_START}${id}`;
  if (form === "sse") {
    socket.write(STREAM, "latin1");
    for (const chunk of before) socket.write(chunk);
    socket.write(`${inChunk(`event: message\ndata: ${start}${tail.toString("latin1")}\n\n`)}0\r\n\r\n`, "latin1");
    return;
  }
  const head = `${OK}Content-Type: application/json\r\nContent-Length: ${start.length + tail.length}\r\n\r\n${start}`;
  if (tail.length > COPY_BYTES) {
    socket.cork();
    socket.write(head, "latin1");
    socket.write(tail);
    socket.uncork();
    return;
  }
  const bytes = Buffer.allocUnsafe(head.length + tail.length);
  bytes.write(head, 0, "latin1");
  tail.copy(bytes, head.length);
  socket.write(bytes);
}

const server = createServer({ noDelay: true }, (socket) => {
  const frames = new Frames((frame) => {
    answer(socket, frame);
  });
  socket.on("data", (chunk: Buffer) => {
    frames.push(chunk);
  });
  // A proxy may drop its connections at any time.
  socket.on("error", () => socket.destroy());
});
reportReady(server);
