/** The law of the mirror: a store that was made from what another one told answers like it, for everything that protects. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../src/state/memory.ts";
import { asNote, type Note } from "../../src/state/notes.ts";
import { followerLimits, type StoreLimits } from "../../src/state/store-limits.ts";
import type { Scope } from "../../src/state/store.ts";

/** A store, its follower in the supervisor, and the store of a worker that takes over. */
function followed(limits: Partial<StoreLimits> = {}) {
  const clock = { now: 0 };
  const store = new MemoryStore(() => clock.now, limits);
  // A clock of its own, which began at another time.
  const replica = new MemoryStore(() => clock.now + 1_000_000, followerLimits(limits));
  const told: Note[] = [];
  store.listen((note) => {
    told.push(note);
    replica.follow(carried(note));
  });
  const successor = (): MemoryStore => {
    const next = new MemoryStore(() => clock.now + 5_000_000, limits);
    for (const note of replica.snapshot()) next.follow(carried(note));
    return next;
  };
  return { clock, store, told, successor };
}

/** As it comes out of the other process. */
function carried(note: Note): Note {
  const read = asNote(structuredClone(note));
  if (read === undefined) throw new Error(`no note: ${JSON.stringify(note)}`);
  return read;
}

const FLOWS = ["alice", "\u0000loopback"];
const KEYS = ["calls", "rows"];
const SESSIONS = ["s1", "s2"];
const TOOLS = ["tool\nget", "tool\nadd"];
const DIGESTS = ["a", "b", "c"];
const scope = (direction: Scope["direction"], session: string): Scope => ({ direction, server: "crm", principal: "alice", session });

type Step = (store: MemoryStore, clock: { now: number }) => unknown;
const from = fc.constantFrom;
const limit = fc.record({ key: from(...KEYS), cost: fc.integer({ min: 0, max: 3 }), per_s: from(0, 0.5, 2), max: from(4, 6) });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(from(...FLOWS), fc.array(from("pii", "secret", "seen"))).map(
    ([flow, labels]): Step =>
      (store) =>
        store.addLabels(flow, labels),
  ),
  fc.tuple(fc.array(limit, { maxLength: 3 }), fc.option(from(...FLOWS), { nil: undefined })).map(
    ([limits, flow]): Step =>
      (store) =>
        store.consume(limits, flow),
  ),
  fc.tuple(from(...FLOWS), from(...DIGESTS)).map(
    ([flow, digest]): Step =>
      (store) =>
        store.ordinals(flow, [{ label: "EMAIL", digest }]),
  ),
  fc.tuple(from(...SESSIONS), from("alice", "bob")).map(
    ([session, who]): Step =>
      (store) =>
        store.sessionOwner("crm", session, who),
  ),
  from(...SESSIONS).map(
    (session): Step =>
      (store) =>
        store.endSession("crm", session),
  ),
  fc.tuple(from(...SESSIONS, ""), from("1", '"1"'), from("{}", "[]", "[1,2,3]")).map(
    ([session, id, body]): Step =>
      (store) =>
        store.remember(scope("server_to_client", session), id, { method: "ping", body: Buffer.from(body) }),
  ),
  fc.tuple(from(...SESSIONS, ""), from("1", '"1"')).map(
    ([session, id]): Step =>
      (store) =>
        store.settle(scope("server_to_client", session), id),
  ),
  fc.tuple(from(...TOOLS), from("{}", "{ }")).map(
    ([tool, definition]): Step =>
      (store) =>
        store.define("crm", new Map([[tool, definition]])),
  ),
  fc.tuple(from(...FLOWS), from(...TOOLS)).map(
    ([flow, key]): Step =>
      (store) =>
        store.facts(flow, { catalogue: "crm", key }),
  ),
  // In halves of a second, so that what refills is exact.
  fc.integer({ min: 1, max: 10 }).map(
    (halves): Step =>
      (_store, clock) => {
        clock.now += halves * 500;
      },
  ),
);

/** Everything that a store can be asked for that protects. Asks the last questions by doing. */
async function answers(store: MemoryStore): Promise<unknown> {
  const facts = await Promise.all(
    FLOWS.flatMap((flow) => TOOLS.map((key) => Promise.resolve(store.facts(flow, { catalogue: "crm", key })))),
  );
  const asked = ["s1", "s2", ""].flatMap((session) => ["1", '"1"'].map((id) => [scope("server_to_client", session), id] as const));
  return {
    facts: facts.map(({ labels, counters, definition }) => ({ labels: new Set(labels), counters, definition })),
    owners: await Promise.all(SESSIONS.map((session) => store.sessionOwner("crm", session, "mallory"))),
    recalled: await Promise.all(asked.map(([where, id]) => store.recall(where, id))),
    settled: await Promise.all(asked.map(([where, id]) => store.settle(where, id))),
    granted: await Promise.all([4, 2, 1, 1, 1].flatMap((cost) => KEYS.map((key) => store.consume([{ key, cost, per_s: 1, max: 6 }])))),
    numbers: await store.ordinals(
      "alice",
      ["c", "b", "a", "new"].map((digest) => ({ label: "EMAIL", digest })),
    ),
  };
}

describe("a store that follows", () => {
  it("answers like the one that it follows, after anything", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { clock, store, successor } = followed({ bodyBytes: 4 });
        for (const run of steps) await run(store, clock);
        const next = successor();
        expect(await answers(next)).toEqual(await answers(store));
      }),
      { numRuns: 300 },
    );
  });

  const HOUR = 3_600_000;
  const sessionOf = (flow: string): string => `s${FLOWS.indexOf(flow)}`;
  const uses = fc.array(fc.tuple(from(0, 1, 29, 59, 700, 1_410, 1_439), from(...FLOWS), fc.boolean()), { maxLength: 30 });

  it("forgets nothing that the other still knows, however long ago it heard of a use", async () => {
    await fc.assert(
      fc.asyncProperty(uses, async (steps) => {
        const { clock, store, successor } = followed();
        for (const [minutes, flow, label] of steps) {
          clock.now += minutes * 60_000;
          if (label) await store.addLabels(flow, ["pii"]);
          await store.sessionOwner("crm", sessionOf(flow), "alice");
          await store.define("crm", new Map([["tool", flow]]));
          await store.facts(flow, { catalogue: "crm", key: "tool" });
        }
        const next = successor();
        for (const flow of FLOWS) {
          const known = await store.facts(flow, { catalogue: "crm", key: "tool" });
          const inherited = await next.facts(flow, { catalogue: "crm", key: "tool" });
          expect(inherited.labels).toEqual(expect.arrayContaining([...known.labels]));
          if (known.definition !== undefined) expect(inherited.definition).toBe(known.definition);
          if ((await store.sessionOwner("crm", sessionOf(flow), "mallory")) === "alice")
            expect(await next.sessionOwner("crm", sessionOf(flow), "mallory")).toBe("alice");
        }
      }),
    );
  });

  it("knows what was used within the period in which uses are not told again", async () => {
    const { clock, store, successor } = followed();
    await store.addLabels("alice", ["pii"]);
    await store.facts("alice");
    clock.now += 0.9 * HOUR;
    await store.facts("alice");
    clock.now += 23.5 * HOUR;
    expect((await successor().facts("alice")).labels).toEqual((await store.facts("alice")).labels);
    expect((await store.facts("alice")).labels).toEqual(["pii"]);
  });

  it("keeps ages: what was not used for long is forgotten soon after", async () => {
    const { clock, store, successor } = followed();
    await store.addLabels("alice", ["pii"]);
    clock.now += 20 * HOUR;
    const next = successor();
    clock.now += 6 * HOUR;
    expect((await next.facts("alice")).labels).toEqual([]);
  });

  it("withholds answers to what a client asks in a session of before: its ids may have been used there", async () => {
    const { store, successor } = followed();
    await store.sessionOwner("crm", "s1", "alice");
    const sent = scope("client_to_server", "s1");
    await store.remember(sent, "1", { method: "tools/list", body: Buffer.from("list") });
    const next = successor();
    expect(await next.recall(sent, "1")).toBeUndefined();
    await next.sessionOwner("crm", "s1", "alice");
    await next.remember(sent, "1", { method: "ping", body: Buffer.from("ping") });
    expect(await next.recall(sent, "1")).toBeUndefined();
    const fresh = scope("client_to_server", "s2");
    await next.sessionOwner("crm", "s2", "alice");
    await next.remember(fresh, "1", { method: "ping", body: Buffer.from("ping") });
    expect(await next.recall(fresh, "1")).toBeDefined();
  });
});

describe("what is told", () => {
  it("is what changed, not what was known", async () => {
    const { store, told } = followed();
    const definitions = new Map([
      ["a", "1"],
      ["b", "2"],
    ]);
    for (let round = 0; round < 3; round += 1) {
      await store.addLabels("alice", ["pii"]);
      await store.sessionOwner("crm", "s1", "alice");
      await store.define("crm", definitions);
      await store.ordinals("alice", [{ label: "EMAIL", digest: "a" }]);
      await store.consume([], "alice");
    }
    await store.define("crm", new Map([...definitions, ["b", "3"]]));
    expect(told.filter(({ note }) => note === "labels" || note === "defined")).toEqual([
      { note: "labels", flow: "alice", labels: ["pii"] },
      { note: "defined", catalogue: "crm", definitions },
      { note: "defined", catalogue: "crm", definitions: new Map([["b", "3"]]) },
    ]);
    // Of the others, the change and one use in the period.
    expect(told).toHaveLength(3 + 2 + 2);
  });

  it("holds nothing of what clients ask, and no text of a redacted value", async () => {
    const { store, told } = followed();
    await store.remember(scope("client_to_server", "s1"), "1", { method: "tools/call", body: Buffer.from("payload") });
    await store.settle(scope("client_to_server", "s1"), "1");
    await store.facts("alice", { catalogue: "crm", key: "none" });
    expect(told).toEqual([]);
  });
});

describe("a note", () => {
  it.each([
    null,
    7,
    [],
    {},
    { note: "constructor" },
    { note: "labels", flow: "alice" },
    { note: "labels", flow: "alice", labels: [7] },
    { note: "labels", flow: "alice", labels: ["pii"], age: -1 },
    { note: "labels", flow: "alice", labels: ["pii"], age: Number.NaN },
    { note: "taken", limits: [{ key: "k" }] },
    { note: "numbered", flow: "alice", numbers: [{ label: "EMAIL", number: 0.5 }] },
    { note: "session", server: "crm", session: "s" },
    { note: "asked", scope: scope("client_to_server", "s"), id: "1", asked: { method: "ping", answered: false, ambiguous: false } },
    {
      note: "asked",
      scope: scope("server_to_client", "s"),
      id: "1",
      asked: { method: "ping", body: "{}", answered: false, ambiguous: false },
    },
    { note: "defined", catalogue: "crm", definitions: {} },
  ])("is not %j", (value) => {
    expect(asNote(value)).toBeUndefined();
  });
});
