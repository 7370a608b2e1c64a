/** What went wrong in Sluice is said to have gone wrong in Sluice: a server that is blamed for it is looked into for nothing. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Judgement } from "../../src/stages.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"to":"joe@example.com"}}}';

let upstream: ScriptedUpstream;
let gateway: TestGateway;
let broken = false;

/** Changes a message into something that cannot be read: only the way out notices. */
const breaking = (real: Judgement): Judgement => ({
  ...real,
  enforce: async (...args) => {
    const outcome = await real.enforce(...args);
    return broken ? { ...outcome, bytes: Buffer.from("{") } : outcome;
  },
});

beforeEach(async () => {
  broken = false;
  upstream = await openUpstream();
  gateway = await openGateway(
    `servers: {one: {url: "${upstream.url}", settings: {pii: {client_to_server: {third_party: {email: redact}}}}}}`,
    {},
    { judgement: breaking },
  );
});
afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

const unexpected = async (): Promise<string | undefined> => {
  const metrics = await (await fetch(`${gateway.gateway.url}/metrics`)).text();
  return /^sluice_unexpected_answers_total\{.*$/m.exec(metrics)?.[0];
};

const reasons = (): (ErrorCode | undefined)[] => gateway.records().map(({ reason }) => reason);

test("a changed message that cannot be read is Sluice's fault", async () => {
  broken = true;
  const answer = await send(gateway.endpoint("one"), { body: CALL });
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body.toString())).toMatchObject({
    id: 1,
    error: { code: -31403, message: expect.stringContaining("carried out") },
  });
  expect(upstream.received).toEqual([]);
  expect(reasons()).toContain("ERR_ENFORCE");
  expect(await unexpected()).toBeUndefined();
});

test("a header that no longer holds after a change is nobody's answer", async () => {
  await send(gateway.endpoint("one"), { headers: { "Mcp-Param-To": "joe@example.com" }, body: CALL });
  expect(reasons()).toEqual(["ERR_HEADER_MISMATCH"]);
  expect(await unexpected()).toBeUndefined();
});

test.each([
  ["no JSON", "{", 502],
  ["no message", "{}", 502],
  ["a batch", "[]", 502],
])("an answer that is %s is the server's fault", async (_name, body, status) => {
  upstream.answer(json(body));
  const answer = await send(gateway.endpoint("one"), { body: CALL });
  expect(answer.status).toBe(status);
  expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: -31502 } });
  expect(reasons()).toEqual([undefined, "ERR_UPSTREAM_ANSWER"]);
  expect(await unexpected()).toBe('sluice_unexpected_answers_total{server="one"} 1');
});
