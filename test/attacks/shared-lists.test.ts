/** What one principal may see is nobody else's to see, and what a flow has done stays with it. */
import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashApiKey, newApiKey } from "../../src/authn/api-key.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const KEY = newApiKey();
const RULES = `# METADATA
# title: Trifecta
package policies.trifecta

# METADATA
# title: Read
label contains {"id": "trifecta/read", "add": ["tainted"]} if input.target.name == "read"

# METADATA
# title: Send
deny contains {"id": "trifecta/send"} if {
	input.target.name == "send"
	"tainted" in input.flow.labels
}
`;

let upstream: ScriptedUpstream;
let labelled: TestGateway;
let keyed: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  labelled = await openGateway(`servers:\n  one: {url: "${upstream.url}"}\npolicy: {path: ./rules}`, { "rules/trifecta.rego": RULES });
  keyed = await openGateway(`servers: {one: {url: "${upstream.url}"}}\nauthn: {api_keys: [{id: ann, sha256: ${hashApiKey(KEY)}}]}`);
});
afterAll(async () => {
  await labelled.close();
  await keyed.close();
  await upstream.close();
});

// A process on this machine has sixteen million loopback addresses, and would have as many fresh flows.
test("another loopback address does not shake off a flow's labels", async () => {
  upstream.answer(json('{"jsonrpc":"2.0","id":1,"result":{}}'));
  const from = (localAddress: string, name: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = { "content-type": "application/json" };
      const call = request(labelled.endpoint("one"), { method: "POST", localAddress, headers }, (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("end", () => {
          resolve(text);
        });
      });
      call.on("error", reject);
      call.end(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}"}}`);
    });
  await from("127.0.0.1", "read");
  expect(await from("127.0.0.1", "send")).toContain("trifecta/send");
  expect(await from("127.0.0.2", "send")).toContain("trifecta/send");
});

// Another principal may see less of it, also when this one happens to see all.
test("a principal's list is not for shared caches, also when nothing was taken out", async () => {
  upstream.answer(json('{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"echo"}],"cacheScope":"public","ttlMs":60000}}'));
  const answer = await send(keyed.endpoint("one"), {
    headers: { "X-API-Key": KEY },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  });
  expect(answer.body.toString()).toBe('{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"echo"}],"cacheScope":"private","ttlMs":60000}}');
});
