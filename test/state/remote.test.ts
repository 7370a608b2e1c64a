/** Several workers, one store: whatever one of them said, the others know; what cannot be asked fails, and in time. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Fault } from "../../src/errors.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import { RemoteStore, serveStore } from "../../src/state/remote.ts";
import type { Scope } from "../../src/state/store.ts";
import { channelPair, forkStore, type StoreProcess } from "./channels.ts";

const ASKED: Scope = { direction: "server_to_client", server: "crm", principal: "alice", session: "s" };
const QUESTION = { method: "roots/list", body: Buffer.from('{"id":1}') };

describe("two worker processes with the supervisor's store", () => {
  const clock = { now: 0 };
  let store: MemoryStore;
  let workers: [StoreProcess, StoreProcess];

  beforeEach(() => {
    clock.now = 0;
    store = new MemoryStore(() => clock.now);
    workers = [forkStore("remote"), forkStore("remote")];
    for (const { channel } of workers) serveStore(store, channel);
  });
  afterEach(async () => {
    for (const worker of workers) await worker.end();
  });

  it("take an answer once, though it comes to both at the same moment", async () => {
    const [one, other] = workers;
    for (let id = 1; id <= 20; id += 1) {
      await one.call("remember", ASKED, `${id}`, QUESTION);
      const taken = await Promise.all([one.call("settle", ASKED, `${id}`), other.call("settle", ASKED, `${id}`)]);
      expect(taken.filter((found) => found !== undefined)).toEqual([QUESTION]);
    }
  });

  it("know the owner, the labels, the definitions and the requests of each other's", async () => {
    const [one, other] = workers;
    expect(await one.call("sessionOwner", "crm", "s", "alice")).toBe("alice");
    expect(await other.call("sessionOwner", "crm", "s", "mallory")).toBe("alice");
    await one.call("addLabels", "flow", ["pii"]);
    await one.call("define", "crm", new Map([["tool\nget", "{}"]]));
    expect(await other.call("facts", "flow", { catalogue: "crm", key: "tool\nget" })).toEqual({
      labels: ["pii"],
      counters: {},
      definition: "{}",
    });
    const sent: Scope = { ...ASKED, direction: "client_to_server" };
    await one.call("remember", sent, "1", { method: "tools/list", body: Buffer.from("list") });
    expect(await other.call("recall", sent, "1")).toEqual({ method: "tools/list", body: Buffer.from("list") });
    await other.call("remember", sent, "1", { method: "ping", body: Buffer.from("ping") });
    expect(await one.call("recall", sent, "1")).toBeUndefined();
    await one.call("remember", sent, "2", { method: "ping", body: Buffer.from("ping") });
    await other.call("forget", sent, "2");
    expect(await one.call("recall", sent, "2")).toBeUndefined();
    await other.call("endSession", "crm", "s");
    expect(await one.call("sessionOwner", "crm", "s", "bob")).toBe("bob");
  });

  it("number values together", async () => {
    const numbers = await Promise.all(
      Array.from({ length: 30 }, (_, at) => workers[at % 2 === 0 ? 0 : 1].call("ordinals", "flow", [{ label: "EMAIL", digest: `${at}` }])),
    );
    expect(new Set(numbers.flat()).size).toBe(30);
  });

  // performance.now() begins with its process: compared with another's, a younger worker would wait, or refill, for ages.
  it("draw on one bucket, whose refill is measured by one clock, however old they are", async () => {
    const limit = { key: "calls", cost: 1, per_s: 1, max: 10 };
    const granted = async (wanted: number): Promise<number> => {
      const outcomes = await Promise.all(
        Array.from({ length: wanted }, (_, at) => workers[at % 2 === 0 ? 0 : 1].call("consume", [limit], "flow")),
      );
      return outcomes.filter((outcome) => (outcome as { granted: boolean }).granted).length;
    };
    expect(await granted(30)).toBe(10);
    await workers[1].end();
    workers[1] = forkStore("remote");
    serveStore(store, workers[1].channel);
    expect(await granted(4)).toBe(0);
    clock.now += 3_000;
    expect(await granted(30)).toBe(3);
    expect(await workers[1].call("facts", "flow")).toMatchObject({ counters: { calls: 10 } });
  });

  it("do not suffer from one that dies", async () => {
    const [one, other] = workers;
    await one.call("addLabels", "flow", ["pii"]);
    await one.end();
    expect(await other.call("facts", "flow")).toMatchObject({ labels: ["pii"] });
  });

  it("are told of a refusal, which is their own", async () => {
    expect(
      await workers[0].call(
        "addLabels",
        "flow",
        Array.from({ length: 300 }, (_, at) => `${at}`),
      ),
    ).toBe("failed: ERR_STATE");
    expect(await workers[0].call("facts", "flow")).toMatchObject({ labels: [] });
  });
});

describe("a remote store", () => {
  const code = (fault: unknown): unknown => (fault instanceof Fault ? fault.failure.code : fault);

  it("says what one turn asks as one message, and is answered with one", async () => {
    const { worker, supervisor, sent } = channelPair();
    serveStore(new MemoryStore(() => 0), supervisor);
    const remote = new RemoteStore(worker);
    await Promise.all([remote.facts("a"), remote.facts("b"), remote.addLabels("c", ["x"])]);
    expect([sent.worker.length, sent.supervisor.length]).toEqual([1, 1]);
  });

  it("fails what is not answered in time, and goes on", async () => {
    const { worker, supervisor } = channelPair();
    const remote = new RemoteStore(worker, 50);
    const unanswered = [Promise.resolve(remote.facts("a")), remote.sessionOwner("crm", "s", "alice")];
    expect((await Promise.allSettled(unanswered)).map((one) => one.status === "rejected" && code(one.reason))).toEqual([
      "ERR_STATE",
      "ERR_STATE",
    ]);
    serveStore(new MemoryStore(() => 0), supervisor);
    expect(await remote.sessionOwner("crm", "s", "alice")).toBe("alice");
  });

  it("fails at once when the supervisor is gone", async () => {
    const { worker, cut } = channelPair();
    const remote = new RemoteStore(worker, 60_000);
    cut();
    expect(await Promise.resolve(remote.facts("a")).catch(code)).toBe("ERR_STATE");
  });

  it("is not misled by what is no answer to it", async () => {
    const { worker, supervisor } = channelPair();
    const remote = new RemoteStore(worker);
    const facts = remote.facts("a");
    for (const results of [undefined, 7, [null], [7], [[]], [["1", "done", {}]], [[99, "done", {}]]])
      await supervisor.send({ kind: "stored", results });
    await supervisor.send({ kind: "policy", results: [[1, "done", {}]] });
    serveStore(new MemoryStore(() => 0), supervisor);
    await supervisor.send({ kind: "stored", results: [[1, "done", { labels: [], counters: {}, definition: undefined }]] });
    expect(await facts).toEqual({ labels: [], counters: {}, definition: undefined });
  });
});

describe("a served store", () => {
  const LIMIT = { key: "k", cost: 1, per_s: 1, max: 1 };
  it.each([
    ["no message", [undefined, null, 7, "store", [], { kind: "store" }, { kind: "store", calls: 1 }]],
    ["no call", [{ kind: "store", calls: [null, 7, "x", {}, [], ["1", "facts", ["a"]], [Number.NaN]] }]],
    [
      "no method",
      ["x", "constructor", "toString", "__proto__", 7, undefined].map((method) => ({ kind: "store", calls: [[1, method, []]] })),
    ],
    [
      "no arguments of the method",
      [
        ["facts", [7]],
        ["facts", ["flow", { catalogue: 1 }]],
        ["consume", [[{ ...LIMIT, cost: "1" }]]],
        ["consume", [{ length: 1 }]],
        ["addLabels", ["flow", [7]]],
        ["ordinals", ["flow", [{ label: "EMAIL" }]]],
        ["sessionOwner", ["crm", "s", undefined]],
        ["endSession", [{}, "s"]],
        ["remember", [{ ...ASKED, direction: "up" }, "1", QUESTION]],
        ["remember", [ASKED, "1", { method: "ping", body: "text" }]],
        ["recall", [null, "1"]],
        ["settle", [ASKED]],
        ["forget", [ASKED]],
        ["define", ["crm", { tool: "{}" }]],
        ["define", ["crm", new Map([["tool", 7]])]],
      ].map(([method, args]) => ({ kind: "store", calls: [[1, method, args]] })),
    ],
  ])("stands %s", async (_name, messages) => {
    const { worker, supervisor, sent } = channelPair();
    serveStore(new MemoryStore(() => 0), supervisor);
    const remote = new RemoteStore(worker);
    await remote.sessionOwner("crm", "s", "alice");
    for (const message of messages as object[]) await worker.send(message);
    expect(await remote.sessionOwner("crm", "s", "mallory")).toBe("alice");
    expect(await remote.facts("flow")).toEqual({ labels: [], counters: {}, definition: undefined });
    const done = sent.supervisor
      .flatMap((message) => (message as { results: unknown[][] }).results)
      .filter(([, outcome]) => outcome === "done");
    expect(done).toHaveLength(3);
  });

  it("bounds what one worker has under way", async () => {
    const { worker, supervisor, sent } = channelPair();
    const never = new MemoryStore(() => 0);
    never.facts = () => new Promise(() => undefined);
    serveStore(never, supervisor);
    await worker.send({ kind: "store", calls: Array.from({ length: 20_010 }, (_, id) => [id, "facts", ["flow"]]) });
    await expect.poll(() => sent.supervisor.length).toBe(1);
    expect((sent.supervisor[0] as { results: unknown[] }).results).toHaveLength(10);
  });
});
