/** Invariant 5: how TCP cuts a request or an answer never changes what comes out on the other side. */
import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const CALL = '{"jsonrpc":"2.0", "id":1,"method":"tools/call","params":{"name":"gét","arguments":{"n":1.50,"s":"\\u0041é😀"}}}';
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"é joe@example.com 😀 4111 1111 1111 1111"}]}}';
const STREAM = `: hi\r\n\r\nid: 1\r\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}\r\n\r\ndata: ${RESULT}\n\n`;
const REDACTED = RESULT.replace("joe@example.com", "[EMAIL_1]").replace("4111 1111 1111 1111", "[CARD_1]");
const RUNS = 40;

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}"}}`);
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

/** Cuts bytes at the given places, given as parts of a thousand. */
function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((part) => Math.floor((part * bytes.length) / 1000)))].toSorted((a, b) => a - b);
  return [...places, bytes.length].map((end, at) => bytes.subarray(places[at - 1] ?? 0, end)).filter((piece) => piece.length > 0);
}

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Sends a raw request in pieces and reads the whole answer. */
async function exchange(pieces: readonly Buffer[]): Promise<string> {
  const target = new URL(gateway.endpoint("one"));
  const socket = connect({ host: target.hostname, port: Number(target.port), noDelay: true });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const closed = new Promise<void>((resolve, reject) => {
    socket.on("close", () => {
      resolve();
    });
    socket.on("error", reject);
  });
  for (const piece of pieces) {
    socket.write(piece);
    await pause();
  }
  await closed;
  return Buffer.concat(chunks).toString();
}

function request(): Buffer {
  const { host } = new URL(gateway.endpoint("one"));
  const head = [
    `POST /one/mcp HTTP/1.1`,
    `Host: ${host}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(CALL)}`,
    "Connection: close",
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${CALL}`);
}

/** The body of an HTTP answer: chunked framing taken off. */
function bodyOf(answer: string): string {
  const raw = Buffer.from(answer.slice(answer.indexOf("\r\n\r\n") + 4));
  if (!/^transfer-encoding: chunked/im.test(answer)) return raw.toString();
  const parts: Buffer[] = [];
  for (let at = 0; at < raw.length; ) {
    const end = raw.indexOf("\r\n", at);
    const length = Number.parseInt(raw.subarray(at, end).toString(), 16);
    parts.push(raw.subarray(end + 2, end + 2 + length));
    at = end + 4 + length;
  }
  return Buffer.concat(parts).toString();
}

const cuts = fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 12 });

test("chunk boundaries never change what comes out", async () => {
  await fc.assert(
    fc.asyncProperty(cuts, cuts, fc.boolean(), async (requestCuts, answerCuts, stream) => {
      upstream.answer(async (_received, response) => {
        response.writeHead(200, { "content-type": stream ? "text/event-stream" : "application/json" });
        for (const piece of cut(Buffer.from(stream ? STREAM : RESULT), answerCuts)) {
          response.write(piece);
          await pause();
        }
        response.end();
      });
      const answer = bodyOf(await exchange(cut(request(), requestCuts)));
      expect(upstream.received.at(-1)?.body).toBe(CALL);
      const expected = stream ? STREAM.replace(`data: ${RESULT}`, `data: ${REDACTED}`) : REDACTED;
      expect(answer.replaceAll(/(EMAIL|CARD)_\d+/g, "$1_1")).toBe(expected);
    }),
    { numRuns: RUNS },
  );
});
