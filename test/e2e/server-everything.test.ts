/** A real third-party server, unmodified, and clients of both SDK generations: what is allowed is as without Sluice, the rest is not. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Everything, runTask, startEverything } from "../support/everything.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { AWS_KEY, type ClientSettings, CUSTOMER, type SdkClient } from "../support/sdk-peer.ts";
import { connectV1 } from "../support/sdk-v1.ts";
import { connectV2 } from "../support/sdk-v2.ts";

let everything: Everything;
let gateway: TestGateway;
let clients: SdkClient[] = [];

beforeAll(async () => {
  everything = await startEverything();
  const entry = `url: "${everything.url}", trust: third_party`;
  gateway = await openGateway(`servers:
  strict: {${entry}, settings: {protocol_and_identity: {deny_tools: [get-env]}}}
  open: {${entry}, settings: {server_initiated: {sampling: allow, elicitation: allow, roots: allow}}}
`);
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  clients = [];
});
afterAll(async () => {
  await gateway.close();
  await everything.stop();
});

const GENERATIONS: [string, (url: string, settings?: ClientSettings) => Promise<SdkClient>][] = [
  ["v1", connectV1],
  ["v2", (url, settings) => connectV2(url, "auto", settings)],
];

describe.each(GENERATIONS)("a client of SDK %s", (_name, connectTo) => {
  const connect = async (entry: "strict" | "open" | "direct", settings?: ClientSettings): Promise<SdkClient> => {
    const client = await connectTo(entry === "direct" ? everything.url : gateway.endpoint(entry), settings);
    clients.push(client);
    return client;
  };
  const both = (): Promise<[SdkClient, SdkClient]> => Promise.all([connect("strict"), connect("direct")]);

  test("sees the same server, without the tool that policy denies", async () => {
    const [client, direct] = await both();
    expect(client.sdk.getServerVersion()).toEqual(direct.sdk.getServerVersion());
    expect(client.sdk.getServerCapabilities()).toEqual(direct.sdk.getServerCapabilities());
    expect(client.sdk.getInstructions()).toEqual(direct.sdk.getInstructions());
    const all = await direct.sdk.listTools();
    expect(all.tools.map((tool) => tool.name)).toContain("get-env");
    expect(await client.sdk.listTools()).toEqual({ ...all, tools: all.tools.filter((tool) => tool.name !== "get-env") });
    expect(await client.sdk.listPrompts()).toEqual(await direct.sdk.listPrompts());
    expect(await client.sdk.listResources()).toEqual(await direct.sdk.listResources());
    expect(await client.sdk.listResourceTemplates()).toEqual(await direct.sdk.listResourceTemplates());
  });

  test.each([
    ["echo", { message: "hello \u{1F44B}" }],
    ["get-sum", { a: 0.1, b: 9007199254740991 }],
    ["get-structured-content", { location: "Chicago" }],
    ["get-tiny-image", {}],
    ["get-annotated-message", { messageType: "error", includeImage: true }],
    ["get-resource-links", { count: 3 }],
    ["get-sum", { a: "not a number" }],
  ])("%s %j gives what a direct call gives", async (tool, args) => {
    const [client, direct] = await both();
    await client.sdk.listTools();
    expect(await client.call(tool, args)).toEqual(await direct.call(tool, args));
  });

  test("reads every document, gets prompts and completions as they are", async () => {
    const [client, direct] = await both();
    const { resources } = await direct.sdk.listResources();
    expect(resources.length).toBeGreaterThan(3);
    for (const { uri } of resources) expect(await client.sdk.readResource({ uri })).toEqual(await direct.sdk.readResource({ uri }));
    for (const params of [{ name: "simple-prompt" }, { name: "args-prompt", arguments: { city: "Oslo", state: "N" } }])
      expect(await client.sdk.getPrompt(params)).toEqual(await direct.sdk.getPrompt(params));
    const completion = { ref: { type: "ref/prompt", name: "completable-prompt" }, argument: { name: "department", value: "S" } } as const;
    const completed = await client.sdk.complete(completion);
    expect(completed).toEqual(await direct.sdk.complete(completion));
    expect(completed).toMatchObject({ completion: { values: ["Sales", "Support"] } });
  });

  test("get-env cannot be called, an AWS key cannot leave, and neither leaves more than a decision", async () => {
    const client = await connect("strict");
    const before = gateway.records().length;
    for (const result of [await client.call("get-env"), await client.call("echo", { message: AWS_KEY })]) {
      expect(result.isError).toBe(true);
      expect(result.content).toEqual([{ type: "text", text: expect.stringMatching(/Blocked by policy\. Rule: /) }]);
    }
    const calls = gateway
      .records()
      .slice(before)
      .filter((record) => record.method === "tools/call");
    expect(calls).toMatchObject([
      { phase: "request", effect: "deny", rules: [{ id: expect.stringMatching(/^protocol_and_identity\//) }], bytes_out: 0 },
      {
        phase: "request",
        effect: "deny",
        rules: expect.arrayContaining([expect.objectContaining({ id: "secrets/leaving" })]),
        bytes_out: 0,
      },
    ]);
  });

  test("an e-mail that the server echoes comes back redacted", async () => {
    const client = await connect("strict");
    expect((await client.call("echo", { message: CUSTOMER.email })).content).toEqual([{ type: "text", text: "Echo: [EMAIL_1]" }]);
  });

  test("progress arrives step by step, before the result", async () => {
    const client = await connect("strict");
    const order: string[] = [];
    const operation = { duration: 0.3, steps: 3 };
    await client.call("trigger-long-running-operation", operation, { onprogress: ({ progress }) => order.push(String(progress)) });
    order.push("result");
    expect(order).toEqual(["1", "2", "3", "result"]);
  });

  test("an update of a subscribed resource arrives", async () => {
    const client = await connect("strict");
    const uri = "demo://resource/dynamic/text/7";
    await client.subscribe(uri);
    await client.call("toggle-subscriber-updates");
    await expect
      .poll(() => client.notifications)
      .toContainEqual(expect.objectContaining({ method: "notifications/resources/updated", params: { uri } }));
    await client.call("toggle-subscriber-updates");
  });

  test("its questions are refused by default: its tools say so, the client is never asked", async () => {
    const client = await connect("strict");
    for (const tool of ["trigger-sampling-request", "trigger-elicitation-request"]) {
      const result = await client.call(tool, { prompt: "hello" });
      expect(result.isError).toBe(true);
      expect(JSON.stringify(result.content)).toContain("-31403");
    }
    // It asks for roots by itself, a moment after it was initialized.
    await expect
      .poll(() => gateway.records().filter((record) => record.method === "roots/list" && record.effect === "deny").length)
      .toBeGreaterThan(0);
    expect(client.asked).toEqual([]);
  });

  test("its questions are answered where the settings allow it, unless the answer leaks", async () => {
    const leaking = { action: "accept", content: { name: "A", firstLine: CUSTOMER.card } };
    const client = await connect("open", { answers: { elicitation: leaking } });
    const sampled = await client.call("trigger-sampling-request", { prompt: "hello" });
    expect(JSON.stringify(sampled.content)).toContain("the model's words");
    const refused = await client.call("trigger-elicitation-request");
    expect(refused.isError).toBe(true);
    expect(JSON.stringify(refused.content)).toContain("-31403");
    await expect.poll(() => client.asked.toSorted()).toEqual(["elicitation", "roots", "sampling"]);
    const rooted = await client.call("get-roots-list");
    expect(JSON.stringify(rooted.content)).toContain("file:///project");
  });
});

test("a task runs to its result; a question in the middle of it is refused, or asked where the settings allow it", async () => {
  const args = { topic: "python", ambiguous: true };
  const [refused, asked, direct] = await Promise.all(
    [gateway.endpoint("strict"), gateway.endpoint("open"), everything.url].map((url) => runTask(url, "simulate-research-query", args)),
  );
  expect(asked).toEqual(direct);
  expect(asked?.asked).toBe(1);
  expect(asked?.steps.at(-1)).toBe("result");
  expect(refused?.asked).toBe(0);
  expect(refused?.steps.at(-1)).toBe("result");
  expect(refused?.text).toContain("elicitation unavailable");
});

test("one record per message, in a session where nothing is kept back", async () => {
  const before = gateway.records().length;
  const client = await connectV1(gateway.endpoint("open"));
  await client.sdk.listPrompts();
  await client.call("trigger-sampling-request", { prompt: "hello" });
  await client.call("trigger-long-running-operation", { duration: 0.1, steps: 2 }, { onprogress: () => undefined });
  await expect.poll(() => client.asked.toSorted()).toEqual(["roots", "sampling"]);
  await expect.poll(() => JSON.stringify(client.notifications)).toContain("Roots updated");
  await client.ping();
  await client.terminate();
  await client.close();
  const messages = gateway
    .records()
    .slice(before)
    .filter((record) => record.kind === "message");
  expect(messages.filter((record) => record.direction === "client_to_server")).toHaveLength(client.wire.sent.length);
  expect(messages.filter((record) => record.direction === "server_to_client")).toHaveLength(client.wire.received().length);
});
