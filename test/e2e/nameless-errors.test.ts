/** An error without an id answers the request that it came back for: what stands in its place carries that request's id, and ends the call. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const POLICY = `package policies.house

deny contains {"id": "house/marked"} if {
	input.phase == "response"
	contains(input.mcp.error.message, "forbidden")
}
`;
const NULL_ID = '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"forbidden"}}';
const NO_ID = '{"jsonrpc":"2.0","error":{"code":-32000,"message":"forbidden"}}';
const onStream = (error: string) => events(`data: ${error}\n\n`);
const unwrap = (body: string): string => /^data: (.*)\n\n$/.exec(body)?.[1] ?? body;

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let recorded: number;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`policy: {path: ./rules}\nservers: {one: {url: "${upstream.url}"}}`, { "rules/house.rego": POLICY });
});
beforeEach(() => {
  recorded = gateway.records().length;
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const call = (method: string, id: string | number, params: object) =>
  send(gateway.endpoint("one"), { body: JSON.stringify({ jsonrpc: "2.0", id, method, params }) });

const cases = [
  ["id null, as JSON", json(NULL_ID)],
  ["id null, on a stream", onStream(NULL_ID)],
  ["no id, as JSON", json(NO_ID)],
  ["no id, on a stream", onStream(NO_ID)],
] as const;

test.each(cases)("a denied error becomes the answer to the client's own id: %s", async (_name, script) => {
  upstream.answer(script);
  const tool = await call("tools/call", "seven", { name: "echo", arguments: {} });
  expect(tool.status).toBe(200);
  expect(JSON.parse(unwrap(tool.body.toString()))).toMatchObject({ id: "seven", result: { isError: true } });
  const prompt = await call("prompts/get", 8, { name: "p" });
  expect(JSON.parse(unwrap(prompt.body.toString()))).toMatchObject({ id: 8, error: { code: -31403 } });
  for (const { body } of [tool, prompt]) expect(body.toString()).not.toContain("forbidden");
  // The call has ended with it: no second answer, and none on record.
  const answers = gateway.records().slice(recorded);
  expect(answers.filter(({ direction }) => direction === "server_to_client")).toMatchObject(
    Array.from({ length: 2 }, () => ({ kind: "message", effect: "deny" })),
  );
});

test.each(cases)("one that is let through ends the call as it came: %s", async (_name, script) => {
  upstream.answer((received, response) => {
    // The same script with another word.
    const write = response.write.bind(response);
    const end = response.end.bind(response);
    const calm = (chunk: unknown): string => String(chunk).replace("forbidden", "harmless");
    response.write = ((chunk: unknown) => write(calm(chunk))) as typeof response.write;
    response.end = ((chunk?: unknown) => (chunk === undefined ? end() : end(calm(chunk)))) as typeof response.end;
    script(received, response);
  });
  const answer = await call("prompts/get", 8, { name: "p" });
  expect(JSON.parse(unwrap(answer.body.toString()))).toMatchObject({ error: { message: "harmless" } });
  expect(gateway.records().slice(recorded)).toHaveLength(2);
});
