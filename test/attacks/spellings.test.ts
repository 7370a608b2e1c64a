/** Ways around the shipped packs by another spelling of a denied name, or another place for a question to the user. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`
servers:
  one: {url: "${upstream.url}", settings: {protocol_and_identity: {deny_tools: [denied], deny_resources: ["file:///etc/passwd"]}}}
  open: {url: "${upstream.url}"}
`);
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

/** Whether the upstream saw the request. `text` stands in JSON as it is. */
async function arrives(server: string, method: string, member: string, text: string): Promise<boolean> {
  upstream.answer(json('{"jsonrpc":"2.0","id":1,"result":{}}'));
  upstream.received.length = 0;
  await send(gateway.endpoint(server), { body: `{"jsonrpc":"2.0","id":1,"method":"${method}","params":{"${member}":"${text}"}}` });
  return upstream.received.length > 0;
}

// URL parsers drop tabs, line breaks and outer control characters, resolve dot segments, decode, and cut fragments; others read the path
// alone, or take away `file://`.
const spellingsOfResource = [
  "file:///etc/passwd",
  "FILE:///ETC/passwd",
  "file:///etc/passwd?",
  "file:///etc/passwd/",
  "file:///etc/./passwd",
  "file:///./etc/passwd",
  "file:///x/../etc/passwd",
  "file:///etc//passwd",
  "file:////etc/passwd",
  "file:///etc\\\\passwd",
  "file:///etc/%70asswd",
  "file:///etc%2Fpasswd",
  "file:///%2e/etc/passwd",
  "file:///etc/passwd%00",
  "file:///etc/passwd%23",
  "file:///%c0%ae/etc/passwd",
  "fi\\tle:///etc/passwd",
  "file:///etc/pass\\nwd",
  "file:///etc/passwd\\u0000",
  " file:///etc/passwd",
  "file:///etc/passwd#",
  "\\ufefffile:///etc/passwd",
  "file:///etc/pass\\u200bwd",
  "file:/etc/passwd",
  "file:etc/passwd",
  "file://localhost/etc/passwd",
  "file://any/etc/passwd",
  "/etc/passwd",
];

test.each(spellingsOfResource)("a denied resource by another name does not arrive: %s", async (uri) => {
  expect(await arrives("one", "resources/read", "uri", uri)).toBe(false);
});

// Servers trim (JavaScript's trim() takes a byte order mark, too), stop at a NUL, fold compatible letters.
const spellingsOfTool = [
  "denied",
  "Denied",
  " denied",
  "denied\\n",
  "\\ufeffdenied",
  "denied\\u0000",
  "denied\\u200b",
  "de\\u00adnied",
  "\\uff44enied",
  "",
];

test.each(spellingsOfTool)("a denied tool by another name does not arrive: '%s'", async (name) => {
  expect(await arrives("one", "tools/call", "name", name)).toBe(false);
});

test.each([
  ["resources/read", "uri", "file:///etc/hosts%20(1).txt"],
  ["resources/read", "uri", "https://example.com:8443/a?b=c//d"],
  ["resources/read", "uri", "notes://ada@inbox/1"],
  ["resources/read", "uri", "urn:isbn:1"],
  ["tools/call", "name", "acme.io/search_v2"],
])("what is not denied arrives beside it: %s %s %s", async (method, member, text) => {
  expect(await arrives("one", method, member, text)).toBe(true);
});

test("every spelling arrives where nothing is denied", async () => {
  for (const uri of spellingsOfResource) expect([uri, await arrives("open", "resources/read", "uri", uri)]).toEqual([uri, true]);
  for (const name of spellingsOfTool) expect([name, await arrives("open", "tools/call", "name", name)]).toEqual([name, true]);
});

// A task that failed carries the JSON-RPC error of its request: the same that sends the user to an address when it comes as an answer.
test.each([
  [
    "a task's error",
    '{"taskId":"1","status":"failed","error":{"code":-32042,"message":"x","data":{"elicitations":[{"mode":"url","url":"https://attacker.example"}]}}}',
  ],
  [
    "a task's result",
    '{"taskId":"1","status":"completed","result":{"resultType":"input_required","inputRequests":{"a":{"method":"sampling/createMessage","params":{}}}}}',
  ],
])("a question to the user inside of %s", async (_name, result) => {
  upstream.answer(json(`{"jsonrpc":"2.0","id":1,"result":${result}}`));
  const answer = await send(gateway.endpoint("one"), { body: '{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"1"}}' });
  expect(JSON.parse(answer.body.toString())).toHaveProperty("error");
});
