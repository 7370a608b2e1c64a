/** What travels beside results, between real SDK peers: progress, log lines, changes, resumption, sessions, subscriptions. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { send } from "../support/post.ts";
import { type SdkClient, type SdkServer, URIS } from "../support/sdk-peer.ts";
import { openStage, PAIRINGS, type Pairing, type Stage } from "../support/sdk-stage.ts";

let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});
afterEach(async () => {
  await stage.reset();
});
afterAll(async () => {
  await stage.close();
});

const pairings = (wanted: Partial<Pairing>): [string, Pairing][] =>
  Object.entries(PAIRINGS).filter(
    ([, { era, form }]) => (wanted.era === undefined || wanted.era === era) && (wanted.form === undefined || wanted.form === form),
  );
const methods = (client: SdkClient): string[] => client.notifications.map(({ method }) => method);

describe.each(pairings({ form: "sse" }))("%s", (_name, pairing) => {
  const server = (): SdkServer => stage.servers[pairing.server];

  test("progress arrives before the server has its result", async () => {
    const client = await stage.through(pairing);
    const order: string[] = [];
    const result = await client.call(
      "wait",
      {},
      {
        onprogress: ({ progress }) => {
          order.push(`progress ${progress}`);
          // Only now may the server finish: had the event been held back, the call would never end.
          server().ledger.release();
        },
      },
    );
    order.push("result");
    expect(order).toEqual(["progress 1", "result"]);
    expect(result.content).toEqual([{ type: "text", text: "waited" }]);
  });

  test("log lines arrive in order, personal data in them redacted", async () => {
    const client = await stage.through(pairing);
    if (client.era === "legacy") await client.setLoggingLevel("debug");
    await client.call("log", {}, client.era === "modern" ? { meta: { "io.modelcontextprotocol/logLevel": "debug" } } : {});
    expect(client.notifications).toMatchObject([
      { method: "notifications/message", params: { level: "info", logger: "house", data: "plain words" } },
      { method: "notifications/message", params: { level: "info", logger: "house", data: "call [EMAIL_1]" } },
    ]);
  });
});

describe.each(pairings({ era: "legacy" }))("%s", (_name, pairing) => {
  const server = (): SdkServer => stage.servers[pairing.server];
  /** A client whose GET stream stands. */
  const listening = async (): Promise<SdkClient> => {
    await expect.poll(() => server().listeners()).toBe(0);
    const client = await stage.through(pairing);
    await expect.poll(() => server().listeners()).toBe(1);
    return client;
  };

  test("either side can ping the other", async () => {
    const client = await listening();
    expect(await client.ping()).toEqual({});
    expect(await server().askOutside("ping")).toEqual([{ answer: {} }]);
  });

  test("changes and updates arrive on the GET stream", async () => {
    const client = await listening();
    await client.subscribe(URIS.readme);
    expect(server().ledger.subscribed).toEqual([URIS.readme]);
    server().toolsChanged();
    server().resourceUpdated(URIS.readme);
    await expect.poll(() => methods(client)).toEqual(["notifications/tools/list_changed", "notifications/resources/updated"]);
    expect(client.notifications[1]?.params).toEqual({ uri: URIS.readme });
    await client.unsubscribe(URIS.readme);
    expect(server().ledger.subscribed).toEqual([]);
  });

  test("an update of a resource that policy denies is dropped, and so is the wish to be told", async () => {
    const client = await listening();
    await expect(client.subscribe(URIS.vault)).rejects.toMatchObject({ code: -31403 });
    expect(server().ledger.subscribed).toEqual([]);
    server().resourceUpdated(URIS.vault);
    server().resourceUpdated(URIS.readme);
    await expect.poll(() => client.notifications.map(({ params }) => params)).toEqual([{ uri: URIS.readme }]);
  });

  test("a session that the client ends is over at the server, and its id is worth nothing any more", async () => {
    const client = await stage.through(pairing);
    const session = client.session() ?? "";
    await client.terminate();
    expect(server().ledger.ended).toEqual([session]);
    expect(client.session()).toBeUndefined();
    const headers = { "Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25" };
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
    expect((await send(stage.gateway.endpoint(pairing.server), { headers, body })).status).toBe(404);
  });
});

describe.each(pairings({ era: "legacy", form: "sse" }))("%s", (_name, pairing) => {
  test("a stream that the server breaks off is resumed, and what is replayed is judged", async () => {
    const client = await stage.through(pairing);
    const result = await client.call("interrupted");
    expect(stage.servers[pairing.server].resumed).toHaveLength(1);
    expect(result.content).toEqual([{ type: "text", text: "write to [EMAIL_1]" }]);
    const records = stage.gateway.records().slice(-3);
    expect(records).toMatchObject([
      { kind: "message", method: "tools/call", phase: "request", effect: "allow" },
      { kind: "transport", method: "GET" },
      { kind: "message", method: "tools/call", phase: "response", effect: "redact" },
    ]);
  });
});

describe.each(pairings({ era: "modern" }))("%s", (_name, pairing) => {
  const server = (): SdkServer => stage.servers[pairing.server];

  test("a subscription tells of changes and updates until it is closed", async () => {
    const client = await stage.through(pairing);
    const filter = { toolsListChanged: true, resourceSubscriptions: [URIS.readme] };
    const subscription = await client.listen(filter);
    expect(subscription.honored).toEqual(filter);
    server().toolsChanged();
    server().resourceUpdated(URIS.contact);
    server().resourceUpdated(URIS.readme);
    await expect.poll(() => methods(client)).toEqual(["notifications/tools/list_changed", "notifications/resources/updated"]);
    expect(client.notifications[1]?.params).toMatchObject({ uri: URIS.readme });
    await subscription.close();
    server().toolsChanged();
    expect((await client.call("echo", { message: "after" })).isError).not.toBe(true);
    expect(client.notifications).toHaveLength(2);
  });

  test("a subscription to a resource that policy denies is refused", async () => {
    const client = await stage.through(pairing);
    const before = server().wire.received.length;
    await expect(client.listen({ resourceSubscriptions: [URIS.vault] })).rejects.toMatchObject({ code: -31403 });
    expect(server().wire.received.length).toBe(before);
  });
});

test.each(["GET", "DELETE"])("a server that refuses a %s does so in its own words", async (method) => {
  // Architecture, "Errors on the wire": a 4xx keeps its status, and a JSON-RPC body is judged and passes.
  const request = { method, headers: { "Mcp-Session-Id": "nobody", "MCP-Protocol-Version": "2025-11-25" } };
  const before = stage.gateway.records().length;
  const direct = await send(stage.servers["v1-sse"].url, request);
  const through = await send(stage.gateway.endpoint("v1-sse"), request);
  expect([through.status, through.body.toString()]).toEqual([direct.status, direct.body.toString()]);
  expect(stage.gateway.records().slice(before)).toMatchObject([
    { kind: "transport", method },
    { kind: "message", effect: "allow" },
  ]);
});
