/**
 * Real SDK clients and servers of both generations and eras, in both answer forms, through a real gateway: what policy allows is the
 * same as without Sluice; what it hides, blocks or redacts is so in every pairing.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { AWS_KEY, CUSTOMER, INSTRUCTIONS, README, type SdkClient, type SdkServer, SERVER_INFO, URIS } from "../support/sdk-peer.ts";
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

describe.each(Object.entries(PAIRINGS))("%s", (_name, pairing: Pairing) => {
  const server = (): SdkServer => stage.servers[pairing.server];
  const connect = (): Promise<SdkClient> => stage.through(pairing);
  const both = (): Promise<[SdkClient, SdkClient]> => Promise.all([stage.through(pairing), stage.direct(pairing)]);

  test("connects in its era and learns the same about the server", async () => {
    const [client, direct] = await both();
    expect(client.era).toBe(pairing.era);
    expect(client.revision).toBe(pairing.era === "modern" ? "2026-07-28" : "2025-11-25");
    expect(client.revision).toBe(direct.revision);
    expect(client.sdk.getServerVersion()).toEqual(SERVER_INFO);
    expect(client.sdk.getInstructions()).toBe(INSTRUCTIONS);
    expect(client.sdk.getServerCapabilities()).toEqual(direct.sdk.getServerCapabilities());
  });

  test("lists everything but what policy denies, unchanged", async () => {
    const [client, direct] = await both();
    const tools = await direct.sdk.listTools();
    expect(tools.tools.map((tool) => tool.name)).toContain("hidden");
    expect(await client.sdk.listTools()).toEqual({ ...tools, tools: tools.tools.filter((tool) => tool.name !== "hidden") });
    const prompts = await direct.sdk.listPrompts();
    expect(prompts.prompts).toHaveLength(3);
    expect(await client.sdk.listPrompts()).toEqual({ ...prompts, prompts: prompts.prompts.filter((prompt) => prompt.name !== "spell") });
    const resources = await direct.sdk.listResources();
    expect(resources.resources).toHaveLength(3);
    expect(await client.sdk.listResources()).toEqual({
      ...resources,
      resources: resources.resources.filter((resource) => resource.uri !== URIS.vault),
    });
    const templates = await direct.sdk.listResourceTemplates();
    expect(templates.resourceTemplates).toHaveLength(1);
    expect(await client.sdk.listResourceTemplates()).toEqual(templates);
  });

  test("an allowed call gives what a direct one gives", async () => {
    const [client, direct] = await both();
    const args = { message: "hello 9007199254740993 \u{1F600} \\/ \u2028" };
    const result = await client.call("echo", args);
    expect(result).toEqual(await direct.call("echo", args));
    expect(result.content).toEqual([{ type: "text", text: `Echo: ${args.message}` }]);
  });

  test("a hidden tool, prompt or resource cannot be used either, and the server never hears of it", async () => {
    const client = await connect();
    const before = server().wire.received.length;
    const result = await client.call("hidden");
    expect(result.isError).toBe(true);
    expect(result.content[0]?.text).toMatch(/Blocked by policy\. Rule: protocol_and_identity\/\w+\. Decision: [\w-]+\.$/);
    await expect(client.sdk.getPrompt({ name: "spell" })).rejects.toMatchObject({ code: -31403 });
    await expect(client.sdk.readResource({ uri: URIS.vault })).rejects.toMatchObject({ code: -31403 });
    expect(server().ledger.ran).toEqual([]);
    expect(server().wire.received.length).toBe(before);
  });

  test("a call with an AWS key in it is blocked, and not a byte of it reaches the server", async () => {
    const client = await connect();
    const result = await client.call("echo", { message: `deploy with ${AWS_KEY}` });
    expect(result.isError).toBe(true);
    expect(result.content[0]?.text).toContain("secrets/leaving");
    expect(server().ledger.ran).toEqual([]);
    expect(server().wire.received.join("\n")).not.toContain(AWS_KEY);
    expect((await client.call("echo", { message: "still here" })).isError).not.toBe(true);
  });

  test("personal data in a result is redacted in text, in JSON inside text and in structuredContent, which still validates", async () => {
    const [client, direct] = await both();
    expect(JSON.stringify(await direct.call("customer"))).toContain(CUSTOMER.email);
    // The list gives the client the output schema that it validates the result against.
    await client.sdk.listTools();
    const redacted = { ...CUSTOMER, email: "[EMAIL_1]", card: "[CARD_1]" };
    const result = await client.call("customer");
    expect(result.isError).not.toBe(true);
    expect(result.content.map((block) => block.text)).toEqual([
      `${CUSTOMER.name} ([EMAIL_1]) pays with [CARD_1].`,
      JSON.stringify(redacted),
    ]);
    expect(result.structuredContent).toEqual(redacted);
    expect(client.wire.received().join("\n")).not.toMatch(/ada@|4111/);
  });

  test("resources, templates, prompts and completions are what they are without Sluice", async () => {
    const [client, direct] = await both();
    const read = await client.sdk.readResource({ uri: URIS.readme });
    expect(read).toEqual(await direct.sdk.readResource({ uri: URIS.readme }));
    expect(JSON.stringify(read)).toContain(README);
    const room = { uri: "house://rooms/attic" };
    expect(await client.sdk.readResource(room)).toEqual(await direct.sdk.readResource(room));
    const greet = { name: "greet", arguments: { room: "library" } };
    expect(await client.sdk.getPrompt(greet)).toEqual(await direct.sdk.getPrompt(greet));
    for (const ref of [
      { type: "ref/prompt", name: "greet" },
      { type: "ref/resource", uri: URIS.rooms },
    ] as const) {
      const params = { ref, argument: { name: "room", value: "l" } };
      const completed = await client.sdk.complete(params);
      expect(completed).toEqual(await direct.sdk.complete(params));
      expect(completed).toMatchObject({ completion: { values: ["library", "larder"] } });
    }
  });

  test("personal data in a resource and in a prompt is redacted", async () => {
    const client = await connect();
    expect(await client.sdk.readResource({ uri: URIS.contact })).toMatchObject({ contents: [{ text: "Ask [EMAIL_1]." }] });
    expect(await client.sdk.getPrompt({ name: "invoice" })).toMatchObject({ messages: [{ content: { text: "Charge [CARD_1]." } }] });
  });

  test("an error of the server arrives as it is", async () => {
    const [client, direct] = await both();
    const fault = async (from: SdkClient): Promise<object> => {
      const error: unknown = await from.sdk.getPrompt({ name: "nobody" }).catch((thrown: unknown) => thrown);
      return { name: (error as Error).name, message: (error as Error).message, code: Reflect.get(error as Error, "code") };
    };
    const through = await fault(client);
    expect(through).toEqual(await fault(direct));
    expect(through).toMatchObject({ code: -32602 });
  });

  test("a call that the client cancels is cancelled at the server", async () => {
    const client = await connect();
    const cancel = new AbortController();
    const calling = client.call("endless", {}, { signal: cancel.signal }).catch((fault: unknown) => fault);
    await expect.poll(() => server().ledger.ran).toEqual(["endless"]);
    cancel.abort("enough");
    expect(await calling).toBeInstanceOf(Error);
    await expect.poll(() => server().ledger.aborted).toBe(1);
  });
});

describe.each(Object.entries(PAIRINGS).filter(([, { era }]) => era === "modern"))("%s", (_name, pairing: Pairing) => {
  test("an argument that the client mirrors in a header reaches the server in both places", async () => {
    const client = await stage.through(pairing);
    // The list tells the client which argument to mirror.
    await client.sdk.listTools();
    expect((await client.call("region", { region: "eu-north" })).content).toEqual([{ type: "text", text: "eu-north by eu-north" }]);
  });
});
