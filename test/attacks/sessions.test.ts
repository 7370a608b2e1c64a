/** A session is its principal's: nobody else may speak in it, whatever they claim to speak and whatever they made the gateway forget. */
import { afterAll, beforeEach, expect, test } from "vitest";
import { hashApiKey } from "../../src/authn/api-key.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import type { Scope } from "../../src/state/store.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const KEYS = { alice: `sluice_${"a".repeat(43)}`, mallory: `sluice_${"m".repeat(43)}` };
const as = (who: keyof typeof KEYS, more: Record<string, string> = {}) => ({ Authorization: `Bearer ${KEYS[who]}`, ...more });
const SESSION = { "Mcp-Session-Id": "session-of-alice" };
const CLAIM = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}';
const MODERN = { "MCP-Protocol-Version": "2026-07-28" };
const PING = '{"jsonrpc":"2.0","id":2,"method":"ping"}';

let upstream: ScriptedUpstream;
let gateway: TestGateway | undefined;

beforeEach(async () => {
  await gateway?.close();
  upstream ??= await openUpstream();
  gateway = await openGateway(`
servers:
  one: {url: "${upstream.url}"}
authn:
  api_keys: [{id: alice, sha256: ${hashApiKey(KEYS.alice)}}, {id: mallory, sha256: ${hashApiKey(KEYS.mallory)}}]
`);
  upstream.answer((received, response) => {
    const session = received.body.includes("initialize") ? { "Mcp-Session-Id": "session-of-alice" } : {};
    response.writeHead(200, { "content-type": "application/json", ...session }).end('{"jsonrpc":"2.0","id":1,"result":{}}');
  });
  await send(gateway.endpoint("one"), { headers: as("alice"), body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}' });
  upstream.received.length = 0;
});
afterAll(async () => {
  await gateway?.close();
  await upstream.close();
});

const reached = (): unknown[] => upstream.received.filter(({ headers }) => headers["mcp-session-id"] === "session-of-alice");

// A server of both eras, or one that does not look at the revision, finds the session by the header: the claim alone switched the check off.
test("a modern request does not reach another principal's session", async () => {
  await send(gateway?.endpoint("one") ?? "", {
    headers: as("mallory", { ...SESSION, ...MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "echo" }),
    body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo",${CLAIM}}}`,
  });
  expect(reached()).toEqual([]);
});

test("a modern notification does not reach another principal's session", async () => {
  await send(gateway?.endpoint("one") ?? "", {
    headers: as("mallory", { ...SESSION, ...MODERN }),
    body: '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}',
  });
  expect(reached()).toEqual([]);
});

// Many servers answer DELETE with 405: the session lives on, and now belongs to whoever names it first.
test("a session that the server did not end stays its owner's", async () => {
  upstream.answer((received, response) => {
    if (received.method === "DELETE") response.writeHead(405).end();
    else json('{"jsonrpc":"2.0","id":2,"result":{}}')(received, response);
  });
  await send(gateway?.endpoint("one") ?? "", { method: "DELETE", headers: as("alice", SESSION) });
  upstream.received.length = 0;
  const answer = await send(gateway?.endpoint("one") ?? "", { headers: as("mallory", SESSION), body: PING });
  expect(answer.status).toBe(403);
  expect(reached()).toEqual([]);
});

// Session ids that a client makes up are bound before any server knows them: enough of them push a real one out of the bounded table.
test("made-up session ids of one principal do not make the gateway forget another's", async () => {
  const store = new MemoryStore(() => 0, { sessions: 100 });
  await store.sessionOwner("one", "real", "alice");
  for (let at = 0; at < 200; at += 1) await store.sessionOwner("one", `made-up-${at}`, "mallory");
  expect(await store.sessionOwner("one", "real", "mallory")).toBe("alice");
});

// 70 requests of 1 MiB push every other principal's outstanding requests out: the answers to them are then refused as unasked.
test("large requests of one principal do not make the gateway forget what another was asked", async () => {
  const store = new MemoryStore(() => 0, { outstandingBytes: 10_000, outstandingPerHolder: 1000 });
  const alice: Scope = { direction: "server_to_client", server: "one", principal: "alice", session: "s" };
  const mallory: Scope = { direction: "client_to_server", server: "one", principal: "mallory", session: "m" };
  await store.remember(alice, "1", { method: "elicitation/create", body: Buffer.alloc(100) });
  for (let at = 0; at < 20; at += 1) await store.remember(mallory, `${at}`, { method: "tools/call", body: Buffer.alloc(1000) });
  expect(await store.recall(alice, "1")).toBeDefined();
});
