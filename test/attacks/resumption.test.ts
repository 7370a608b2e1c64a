/** An answer that arrives on a resumed stream is judged as the answer to the request that it really answers. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

let upstream: ScriptedUpstream;
let gateway: TestGateway;
const SESSION = { "Mcp-Session-Id": "s" };

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers:\n  one: {url: "${upstream.url}", settings: {protocol_and_identity: {deny_tools: [hidden]}}}`);
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

// A client that gives a second request the id of one whose answer is outstanding has that answer judged as the second one's: here a list
// is taken for the answer to a ping and not filtered. MCP forbids to use an id twice in a session.
test("a request under the id of an outstanding one does not change what the outstanding answer is", async () => {
  upstream.answer((received, response) => {
    if (received.method === "GET")
      events('id: 2\ndata: {"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"hidden"}]}}\n\n')(received, response);
    else if (received.body.includes("tools/list")) events("id: 1\ndata: \n\n")(received, response);
    else json('{"jsonrpc":"2.0","id":1,"result":{}}')(received, response);
  });
  await send(gateway.endpoint("one"), { headers: SESSION, body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' });
  await send(gateway.endpoint("one"), { headers: SESSION, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' });
  const resumed = await send(gateway.endpoint("one"), { method: "GET", headers: { ...SESSION, "Last-Event-ID": "1" } });
  expect(resumed.body.toString()).not.toContain("hidden");
});
