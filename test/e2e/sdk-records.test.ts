/**
 * Invariant 3 with real SDK peers: over a whole session there is one record for every message that a client POSTed and one for every
 * message that a server put on the wire, and no other.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import { AWS_KEY, CUSTOMER, type SdkClient, type SdkServer, URIS } from "../support/sdk-peer.ts";
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

/** What a client does in a day: allowed, denied, redacted, asked and answered, in both directions. */
async function script(client: SdkClient, server: SdkServer, pairing: Pairing): Promise<void> {
  const { sdk } = client;
  if (pairing.era === "legacy") await expect.poll(() => server.listeners()).toBe(1);
  await sdk.listTools();
  await sdk.listPrompts();
  await sdk.listResources();
  await sdk.listResourceTemplates();
  await client.call("echo", { message: "hello" });
  await client.call("echo", { message: AWS_KEY });
  await client.call("customer");
  await sdk.readResource({ uri: URIS.contact });
  await sdk.getPrompt({ name: "invoice" });
  await sdk.getPrompt({ name: "nobody" }).catch(() => undefined);
  if (pairing.form === "sse") {
    await client.call("wait", {}, { onprogress: () => server.ledger.release() });
    await client.call("ask_elicitation");
    await client.call("ask_sampling");
  }
  if (pairing.era === "modern") {
    const subscription = await client.listen({ toolsListChanged: true });
    server.toolsChanged();
    await expect.poll(() => client.notifications.length).toBe(1);
    await subscription.close();
    return;
  }
  await client.ping();
  await client.setLoggingLevel("debug");
  await client.call("log");
  await client.subscribe(URIS.readme);
  server.resourceUpdated(URIS.readme);
  server.resourceUpdated(URIS.vault);
  await server.askOutside("ping");
  await server.askOutside("roots");
  if (pairing.form === "sse") await client.call("interrupted");
  await client.terminate();
}

test.each(
  Object.entries(PAIRINGS).flatMap(([name, pairing]) => (["strict", "open"] as const).map((entry) => [name, entry, pairing] as const)),
)("%s, %s: one record per message", async (_name, entry, pairing) => {
  const server = stage.servers[pairing.server];
  await expect.poll(() => server.listeners()).toBe(0);
  const before = { records: stage.gateway.records().length, received: server.wire.received.length, sent: server.wire.sent().length };
  // In the open entry the client's answer to the elicitation is one that may not leave.
  const client = await stage.through(pairing, { answers: { elicitation: { action: "accept", content: { color: CUSTOMER.card } } } }, entry);
  await script(client, server, pairing);
  await client.close();
  await expect.poll(() => server.listeners()).toBe(0);

  // What a server says to a client that has just left is recorded a moment later.
  const fresh = (): AuditRecord[] => stage.gateway.records().slice(before.records);
  const messages = (direction: AuditRecord["direction"]): AuditRecord[] =>
    fresh().filter((record) => record.kind === "message" && record.direction === direction);
  await expect.poll(() => messages("client_to_server").length).toBe(client.wire.sent.length);
  await expect.poll(() => messages("server_to_client").length).toBe(server.wire.sent().length - before.sent);
  const records = fresh();
  const fromClient = messages("client_to_server");
  const forwarded = server.wire.received.slice(before.received);
  expect(new Set(records.map((record) => record.decision_id)).size).toBe(records.length);

  // Of the client's messages the server got those that were not kept back; of Sluice's own it got the refusals of its questions.
  const passed = fromClient.filter((record) => record.effect !== "deny" && record.effect !== "error");
  expect(passed.length).toBeLessThan(fromClient.length);
  const refusals = forwarded.filter((body) => body.includes('"code":-31403'));
  expect(forwarded.length - refusals.length).toBe(passed.length);
  expect(records.filter((record) => record.kind === "refused")).toEqual([]);
});
