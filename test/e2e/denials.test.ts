/** What each side gets for a message that may not pass, in each direction and form (architecture, "Errors on the wire"). */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const POLICY = `package policies.house

deny contains {"id": "house/marked", "msg": "The word is not for others."} if {
	input.phase in {"request", "notification", "response"}
	contains(json.marshal(input.mcp), "forbidden")
}

allow contains {"id": "house/sampling"} if {
	input.phase == "request"
	input.direction == "server_to_client"
}
`;

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(
    `policy: {path: ./rules}\nservers: {one: {url: "${upstream.url}", settings: {server_initiated: {sampling: allow}}}}`,
    { "rules/house.rego": POLICY },
  );
});
beforeEach(() => {
  upstream.received.length = 0;
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const legacy = (body: object, headers: Record<string, string> = {}) =>
  send(gateway.endpoint("one"), { headers, body: JSON.stringify(body) });
const meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} };
const modern = (body: { method: string; params?: Record<string, unknown>; id?: number }, headers: Record<string, string> = {}) =>
  legacy(
    { jsonrpc: "2.0", ...body, params: { ...body.params, _meta: meta } },
    { "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": body.method, ...headers },
  );

describe("from the client", () => {
  test("a denied tools/call is a tool result that the model can read", async () => {
    const answer = await legacy({ jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "echo", arguments: { a: "forbidden" } } });
    expect(answer.status).toBe(200);
    const body = JSON.parse(answer.body.toString());
    expect(body).toMatchObject({ jsonrpc: "2.0", id: 7, result: { isError: true, content: [{ type: "text" }] } });
    expect(body.result.content[0].text).toMatch(/Blocked by policy\. Rule: house\/marked\. Decision: [\w-]+\.$/);
    expect(body.result).not.toHaveProperty("resultType");
    expect(upstream.received).toHaveLength(0);
  });

  test("of the modern era it says that it is complete", async () => {
    const answer = await modern(
      { id: 7, method: "tools/call", params: { name: "echo", arguments: { a: "forbidden" } } },
      { "Mcp-Name": "echo" },
    );
    expect(JSON.parse(answer.body.toString())).toMatchObject({ id: 7, result: { isError: true, resultType: "complete" } });
  });

  test("another denied request is a JSON-RPC error with status 200", async () => {
    const answer = await legacy({ jsonrpc: "2.0", id: "x", method: "resources/read", params: { uri: "file:///forbidden" } });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      id: "x",
      error: { code: -31403, data: { decision_id: expect.any(String), rules: ["house/marked"] } },
    });
  });

  test("a denied notification is dropped: 202 in the legacy era", async () => {
    const answer = await legacy({
      jsonrpc: "2.0",
      method: "notifications/progress",
      params: { progressToken: 1, progress: 1, message: "forbidden" },
    });
    expect([answer.status, answer.body.length]).toEqual([202, 0]);
    expect(upstream.received).toHaveLength(0);
  });

  test("and an HTTP error in the modern era", async () => {
    const answer = await legacy(
      { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1, reason: "forbidden" } },
      { "MCP-Protocol-Version": "2026-07-28" },
    );
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: -31403 } });
  });

  test("a denied answer goes upstream as an error, so that the server does not wait for ever", async () => {
    const request = '{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":5}}';
    upstream.answer(events(`data: ${request}\n\n`, 'data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n'));
    await legacy({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "ask", arguments: {} } });
    upstream.answer((_received, response) => {
      response.writeHead(202).end();
    });
    const answer = await legacy({
      jsonrpc: "2.0",
      id: 1,
      result: { role: "assistant", model: "m", content: { type: "text", text: "forbidden" } },
    });
    expect(answer.status).toBe(202);
    const last = JSON.parse(upstream.received.at(-1)?.body ?? "");
    expect(last).toMatchObject({ jsonrpc: "2.0", id: 1, error: { code: -31403 } });
    expect(JSON.stringify(upstream.received)).not.toContain("forbidden");
  });

  test("an answer that nobody asked for is refused", async () => {
    const answer = await legacy({ jsonrpc: "2.0", id: 99, result: {} });
    expect(answer.status).toBe(400);
    expect(upstream.received).toHaveLength(0);
    expect(gateway.records().at(-1)).toMatchObject({ kind: "message", effect: "error", reason: "ERR_UNASKED" });
  });
});

describe("from the server", () => {
  const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: {} } };
  const secret = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"forbidden"}]}}';

  test.each([
    ["as JSON", json(secret), (body: string) => body],
    [
      "on a stream",
      events(`id: 3\nevent: message\ndata: ${secret}\n\n`),
      (body: string) => /^id: 3\nevent: message\ndata: (.*)\n\n$/.exec(body)?.[1] ?? body,
    ],
  ])("a denied result is replaced %s", async (_form, script, unwrap) => {
    upstream.answer(script);
    const answer = await legacy(call);
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).not.toContain("forbidden");
    expect(JSON.parse(unwrap(answer.body.toString()))).toMatchObject({ id: 1, result: { isError: true } });
  });

  test("a denied error answer is replaced as well", async () => {
    upstream.answer(json('{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"forbidden"}}'));
    const answer = await legacy({ jsonrpc: "2.0", id: 1, method: "prompts/get", params: { name: "p" } });
    expect(JSON.parse(answer.body.toString())).toMatchObject({ id: 1, error: { code: -31403 } });
  });

  test("a denied request is taken off the stream, its id stays for resumption, and the server gets an error", async () => {
    upstream.answer((received, response) => {
      if (!received.body.includes("tools/call")) {
        response.writeHead(202).end();
        return;
      }
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('id: a1\ndata: {"jsonrpc":"2.0","id":1,"method":"roots/list","params":{"x":"forbidden"}}\n\n');
      setTimeout(() => response.end('id: a2\ndata: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n'), 100);
    });
    const answer = await legacy(call);
    // The two sides' ids are two namespaces: the client's own request 1 still gets its own answer.
    expect(answer.body.toString()).toBe('id: a1\n\nid: a2\ndata: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n');
    const told = upstream.received.map(({ body }) => JSON.parse(body)).find((body) => body.error !== undefined);
    expect(told).toMatchObject({ id: 1, error: { code: -31403 } });
  });

  test("a denied notification is dropped and the stream goes on", async () => {
    upstream.answer(
      events(
        'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"forbidden"}}\n\n',
        'data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n',
      ),
    );
    expect((await legacy(call)).body.toString()).toBe('data: {"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\n');
  });

  test.each([
    ["an answer to another id", '{"jsonrpc":"2.0","id":2,"result":{"content":[]}}'],
    ["an id of another type", '{"jsonrpc":"2.0","id":"1","result":{"content":[]}}'],
    [
      "a second answer",
      '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}\n\ndata: {"jsonrpc":"2.0","id":1,"result":{"content":[],"second":true}}',
    ],
    ["what is no message", '{"jsonrpc":"2.0"}'],
    ["an unknown event", "{}\nevent: endpoint"],
  ])("%s on a stream is dropped and the request gets an answer", async (_name, data) => {
    upstream.answer(events(`data: ${data}\n\n`));
    const answer = (await legacy(call)).body.toString();
    expect(answer).not.toContain("second");
    expect([...answer.matchAll(/"id":1[,}]/g)]).toHaveLength(1);
  });

  test.each([
    ["HTML", 200, "text/html", "<b>forbidden</b>", 502],
    ["JSON that is no message", 200, "application/json", '{"forbidden":1}', 502],
    ["broken JSON", 200, "application/json", '{"forbidden":', 502],
    ["an error page", 500, "text/html", "forbidden", 500],
    ["a refusal", 403, "text/plain", "forbidden", 403],
    ["not found", 404, "text/plain", "forbidden", 404],
    ["too many", 429, "text/plain", "forbidden", 429],
    ["a redirect", 302, "text/plain", "forbidden", 502],
  ])("%s is withheld; the status is %s or 502", async (_name, status, type, body, expected) => {
    upstream.answer((_received, response) => {
      response.writeHead(status, { "content-type": type, "retry-after": "7", location: "http://127.0.0.1:1/" }).end(body);
    });
    const answer = await legacy(call);
    expect(answer.status).toBe(expected);
    expect(JSON.parse(answer.body.toString())).toMatchObject({
      jsonrpc: "2.0",
      id: 1,
      error: { data: { decision_id: expect.any(String) } },
    });
    expect(answer.body.toString()).not.toContain("forbidden");
    if (status >= 400) expect(answer.headers["retry-after"]).toBe("7");
    expect(gateway.records().at(-1)).toMatchObject({ kind: "synthetic", effect: "error", direction: "server_to_client" });
  });

  test("a JSON-RPC error with status 4xx passes with its status: clients negotiate by it", async () => {
    const body = '{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}';
    upstream.answer(json(body, 404));
    const answer = await legacy(call);
    expect([answer.status, answer.body.toString()]).toEqual([404, body]);
  });
});
