/**
 * What a server asks of its client (sampling, elicitation, roots), between real SDK peers: refused unless the settings allow it, in both
 * forms the protocol has for it: requests on a stream (legacy) and `input_required` results with their retries (modern). What the client
 * answers leaves for the server and is judged as such.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { AWS_KEY, CUSTOMER, HARMLESS, type Question, type SdkClient, type SdkServer } from "../support/sdk-peer.ts";
import { openStage, PAIRINGS, type Pairing, type Stage } from "../support/sdk-stage.ts";
import { STATE } from "../support/sdk-v2.ts";

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

const KINDS: Question[] = ["sampling", "elicitation", "roots"];
/** Answers that hold something which may not leave for a third party. */
const LEAKING: [Question, string, Record<string, unknown>][] = [
  ["elicitation", AWS_KEY, { action: "accept", content: { color: AWS_KEY } }],
  ["sampling", CUSTOMER.card, { model: "m", role: "assistant", content: { type: "text", text: `It is ${CUSTOMER.card}.` } }],
  ["roots", AWS_KEY, { roots: [{ uri: `file:///home/${AWS_KEY}`, name: "home" }] }],
];

const pairings = (era: Pairing["era"]): [string, Pairing][] =>
  // A server that answers with JSON alone has no stream to ask on during a call.
  Object.entries(PAIRINGS).filter(([, pairing]) => pairing.era === era && (era === "modern" || pairing.form === "sse"));

describe.each(pairings("legacy"))("%s", (_name, pairing) => {
  const server = (): SdkServer => stage.servers[pairing.server];
  const refused = { error: { code: -31403 } };

  test.each(KINDS)("a request for %s during a call is refused: the server is told, the client never asked", async (kind) => {
    await expect.poll(() => server().listeners()).toBe(0);
    const client = await stage.through(pairing);
    await expect.poll(() => server().listeners()).toBe(1);
    const result = await client.call(`ask_${kind}`);
    expect(server().ledger.outcomes).toMatchObject([refused]);
    expect(JSON.parse(result.content[0]?.text ?? "")).toMatchObject(refused);
    expect(client.asked).toEqual([]);
    expect(client.wire.received().join("\n")).not.toContain('"method":"');
  });

  test.each(KINDS)("a request for %s outside of any call is refused on the GET stream as well", async (kind) => {
    await expect.poll(() => server().listeners()).toBe(0);
    const client = await stage.through(pairing);
    await expect.poll(() => server().listeners()).toBe(1);
    expect(await server().askOutside(kind)).toMatchObject([refused]);
    expect(client.asked).toEqual([]);
    expect(await client.ping()).toEqual({});
  });

  test.each(KINDS)("%s works as without Sluice where the settings allow it, on either stream", async (kind) => {
    const direct = await stage.direct(pairing);
    const expected = await direct.call(`ask_${kind}`);
    await direct.close();
    await stage.reset();
    await expect.poll(() => server().listeners()).toBe(0);
    const client = await stage.through(pairing, {}, "open");
    await expect.poll(() => server().listeners()).toBe(1);
    expect(await client.call(`ask_${kind}`)).toEqual(expected);
    expect(await server().askOutside(kind)).toEqual([{ answer: HARMLESS[kind] }]);
    expect(client.asked).toEqual([kind, kind]);
  });

  test.each(LEAKING)(
    "a client's answer to %s that leaks is kept back: the server gets an error in its place",
    async (kind, leak, answer) => {
      // A server may ask on either stream: what it asks before its client listens is lost.
      await expect.poll(() => server().listeners()).toBe(0);
      const client = await stage.through(pairing, { answers: { [kind]: answer } }, "open");
      await expect.poll(() => server().listeners()).toBe(1);
      const result = await client.call(`ask_${kind}`);
      expect(client.asked).toEqual([kind]);
      expect(server().ledger.outcomes).toMatchObject([refused]);
      expect(JSON.parse(result.content[0]?.text ?? "")).toMatchObject(refused);
      expect(client.wire.sent.join("\n")).toContain(leak);
      expect(server().wire.received.join("\n")).not.toContain(leak);
    },
  );
});

describe.each(pairings("modern"))("%s", (_name, pairing) => {
  const server = (): SdkServer => stage.servers[pairing.server];
  const expectBlocked = (result: Awaited<ReturnType<SdkClient["call"]>>, rule: RegExp): void => {
    expect(result.isError).toBe(true);
    expect(result.content[0]?.text).toMatch(rule);
  };

  test.each(KINDS)("a result that asks for %s is replaced: the client's handler never runs", async (kind) => {
    const client = await stage.through(pairing);
    expectBlocked(await client.call(`ask_${kind}`), new RegExp(`server_initiated/${kind}`));
    expect(server().ledger.ran).toEqual([`ask_${kind}`]);
    expect(client.asked).toEqual([]);
    expect(client.wire.received().join("\n")).not.toContain("inputRequests");
  });

  test.each(KINDS)("%s works as without Sluice where the settings allow it, with the server's state unchanged", async (kind) => {
    const direct = await stage.direct(pairing);
    const expected = await direct.call(`ask_${kind}`);
    await stage.reset();
    const client = await stage.through(pairing, {}, "open");
    expect(await client.call(`ask_${kind}`)).toEqual(expected);
    expect(client.asked).toEqual([kind]);
    expect(server().ledger.ran).toEqual([`ask_${kind}`, `ask_${kind}`]);
    expect(server().ledger.outcomes).toEqual([{ answer: HARMLESS[kind] }]);
    expect(server().ledger.states).toEqual([STATE]);
  });

  test.each(LEAKING)("a retry whose answer to %s leaks is blocked: the server never sees it", async (kind, leak, answer) => {
    const client = await stage.through(pairing, { answers: { [kind]: answer } }, "open");
    expectBlocked(await client.call(`ask_${kind}`), kind === "sampling" ? /pii\/denied/ : /secrets\/leaving/);
    expect(client.asked).toEqual([kind]);
    expect(server().ledger.ran).toEqual([`ask_${kind}`]);
    expect(client.wire.sent.join("\n")).toContain(leak);
    expect(server().wire.received.join("\n")).not.toContain(leak);
  });
});
