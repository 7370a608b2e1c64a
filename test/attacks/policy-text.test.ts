/** What policy does not see of an answered request it is told of; where that is too much the answer does not pass unjudged. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const POLICY = `package policies.house

deny contains {"id": "house/unseen", "msg": "Part of what was asked for was not seen."} if {
	input.phase == "response"
	"/request/params/arguments/big" in input.mcp.omitted
	input.mcp.request.params.arguments.small == "seen"
	input.mcp.request.params.arguments.big == ""
}
`;
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"the-answer"}]}}';
const body = (args: object): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "t", arguments: args } });

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  upstream.answer(json(RESULT));
  gateway = await openGateway(
    `policy: {path: ./rules}\nservers: {one: {url: "${upstream.url}", settings: {protocol_and_identity: {omitted_text: {client_to_server: allow}}}}}\nlimits: {policy_text: 8KiB, string: 1MiB}`,
    { "rules/house.rego": POLICY },
  );
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

test("strings that were left out of the answered request are listed", async () => {
  expect((await send(gateway.endpoint("one"), { body: body({ small: "seen", big: "x".repeat(500) }) })).body.toString()).toBe(RESULT);
  const answer = (await send(gateway.endpoint("one"), { body: body({ small: "seen", big: "x".repeat(20_000) }) })).body.toString();
  expect(answer).toContain("house/unseen");
  expect(answer).not.toContain("the-answer");
});

// A reload may leave less room than the request was judged with.
test("an answer whose request does not fit even so is withheld", async () => {
  const recorded = gateway.records().length;
  upstream.answer(async (received, response) => {
    const smaller = readFileSync(gateway.configFile, "utf8").replace("policy_text: 8KiB", "policy_text: 1KiB");
    writeFileSync(gateway.configFile, smaller);
    const loaded = await loadConfig(gateway.configFile);
    if (!loaded.ok) throw new Error("configuration");
    expect((await gateway.gateway.reload(loaded.value.config, { locate: loaded.value.locate })).ok).toBe(true);
    json(RESULT)(received, response);
  });
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`key${at}`, "value"]));
  const answer = (await send(gateway.endpoint("one"), { body: body(many) })).body.toString();
  expect(answer).toContain('"isError":true');
  expect(answer).not.toContain("the-answer");
  expect(
    gateway
      .records()
      .slice(recorded)
      .map(({ direction, effect, reason }) => [direction, effect, reason]),
  ).toEqual([
    ["client_to_server", "allow", undefined],
    ["server_to_client", "error", "ERR_TOO_LARGE"],
  ]);
});
