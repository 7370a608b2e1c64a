import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Scope } from "../../src/state/store.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import type { StoreLimits } from "../../src/state/store-limits.ts";
import type { LimitRequest } from "../../src/state/store.ts";

function storeAt(limits: Partial<StoreLimits> = {}) {
  const clock = { now: 0 };
  const store = new MemoryStore(() => clock.now, limits);
  return {
    clock,
    store,
    /** Consumes at a moment, which is then now. */
    consume: (wanted: readonly LimitRequest[], now: number, flow?: string) => {
      clock.now = now;
      return store.consume(wanted, flow);
    },
    counters: async (flow: string, now: number) => {
      clock.now = now;
      return (await store.facts(flow)).counters;
    },
    labels: async (flow: string) => (await store.facts(flow)).labels,
    definition: async (catalogue: string, key: string) => (await store.facts("flow", { catalogue, key })).definition,
  };
}

const request = (body: string, method = "tools/call") => ({ method, body: Buffer.from(body) });

describe("limits", () => {
  it("grants until the bucket is empty, then says how long to wait", async () => {
    const { consume } = storeAt();
    const limit = { key: "calls", cost: 1, per_s: 0.5, max: 2 };
    expect(await consume([limit], 0)).toEqual({ granted: true });
    expect(await consume([limit], 0)).toEqual({ granted: true });
    expect(await consume([limit], 0)).toEqual({ granted: false, key: "calls", retry_after_s: 2 });
    expect(await consume([limit], 2_000)).toEqual({ granted: true });
  });

  it("takes nothing from any bucket when one of them is short", async () => {
    const { consume } = storeAt();
    const calls = { key: "calls", cost: 1, per_s: 0, max: 10 };
    const rows = { key: "rows", cost: 5, per_s: 1, max: 4 };
    expect(await consume([calls, rows], 0, "flow")).toMatchObject({ granted: false, key: "rows" });
    expect(await consume([{ ...calls, cost: 10 }], 0)).toEqual({ granted: true });
  });

  it("counts several limits on one key together, under the strictest size", async () => {
    const { consume } = storeAt();
    const both = [
      { key: "calls", cost: 2, per_s: 1, max: 3 },
      { key: "calls", cost: 2, per_s: 1, max: 100 },
    ];
    expect(await consume(both, 0)).toMatchObject({ granted: false, key: "calls" });
  });

  it.each([
    ["a negative cost", { cost: -1, per_s: 1, max: 1 }],
    ["a cost that is no number", { cost: Number.NaN, per_s: 1, max: 1 }],
    ["a cost above the bucket", { cost: 2, per_s: 1, max: 1 }],
    ["a refill that is no number", { cost: 1, per_s: Number.NaN, max: 1 }],
  ])("refuses %s for ever", async (_, limit) => {
    const { consume } = storeAt();
    expect(await consume([{ key: "k", ...limit }], 0)).toEqual({ granted: false, key: "k", retry_after_s: 86_400 });
  });

  it("refuses new keys rather than resetting a limit when the table is full, and takes them once others have refilled", async () => {
    const { consume } = storeAt({ buckets: 1 });
    const limit = { cost: 1, per_s: 1, max: 1 };
    expect(await consume([{ key: "a", ...limit }], 0)).toEqual({ granted: true });
    expect(await consume([{ key: "b", ...limit }], 0)).toEqual({ granted: false, key: "b", retry_after_s: 1 });
    expect(await consume([{ key: "a", ...limit }], 0)).toMatchObject({ granted: false });
    expect(await consume([{ key: "b", ...limit }], 1_000)).toEqual({ granted: true });
  });

  it("gives nothing back when the clock runs backwards", async () => {
    const { consume } = storeAt();
    const limit = { key: "k", cost: 1, per_s: 1, max: 1 };
    await consume([limit], 10_000);
    expect(await consume([limit], 0)).toMatchObject({ granted: false });
  });

  it("shows a flow what it has in use, and other flows nothing of it", async () => {
    const { consume, counters } = storeAt();
    await consume([{ key: "calls", cost: 3, per_s: 1, max: 10 }], 0, "mine");
    expect(await counters("mine", 1_000)).toEqual({ calls: 2 });
    expect(await counters("mine", 60_000)).toEqual({ calls: 0 });
    expect(await counters("other", 0)).toEqual({});
  });

  const limits = fc.array(
    fc.record({
      key: fc.constantFrom("a", "b", "c"),
      cost: fc.integer({ min: 0, max: 5 }),
      per_s: fc.constantFrom(0, 0.5, 2),
      max: fc.integer({ min: 0, max: 6 }),
    }),
    { minLength: 1, maxLength: 4 },
  );

  it("never hands out more than size plus refill, whatever is asked when", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 4 }))), async (steps) => {
        const { consume } = storeAt();
        let now = 0;
        let granted = 0;
        for (const [pause, cost] of steps) {
          now += pause;
          if ((await consume([{ key: "k", cost, per_s: 2, max: 5 }], now)).granted) granted += cost;
          expect(granted).toBeLessThanOrEqual(5 + (now / 1_000) * 2 + 1e-6);
        }
      }),
    );
  });

  it("takes all or nothing", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(limits, fc.integer({ min: 0, max: 2_000 })), { maxLength: 20 }), async (steps) => {
        const { consume, counters } = storeAt();
        let now = 0;
        for (const [wanted, pause] of steps) {
          now += pause;
          const before = await counters("flow", now);
          const outcome = await consume(wanted, now, "flow");
          const after = await counters("flow", now);
          if (!outcome.granted) expect(after).toEqual(before);
          for (const used of Object.values(after)) expect(used).toBeLessThanOrEqual(6);
        }
      }),
    );
  });

  it("does not care in which order limits are listed", async () => {
    await fc.assert(
      fc.asyncProperty(limits, async (wanted: LimitRequest[]) => {
        const forwards = await storeAt().consume(wanted, 0);
        const backwards = await storeAt().consume(wanted.toReversed(), 0);
        expect(backwards.granted).toBe(forwards.granted);
      }),
    );
  });
});

describe("labels", () => {
  it("only ever grow", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(fc.constantFrom("pii", "secret", "untrusted"))), async (steps) => {
        const { store, labels } = storeAt();
        let before: readonly string[] = [];
        for (const added of steps) {
          await store.addLabels("flow", added);
          const after = await labels("flow");
          expect(new Set(after)).toEqual(new Set([...before, ...added]));
          before = after;
        }
      }),
    );
  });

  it("belong to one flow and end after its time to live", async () => {
    const { store, clock, labels } = storeAt({ flowTtlMs: 1_000 });
    await store.addLabels("flow", ["pii"]);
    expect(await labels("other")).toEqual([]);
    clock.now = 999;
    expect(await labels("flow")).toEqual(["pii"]);
    clock.now = 1_999;
    expect(await labels("flow")).toEqual([]);
  });

  it("are refused, not dropped, when there is no room", async () => {
    const { store, labels } = storeAt({ flows: 1, labelsPerFlow: 2 });
    await store.addLabels("flow", ["a", "b"]);
    await expect(store.addLabels("flow", ["c"])).rejects.toThrow("too many labels");
    await expect(store.addLabels("other", ["a"])).rejects.toThrow("no room");
    expect(await labels("flow")).toEqual(["a", "b"]);
  });
});

describe("ordinals", () => {
  it("number values per label and flow, the same value always alike", async () => {
    const { store } = storeAt();
    const values = [
      { label: "EMAIL", digest: "x" },
      { label: "EMAIL", digest: "y" },
      { label: "CARD", digest: "x" },
      { label: "EMAIL", digest: "x" },
    ];
    expect(await store.ordinals("flow", values)).toEqual([1, 2, 1, 1]);
    expect(await store.ordinals("flow", values.toReversed())).toEqual([1, 1, 2, 1]);
    expect(await store.ordinals("other", [{ label: "EMAIL", digest: "y" }])).toEqual([1]);
  });

  it("never give two values one number, even after the older one was forgotten", async () => {
    const { store } = storeAt({ ordinalsPerFlow: 2 });
    const digests = ["a", "b", "c", "a"];
    const numbers = [];
    for (const digest of digests) numbers.push(...(await store.ordinals("flow", [{ label: "EMAIL", digest }])));
    expect(numbers).toEqual([1, 2, 3, 4]);
  });
});

describe("sessions", () => {
  it("belong to the principal who used them first, until they end", async () => {
    const { store } = storeAt();
    expect(await store.sessionOwner("crm", "s1", "alice")).toBe("alice");
    expect(await store.sessionOwner("crm", "s1", "mallory")).toBe("alice");
    expect(await store.sessionOwner("mail", "s1", "mallory")).toBe("mallory");
    await store.endSession("crm", "s1");
    expect(await store.sessionOwner("crm", "s1", "bob")).toBe("bob");
  });
});

describe("outstanding requests", () => {
  const scope = (principal: string, more: Partial<Scope> = {}): Scope => ({
    direction: "client_to_server",
    server: "crm",
    principal,
    session: "s",
    ...more,
  });

  it("are found by scope and id spelling", async () => {
    const { store } = storeAt();
    await store.remember(scope("alice"), "1", request("{}"));
    expect(await store.recall(scope("alice"), "1")).toEqual(request("{}"));
    expect(await store.recall(scope("alice"), '"1"')).toBeUndefined();
    expect(await store.recall(scope("bob"), "1")).toBeUndefined();
    for (const other of [{ direction: "server_to_client" }, { server: "mail" }, { session: "t" }] as Partial<Scope>[])
      expect(await store.recall(scope("alice", other), "1")).toBeUndefined();
  });

  it("keep no body that is too large, and then no answer can be judged with them", async () => {
    const { store } = storeAt({ bodyBytes: 4 });
    await store.remember(scope("alice"), "1", request("12345"));
    expect(await store.recall(scope("alice"), "1")).toBeUndefined();
    await store.remember(scope("alice"), "1", request("1234"));
    expect(await store.recall(scope("alice"), "1")).toBeUndefined();
  });

  it("are taken once, and again after a replay", async () => {
    const { store } = storeAt();
    const asked = scope("alice", { direction: "server_to_client" });
    await store.remember(asked, "1", request("{}"));
    const both = await Promise.all([store.settle(asked, "1"), store.settle(asked, "1")]);
    expect(both).toEqual([request("{}"), undefined]);
    expect(await store.recall(asked, "1")).toEqual(request("{}"));
    await store.remember(asked, "1", request("{}"));
    expect(await store.settle(asked, "1")).toEqual(request("{}"));
  });

  it("under one id of a session are both unanswerable, also after a replay of either", async () => {
    const { store } = storeAt();
    await store.remember(scope("alice"), "1", request("{}"));
    for (const body of ["[]", "[]", "{}"]) {
      await store.remember(scope("alice"), "1", request(body));
      expect(await store.recall(scope("alice"), "1")).toBeUndefined();
      expect(await store.settle(scope("alice"), "1")).toBeUndefined();
    }
  });

  it("are forgotten where no other answer can come, but not that an id stood for two", async () => {
    const { store } = storeAt();
    await store.remember(scope("alice"), "1", request("{}"));
    await store.forget(scope("bob"), "1");
    expect(await store.recall(scope("alice"), "1")).toEqual(request("{}"));
    await store.forget(scope("alice"), "1");
    expect(await store.recall(scope("alice"), "1")).toBeUndefined();
    for (const body of ["[]", "{}"]) await store.remember(scope("alice"), "1", request(body));
    await store.forget(scope("alice"), "1");
    await store.remember(scope("alice"), "1", request("{}"));
    expect(await store.recall(scope("alice"), "1")).toBeUndefined();
  });

  it("that were sent again are not forgotten with one answer", async () => {
    const { store } = storeAt();
    for (let times = 0; times < 2; times += 1) await store.remember(scope("alice"), "1", request("{}"));
    await store.forget(scope("alice"), "1");
    await store.remember(scope("alice"), "1", request("[]"));
    expect(await store.recall(scope("alice"), "1")).toBeUndefined();
  });

  it.each([
    ["room", 0],
    ["time", 1_000],
  ])("that went for want of %s leave doubt: no later id of their session can be told from one that was used", async (_why, ms) => {
    const { store, clock } = storeAt({ outstandingPerHolder: 2, outstandingTtlMs: 1_000 });
    const answerable = async (session: string, id: string): Promise<boolean> => {
      const where = scope("alice", { session });
      await store.sessionOwner(where.server, session, "alice");
      await store.remember(where, id, request("{}"));
      return (await store.recall(where, id)) !== undefined;
    };
    expect(await answerable("first", "1")).toBe(true);
    if (ms > 0) clock.now += ms;
    else for (const id of ["1", "2"]) expect(await answerable("second", id)).toBe(true);
    expect(await answerable("first", "1")).toBe(false);
    expect(await answerable("first", "2")).toBe(false);
    expect(await answerable("third", "1")).toBe(true);
  });

  it("without a session follow each other under one id", async () => {
    const { store } = storeAt();
    const asked = scope("alice", { session: "" });
    for (const body of ["{}", "[]"]) await store.remember(asked, "1", request(body));
    expect(await store.settle(asked, "1")).toEqual(request("[]"));
  });

  it("of one principal never push out those of another", async () => {
    const { store } = storeAt({ outstanding: 3 });
    await store.remember(scope("quiet"), "1", request("{}"));
    for (const id of ["1", "2", "3"]) await store.remember(scope("busy"), id, request("{}"));
    expect(await store.recall(scope("quiet"), "1")).toBeDefined();
    expect(await store.recall(scope("busy"), "1")).toBeUndefined();
    expect(await store.recall(scope("busy"), "3")).toBeDefined();
  });

  it("of a server are not pushed out by what its client sends", async () => {
    const { store } = storeAt({ outstandingBytes: 10 });
    await store.remember(scope("alice", { direction: "server_to_client" }), "1", request("{}"));
    for (const id of ["1", "2", "3"]) await store.remember(scope("alice"), id, request("1234"));
    expect(await store.recall(scope("alice", { direction: "server_to_client" }), "1")).toBeDefined();
  });
});

describe("definitions", () => {
  it("of a later page join those of the earlier ones; the latest of one key stands", async () => {
    const { store, definition } = storeAt();
    await store.define("crm", new Map([["tool\nadd", "1"]]));
    await store.define(
      "crm",
      new Map([
        ["tool\nget", "2"],
        ["tool\nadd", "3"],
      ]),
    );
    expect(await definition("crm", "tool\nadd")).toBe("3");
    expect(await definition("crm", "tool\nget")).toBe("2");
    expect(await definition("mail", "tool\nget")).toBeUndefined();
  });

  it("are bounded in bytes, per scope and in total", async () => {
    const { store, definition } = storeAt({ definitionBytesPerScope: 4, definitionBytes: 6 });
    await store.define("a", new Map([["1", "xxx"]]));
    await store.define("a", new Map([["2", "yyy"]]));
    expect(await definition("a", "1")).toBeUndefined();
    await store.define("b", new Map([["1", "zzzz"]]));
    expect(await definition("a", "2")).toBeUndefined();
    expect(await definition("b", "1")).toBe("zzzz");
  });
});
