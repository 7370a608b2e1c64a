/** A session whose parts land on different workers is one session. */
import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openUpstream, type ScriptedUpstream } from "../support/upstream.ts";
import { post, serve, type Stage, until } from "./stage.ts";

const SESSION = "0123456789abcdef0123456789abcdef";
const AS = { "mcp-session-id": SESSION, "mcp-protocol-version": "2025-06-18" };

let upstream: ScriptedUpstream;
let stage: Stage;
beforeAll(async () => {
  upstream = await openUpstream();
  stage = await serve(upstream.url, 2);
}, 120_000);
afterAll(async () => {
  await stage.close();
  await upstream.close();
});

/** Does something while this worker alone can accept. */
async function on<T>(worker: number, work: () => Promise<T>): Promise<T> {
  const resting = stage.workers().filter((other) => other !== worker);
  for (const pid of resting) process.kill(pid, "SIGSTOP");
  try {
    return await work();
  } finally {
    for (const pid of resting) process.kill(pid, "SIGCONT");
  }
}

test("both workers serve", { timeout: 60_000 }, async () => {
  for (const worker of stage.workers()) expect(await on(worker, async () => (await fetch(`${stage.url}/healthz`)).status)).toBe(200);
});

test("a stream on one worker asks, the answer comes over the other, once", { timeout: 60_000 }, async () => {
  const [first, second] = stage.workers() as [number, number];
  upstream.answer((_received, response) => {
    const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: { name: "s", version: "1" } };
    response.writeHead(200, { "content-type": "application/json", "mcp-session-id": SESSION });
    response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result }));
  });
  const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "c", version: "1" } };
  const opened = await on(first, () => post(stage.url, { jsonrpc: "2.0", id: 1, method: "initialize", params }));
  expect(opened.status).toBe(200);

  upstream.answer((_received, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write('data: {"jsonrpc":"2.0","id":7,"method":"ping"}\n\n');
  });
  let seen = "";
  const stream = request(`${stage.url}/one/mcp`, { headers: { accept: "text/event-stream", ...AS } }, (response) => {
    response.setEncoding("utf8").on("data", (chunk: string) => {
      seen += chunk;
    });
    response.on("error", () => {});
  });
  stream.on("error", () => {});
  await on(second, async () => {
    stream.end();
    await until(() => seen.includes('"ping"'), "the server asks");
  });

  upstream.answer((_received, response) => void response.writeHead(202).end());
  const answer = { jsonrpc: "2.0", id: 7, result: {} };
  const before = upstream.received.length;
  expect((await on(first, () => post(stage.url, answer, AS))).status).toBe(202);
  expect(upstream.received.slice(before).map(({ body }) => body)).toEqual([JSON.stringify(answer)]);
  // The other worker knows that it was answered.
  expect((await on(second, () => post(stage.url, answer, AS))).status).toBe(400);
  expect(upstream.received).toHaveLength(before + 1);
  stream.destroy();
});
