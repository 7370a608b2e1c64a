/** Sluice's own keys stop at Sluice: a server that learned one could call every other server with it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { hashApiKey, newApiKey } from "../../src/authn/api-key.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const KEY = newApiKey();
const OTHER = newApiKey();
const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}';

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  upstream.answer(json('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'));
  gateway = await openGateway(`
servers:
  strip: {url: "${upstream.url}"}
  passthrough: {url: "${upstream.url}", authorization: passthrough}
authn:
  api_keys: [{id: ann, sha256: ${hashApiKey(KEY)}}]
`);
});
beforeEach(() => {
  upstream.received.length = 0;
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const seen = (): string => JSON.stringify(upstream.received.map(({ rawHeaders }) => rawHeaders));

describe.each(["strip", "passthrough"])("authorization: %s", (server) => {
  const call = (...headers: string[]) => send(gateway.endpoint(server), { headers, body: CALL });

  // Node joins the two with a comma: no key of ours any more, so that it was not taken out.
  test.each([
    ["twice in X-API-Key", ["X-API-Key", KEY, "X-API-Key", KEY]],
    ["in X-API-Key beside another", ["X-API-Key", KEY, "X-API-Key", "something-else"]],
    ["in X_API_Key, which some servers read as X-API-Key", ["X_API_Key", KEY]],
  ])("a key %s is refused", async (_name, headers) => {
    expect((await call("Authorization", `Bearer ${KEY}`, ...headers)).status).toBe(400);
    expect(upstream.received).toEqual([]);
  });

  test.each([
    ["Authorization", `Bearer ${KEY}`],
    ["Authorization", `bearer  ${KEY}`],
    ["X-API-Key", KEY],
  ])("a key that was accepted in %s does not go on", async (name, value) => {
    expect((await call(name, value)).status).toBe(200);
    expect(upstream.received).toHaveLength(1);
    expect(seen()).not.toContain("sluice_");
  });

  test.each([
    ["its own", KEY],
    ["one that is not known", OTHER],
  ])("%s in a header that is not for keys does not go on", async (_name, key) => {
    expect((await call("Authorization", `Bearer ${KEY}`, "X-Note", `my key is ${key}`, "X-Kept", "as it was")).status).toBe(200);
    expect(seen()).not.toContain("sluice_");
    expect(seen()).toContain("as it was");
  });

  test("one in Authorization that is no bearer token does not go on beside the accepted one", async () => {
    expect((await call("X-API-Key", KEY, "Authorization", `Token ${KEY}`)).status).toBe(200);
    expect(seen()).not.toContain("sluice_");
  });
});

test("the server's own token goes on beside a key in X-API-Key", async () => {
  await send(gateway.endpoint("passthrough"), { headers: { "X-API-Key": KEY, Authorization: "Bearer the-servers" }, body: CALL });
  expect(upstream.received[0]?.headers).toMatchObject({ authorization: "Bearer the-servers" });
  expect(seen()).not.toContain("sluice_");
});
