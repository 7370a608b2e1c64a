/**
 * A write is never sent twice. Once a byte of a call may have gone out, whatever breaks ends the call; where provably none has (the
 * connection was refused, or a kept one was found closed before anything was written to it), one more attempt is made. Bytes are counted
 * where they arrive.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { answersJson, type FaultyUpstream, openFaultyUpstream } from "../support/faulty-upstream.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { metricOf } from "../support/metrics.ts";
import { send } from "../support/post.ts";

const OK = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
const call = (name: string): string => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${name}","arguments":{}}}`;

let upstream: FaultyUpstream;
let gateway: TestGateway;

beforeEach(async () => {
  upstream = await openFaultyUpstream();
  upstream.script(answersJson(OK));
  gateway = await openGateway(`servers: {one: {url: "${upstream.url}"}}\nlimits: {upstream_ms: 400ms, connect_ms: 2s}`);
});
afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

const post = (name: string) => send(gateway.endpoint("one"), { body: call(name) });
const arrivals = (name: string): number => upstream.arrivals.filter(({ body }) => body.includes(`"${name}"`)).length;
const retries = (): Promise<number> => metricOf(gateway.gateway.url, "sluice_upstream_retries_total");

test.each([
  ["closes", (end: () => void) => end()],
  ["resets", (_end: () => void, reset: () => void) => reset()],
])("a kept connection that the server %s as the call is sent on it is not tried again", async (_how, breakIt) => {
  expect((await post("first")).status).toBe(200);
  upstream.script((arrival, peer) => {
    if (arrival.turn > 1)
      breakIt(
        () => peer.end(),
        () => peer.reset(),
      );
    else answersJson(OK)(arrival, peer);
  });
  const answer = await post("second");
  expect(upstream.arrivals.at(-1)).toMatchObject({ connection: 1, turn: 2 });
  expect(answer.status).toBe(502);
  expect(arrivals("second")).toBe(1);
  expect(await retries()).toBe(0);
});

test.each(["POST", "GET", "DELETE"])("a %s whose connection breaks before the answer arrives once", async (method) => {
  upstream.script((_arrival, peer) => peer.reset());
  const answer = await send(gateway.endpoint("one"), method === "POST" ? { body: call("a") } : { method });
  expect(answer.status).toBe(502);
  expect(upstream.arrivals).toHaveLength(1);
  expect(upstream.accepted).toBe(1);
});

test("a server that says nothing gets the call once", async () => {
  upstream.script(() => {});
  expect((await post("a")).status).toBe(504);
  expect(upstream.arrivals).toHaveLength(1);
});

test("a kept connection that has closed in the meantime is replaced before a byte is written", async () => {
  for (let round = 0; round < 5; round += 1) {
    upstream.script((arrival, peer) => {
      answersJson(OK)(arrival, peer);
      // Behind the answer: the connection looks kept until the close arrives.
      peer.end();
    });
    expect((await post(`round${round}`)).status).toBe(200);
    expect(arrivals(`round${round}`)).toBe(1);
  }
  expect(upstream.accepted).toBe(5);
});

test("a refused connection is tried once more, and the call arrives once", async () => {
  await upstream.refuse();
  const answering = post("a");
  await expect.poll(retries, { timeout: 5000, interval: 5 }).toBe(1);
  await upstream.listen();
  expect((await answering).status).toBe(200);
  expect(arrivals("a")).toBe(1);
});

test("a port that stays closed is tried once more and not again", async () => {
  await upstream.refuse();
  expect((await post("a")).status).toBe(502);
  expect(await retries()).toBe(1);
  expect(gateway.records().map(({ kind, reason }) => [kind, reason])).toEqual([
    ["message", undefined],
    ["synthetic", "ERR_UPSTREAM"],
  ]);
});

test("a connection that breaks while a long body is being written is not tried again", async () => {
  upstream.greet((socket) => {
    socket.once("data", () => socket.resetAndDestroy());
  });
  const answer = await send(gateway.endpoint("one"), { body: call("a".repeat(100)).replace("{}", `{"t":"${"x ".repeat(400_000)}"}`) });
  expect(answer.status).toBe(502);
  expect(upstream.accepted).toBe(1);
  expect(await retries()).toBe(0);
});
