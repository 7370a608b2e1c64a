/** Streams over real sockets: order and time of events, disconnects, back-pressure, resumption, the GET stream, sessions. */
import { once } from "node:events";
import { type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { events, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow","arguments":{}}}';
const PROGRESS = 'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}\n\n';
const RESULT = 'data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n';
const KEYS = `authn:
  api_keys:
    - {id: ann, sha256: ${"1".repeat(64)}}
`;

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeEach(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}"}}`);
});
afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

/** Opens a call and hands out the response as it arrives. */
async function open(
  method: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<{ response: IncomingMessage; abort: () => void }> {
  const call = httpRequest(gateway.endpoint("one"), {
    method,
    headers: {
      accept: "application/json, text/event-stream",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
  });
  call.on("error", () => {});
  call.end(body);
  const [response] = (await once(call, "response")) as [IncomingMessage];
  response.on("error", () => {});
  return { response, abort: () => call.destroy() };
}

test("a progress event arrives before the server has its result", async () => {
  let finish: (() => void) | undefined;
  upstream.answer((_received, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(PROGRESS);
    finish = () => response.end(RESULT);
  });
  const { response } = await open("POST", CALL);
  const ended = once(response, "end");
  const [first] = (await once(response, "data")) as [Buffer];
  expect(first.toString()).toBe(PROGRESS);
  finish?.();
  const [second] = (await once(response, "data")) as [Buffer];
  expect(second.toString()).toBe(RESULT);
  await ended;
});

test("the headers of a stream arrive before its first event", async () => {
  upstream.answer((_received, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
  });
  const { response, abort } = await open("GET");
  expect(response.headers["content-type"]).toBe("text/event-stream");
  abort();
});

test.each(["before the answer", "in the stream"])("a client that leaves %s takes the server's connection with it", async (when) => {
  const closed = new Promise<void>((resolve) => {
    upstream.answer((_received, response) => {
      response.on("close", () => {
        resolve();
      });
      if (when === "in the stream") response.writeHead(200, { "content-type": "text/event-stream" }).write(PROGRESS);
      else leave();
    });
  });
  const call = httpRequest(gateway.endpoint("one"), {
    method: "POST",
    headers: { accept: "text/event-stream", "content-type": "application/json" },
  });
  const leave = (): void => {
    setTimeout(() => call.destroy(), 20);
  };
  call.on("error", () => {});
  call.on("response", (response: IncomingMessage) => {
    response.on("error", () => {});
    response.once("data", leave);
  });
  call.end(CALL);
  await closed;
  await expect.poll(() => gateway.records().length).toBe(when === "in the stream" ? 3 : 2);
  expect(gateway.records().at(-1)).toMatchObject({ kind: "synthetic", reason: "ERR_CLIENT_GONE" });
});

test("a client that does not read stops the server's writing", async () => {
  const event = `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${"x".repeat(60_000)}"}}\n\n`;
  const offered = 64 * 1024 * 1024;
  let written = 0;
  upstream.answer(async (_received, response: ServerResponse) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const closed = once(response, "close");
    while (written < offered && !response.destroyed) {
      written += event.length;
      if (!response.write(event)) await Promise.race([new Promise((resolve) => response.once("drain", resolve)), closed]);
    }
  });
  const { response, abort } = await open("GET");
  response.pause();
  let before = -1;
  await expect
    .poll(
      () => {
        const still = written === before;
        before = written;
        return still && written > 0;
      },
      { interval: 300, timeout: 15_000 },
    )
    .toBe(true);
  expect(written).toBeLessThan(offered / 2);
  abort();
});

test("a stream that ends without the answer gives the request one of Sluice's own", async () => {
  upstream.answer(events(PROGRESS));
  const { body } = await send(gateway.endpoint("one"), { body: CALL });
  expect(body.toString()).toContain(PROGRESS);
  expect(body.toString()).toMatch(/data: \{"jsonrpc":"2\.0","id":1,"error":\{"code":-31502,/);
});

test("a stream with event ids may end early: the client resumes it, and what is replayed is judged again", async () => {
  const session = { "Mcp-Session-Id": "s-1" };
  upstream.answer(events(`id: 1\n${PROGRESS}`, "id: 2\ndata: \n\n"));
  const first = await send(gateway.endpoint("one"), { headers: session, body: CALL });
  expect(first.body.toString()).toBe(`id: 1\n${PROGRESS}id: 2\ndata: \n\n`);

  upstream.answer(events('id: 3\ndata: {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"joe@example.com"}]}}\n\n'));
  const resumed = await send(gateway.endpoint("one"), { method: "GET", headers: { ...session, "Last-Event-ID": "2" } });
  expect(upstream.received.at(-1)?.headers["last-event-id"]).toBe("2");
  expect(resumed.body.toString()).toBe(
    'id: 3\ndata: {"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"[EMAIL_1]"}]}}\n\n',
  );
});

// Without a session nothing can be resumed (2026-07-28 has neither): the client would wait for ever.
test.each([
  ["without a session", CALL, {}],
  [
    "of the modern era",
    CALL.replace(
      '"arguments":{}',
      '"arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}',
    ),
    { "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "slow" },
  ],
])("a stream with event ids %s may not end early: the request gets an answer of Sluice's own", async (_name, body, headers) => {
  upstream.answer(events(`id: 1\n${PROGRESS}`, "id: 2\ndata: \n\n"));
  const answer = (await send(gateway.endpoint("one"), { headers, body })).body.toString();
  expect(answer.startsWith(`id: 1\n${PROGRESS}id: 2\ndata: \n\n`)).toBe(true);
  expect(answer).toMatch(/data: \{"jsonrpc":"2\.0","id":1,"error":\{"code":-31502,[^\n]*\n\n$/);
  expect(gateway.records().at(-1)).toMatchObject({ kind: "synthetic", reason: "ERR_UPSTREAM_ANSWER" });
});

test("another session does not get the answers of this one", async () => {
  upstream.answer(events("id: 1\ndata: \n\n"));
  await send(gateway.endpoint("one"), { headers: { "Mcp-Session-Id": "s-1" }, body: CALL });
  upstream.answer(events(`id: 2\n${RESULT}`));
  const other = await send(gateway.endpoint("one"), { method: "GET", headers: { "Mcp-Session-Id": "s-2", "Last-Event-ID": "1" } });
  expect(other.body.toString()).toBe("id: 2\n\n");
});

test("an event larger than the limit ends the stream with an error", async () => {
  await gateway.close();
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}"}}\nlimits: {event: 2000}`);
  upstream.answer(events(PROGRESS, `data: {"x":"${"y".repeat(5000)}"}\n\n`, RESULT));
  const { body } = await send(gateway.endpoint("one"), { body: CALL });
  expect(body.toString()).toContain(PROGRESS);
  expect(body.toString()).not.toContain("yyy");
  expect(body.toString()).toContain('"error":{"code":-31502');
});

test("comments and ids that carry data do not pass", async () => {
  upstream.answer(events(": mail joe@example.com\n\n", `id: joe@example.com\n${PROGRESS}`, RESULT));
  const { body } = await send(gateway.endpoint("one"), { body: CALL });
  expect(body.toString()).not.toContain("joe@");
  expect(body.toString()).toContain(PROGRESS);
});

test("a session belongs to the principal that opened it", async () => {
  await gateway.close();
  const { hashApiKey, newApiKey } = await import("../../src/authn/api-key.ts");
  const [ann, bob] = [newApiKey(), newApiKey()];
  gateway = await openGateway(
    `servers: {one: {url: "${upstream.url}"}}\n${KEYS.replace("1".repeat(64), hashApiKey(ann))}    - {id: bob, sha256: ${hashApiKey(bob)}}`,
  );
  const as = (key: string, session?: string) => ({
    Authorization: `Bearer ${key}`,
    ...(session === undefined ? {} : { "Mcp-Session-Id": session }),
  });
  upstream.answer((_received, response) => {
    response
      .writeHead(200, { "content-type": "application/json", "Mcp-Session-Id": "ann-1" })
      .end('{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}');
  });
  const initialize =
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}';
  const opened = await send(gateway.endpoint("one"), { headers: as(ann), body: initialize });
  expect(opened.headers["mcp-session-id"]).toBe("ann-1");
  const calls = upstream.received.length;
  expect((await send(gateway.endpoint("one"), { method: "GET", headers: as(bob, "ann-1") })).status).toBe(403);
  expect((await send(gateway.endpoint("one"), { headers: as(bob, "ann-1"), body: CALL })).status).toBe(403);
  expect((await send(gateway.endpoint("one"), { headers: { "Mcp-Session-Id": "ann-1" }, body: CALL })).status).toBe(401);
  expect(upstream.received).toHaveLength(calls);
  upstream.answer(events(RESULT));
  expect((await send(gateway.endpoint("one"), { headers: as(ann, "ann-1"), body: CALL })).status).toBe(200);
  expect(upstream.received.at(-1)?.headers.authorization).toBeUndefined();
});
