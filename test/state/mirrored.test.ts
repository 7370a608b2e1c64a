/** One worker's state outlives it: what protects was handed over before anything that depends on it could pass. */
import { afterEach, describe, expect, it } from "vitest";
import { Fault } from "../../src/errors.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import { MirroredStore, Replica } from "../../src/state/mirrored.ts";
import type { Scope } from "../../src/state/store.ts";
import type { Channel } from "../../src/workers/channel.ts";
import { channelPair, forkStore, type StoreProcess } from "./channels.ts";

const ASKED: Scope = { direction: "server_to_client", server: "crm", principal: "alice", session: "s" };
const QUESTION = { method: "roots/list", body: Buffer.from('{"id":1}') };
const ONCE = { key: "once", cost: 1, per_s: 0, max: 1 };

describe("worker processes that follow each other", () => {
  const workers: StoreProcess[] = [];
  const open = (replica: Replica): StoreProcess & { detach: () => void } => {
    const worker = forkStore("mirrored");
    workers.push(worker);
    return { ...worker, detach: replica.attach(worker.channel) };
  };
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.end();
  });

  it("know what the killed one knew", async () => {
    const replica = new Replica(() => performance.now());
    const first = open(replica);
    await first.call("sessionOwner", "crm", "s", "alice");
    await first.call("sessionOwner", "crm", "ended", "alice");
    await first.call("endSession", "crm", "ended");
    await first.call("addLabels", "flow", ["pii"]);
    await first.call("consume", [ONCE], "flow");
    await first.call("ordinals", "flow", [{ label: "EMAIL", digest: "a" }]);
    await first.call("define", "crm", new Map([["tool\nget", "{}"]]));
    await first.call("remember", ASKED, "1", QUESTION);
    await first.call("remember", ASKED, "2", QUESTION);
    await first.call("settle", ASKED, "2");
    await first.end();
    first.detach();

    const second = open(replica);
    expect(await second.call("sessionOwner", "crm", "s", "mallory")).toBe("alice");
    expect(await second.call("sessionOwner", "crm", "ended", "bob")).toBe("bob");
    expect(await second.call("facts", "flow", { catalogue: "crm", key: "tool\nget" })).toEqual({
      labels: ["pii"],
      counters: { once: 1 },
      definition: "{}",
    });
    expect(await second.call("consume", [ONCE], "flow")).toMatchObject({ granted: false });
    expect(
      await second.call(
        "ordinals",
        "flow",
        ["b", "a"].map((digest) => ({ label: "EMAIL", digest })),
      ),
    ).toEqual([2, 1]);
    expect(await second.call("settle", ASKED, "1")).toEqual(QUESTION);
    expect(await second.call("settle", ASKED, "2")).toBeUndefined();
  });

  it("lose nothing to a kill that comes in the moment in which a message was let pass", async () => {
    const replica = new Replica(() => performance.now());
    const labels = ["label-1", "label-2", "label-3"];
    for (const label of labels) {
      const worker = open(replica);
      await worker.last("addLabels", "flow", [label]);
      worker.detach();
    }
    const next = open(replica);
    await expect.poll(() => next.call("facts", "flow")).toMatchObject({ labels });
  });

  it("hear of each other while both serve", async () => {
    const replica = new Replica(() => performance.now());
    const [stuck, fresh] = [open(replica), open(replica)];
    await fresh.call("facts", "flow");
    await stuck.call("addLabels", "flow", ["pii"]);
    await fresh.call("consume", [{ ...ONCE, max: 2 }], "flow");
    await stuck.call("consume", [{ ...ONCE, max: 2 }], "flow");
    await expect.poll(() => fresh.call("facts", "flow")).toMatchObject({ labels: ["pii"], counters: { once: 2 } });
    expect(await fresh.call("consume", [{ ...ONCE, max: 2 }], "flow")).toMatchObject({ granted: false });
  });
});

describe("a mirrored store", () => {
  const code = (fault: unknown): unknown => (fault instanceof Fault ? fault.failure.code : fault);
  const mirrored = (channel: Channel, ms?: number): MirroredStore => new MirroredStore(new MemoryStore(() => 0), channel, ms);

  it("tells a turn's changes as one message, and nothing that was known", async () => {
    const { worker, sent } = channelPair();
    const store = mirrored(worker);
    await Promise.all([store.addLabels("a", ["x"]), store.addLabels("b", ["x"]), store.consume([ONCE], "a")]);
    expect(sent.worker.slice(1)).toMatchObject([
      { kind: "mirror", notes: [{ note: "labels" }, { note: "labels" }, { note: "taken" }, {}] },
    ]);
    await store.addLabels("a", ["x"]);
    await store.remember({ ...ASKED, direction: "client_to_server" }, "1", QUESTION);
    await store.consume([ONCE], "a");
    expect(sent.worker).toHaveLength(2);
  });

  it("lets nothing pass before what was told is handed over, also what another message told", async () => {
    let handOver = (): void => undefined;
    const store = mirrored({ take: () => undefined, send: () => new Promise((resolve) => (handOver = resolve)) });
    const passed: string[] = [];
    const all = Promise.all([
      store.addLabels("flow", ["pii"]).then(() => passed.push("new")),
      store.addLabels("flow", ["pii"]).then(() => passed.push("known")),
      Promise.resolve(store.facts("flow")).then(() => passed.push("read")),
    ]);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(passed).toEqual([]);
    handOver();
    await all;
    expect(passed).toHaveLength(3);
  });

  it("denies when the supervisor does not take what is told", async () => {
    const store = mirrored({ take: () => undefined, send: () => new Promise(() => undefined) }, 50);
    expect(await store.addLabels("flow", ["pii"]).catch(code)).toBe("ERR_STATE");
    expect(await store.addLabels("flow", ["pii"]).catch(code)).toBe("ERR_STATE");
  });

  it("denies from the first change on that cannot be told, also what changes nothing", async () => {
    const { worker, cut } = channelPair();
    const store = mirrored(worker);
    await store.addLabels("flow", ["pii"]);
    cut();
    expect(await store.addLabels("flow", ["pii"]).catch(code)).toBeUndefined();
    expect(await store.addLabels("flow", ["secret"]).catch(code)).toBe("ERR_STATE");
    expect(await store.addLabels("flow", ["secret"]).catch(code)).toBe("ERR_STATE");
    expect(await Promise.resolve(store.facts("flow")).catch(code)).toBe("ERR_STATE");
  });

  it("is not seeded by a supervisor that is gone", async () => {
    const { worker, cut } = channelPair();
    cut();
    expect(await mirrored(worker).seeded.catch(code)).toBe("ERR_STATE");
  });
});

describe("a replica", () => {
  it("seeds a worker once, with all of it, and survives what is no note", async () => {
    const replica = new Replica(() => 0);
    const first = channelPair();
    replica.attach(first.supervisor);
    const store = new MirroredStore(new MemoryStore(() => 0), first.worker);
    await store.seeded;
    for (let at = 0; at < 2_500; at += 1) void store.sessionOwner("crm", `s${at}`, "alice");
    for (const message of [
      {},
      { kind: "mirror" },
      { kind: "mirror", notes: 7 },
      { kind: "mirror", notes: [null, 7, {}, { note: "labels" }] },
    ])
      await first.worker.send(message);
    await store.addLabels("flow", ["pii"]);

    const second = channelPair();
    replica.attach(second.supervisor);
    const next = new MirroredStore(new MemoryStore(() => 0), second.worker);
    await next.seeded;
    await second.worker.send({ kind: "mirror-seed" });
    expect(await next.sessionOwner("crm", "s2499", "mallory")).toBe("alice");
    expect((await next.facts("flow")).labels).toEqual(["pii"]);
    expect(second.sent.supervisor).toHaveLength(4);
  });

  it("counts what a worker had handed over before it was let go of, and tells it nothing more", async () => {
    const replica = new Replica(() => 0);
    const [first, second] = [channelPair(), channelPair()];
    const letGo = replica.attach(first.supervisor);
    const store = new MirroredStore(new MemoryStore(() => 0), first.worker);
    await store.seeded;
    await store.addLabels("flow", ["pii"]);
    letGo();
    const told = first.sent.supervisor.length;
    replica.attach(second.supervisor);
    const next = new MirroredStore(new MemoryStore(() => 0), second.worker);
    await next.seeded;
    await next.addLabels("flow", ["secret"]);
    await expect.poll(async () => (await next.facts("flow")).labels.toSorted(byName)).toEqual(["pii", "secret"]);
    expect(first.sent.supervisor).toHaveLength(told);
  });
});

const byName = (left: string, right: string): number => left.localeCompare(right);
