/** Nothing is on record as passed that went nowhere: whoever reads the audit log takes it for what the other side got. */
import { once } from "node:events";
import { type ClientRequest, request } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Judgement } from "../../src/stages.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}';
const progress = (step: number): string =>
  `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":${step}}}\n\n`;

let upstream: ScriptedUpstream;
let gateway: TestGateway;
/** Waited for before an event is judged. */
let beforeJudging: ((message: string) => Promise<void>) | undefined;

const watched = (real: Judgement): Judgement => ({
  ...real,
  detect: async (transaction) => {
    await beforeJudging?.(transaction.message.document.bytes.toString());
    return real.detect(transaction);
  },
});

beforeEach(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(
    `servers: {one: {url: "${upstream.url}", settings: {pii: {client_to_server: {third_party: {email: redact}}}}}}`,
    {},
    { judgement: watched },
  );
});
afterEach(async () => {
  beforeJudging = undefined;
  await gateway.close();
  await upstream.close();
});

test.each([
  ["notification", '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"hello"}}'],
  ["request", '{"jsonrpc":"2.0","id":1,"method":"roots/list"}'],
])("a %s where the one answer is due as JSON is withheld and not on record as passed", async (_name, body) => {
  upstream.answer(json(body));
  const answer = await send(gateway.endpoint("one"), { body: CALL });
  expect(answer.status).toBe(502);
  expect(JSON.parse(answer.body.toString())).toMatchObject({ id: 1, error: { code: -31502 } });
  expect(gateway.records().map(({ direction, kind, effect, reason }) => [direction, kind, effect, reason])).toEqual([
    ["client_to_server", "message", "allow", undefined],
    ["server_to_client", "synthetic", "error", "ERR_UPSTREAM_ANSWER"],
  ]);
});

test("events that come after the client has left are not judged", async () => {
  const closed = new Promise<unknown>((resolve) => {
    upstream.answer((_received, response) => {
      response.on("close", resolve);
      response.writeHead(200, { "content-type": "text/event-stream" });
      // One chunk: the gateway has all of them when its client leaves.
      response.write(Array.from({ length: 9 }, (_, step) => progress(step)).join(""));
    });
  });
  const call: ClientRequest = request(gateway.endpoint("one"), {
    method: "POST",
    headers: { accept: "text/event-stream", "content-type": "application/json" },
  });
  call.on("error", () => {});
  const responded = once(call, "response");
  beforeJudging = async (message) => {
    if (!message.includes('"progress":3')) return;
    await responded;
    call.destroy();
    // The gateway lets go of its server when it knows that the client is gone.
    await closed;
  };
  call.end(CALL);
  const [response] = await responded;
  response.on("error", () => {});
  response.resume();
  await expect.poll(() => gateway.records().at(-1)?.reason, { timeout: 5000 }).toBe("ERR_CLIENT_GONE");
  const judged = gateway.records().filter(({ direction, kind }) => direction === "server_to_client" && kind === "message");
  expect(judged).toHaveLength(4);
});

// The header would carry upstream what was taken out of the body; so nothing is forwarded, and nothing may be on record as forwarded.
test("a call whose Mcp-Param header no longer holds after a redaction is refused, on record as refused", async () => {
  const body = CALL.replace('"arguments":{}', '"arguments":{"to":"joe@example.com","also":"x"}');
  upstream.answer(json('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'));
  expect((await send(gateway.endpoint("one"), { headers: { "Mcp-Param-Also": "x" }, body })).status).toBe(200);
  expect(upstream.received.map((received) => received.body)).toEqual([body.replace("joe@example.com", "[EMAIL_1]")]);

  const recorded = gateway.records().length;
  const answer = await send(gateway.endpoint("one"), { headers: { "Mcp-Param-To": "joe@example.com" }, body });
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body.toString())).toMatchObject({ id: 1, result: { isError: true } });
  expect(answer.body.toString()).toContain("does not match the message body");
  expect(upstream.received).toHaveLength(1);
  expect(gateway.records().slice(recorded)).toMatchObject([
    { direction: "client_to_server", kind: "message", effect: "error", reason: "ERR_HEADER_MISMATCH", bytes_out: 0 },
  ]);
});
