import { describe, expect, it } from "vitest";
import { checkPath } from "../../src/mcp/json/path.ts";
import { decide, type DecideFacts } from "../../src/policy/decide.ts";
import type { Decision } from "../../src/policy/decision.ts";

const FACTS: DecideFacts = {
  serverName: "demo",
  phase: "request",
  revision: "r1",
  nonce: "n1",
  packsOff: new Set(),
  observe: false,
  modes: new Map(),
  waivers: [],
  titles: { "demo/titled": "The title" },
  now: Date.parse("2026-06-01T00:00:00Z"),
  target: "echo",
  principal: "alice",
  checkPath,
};

const GRANT = { policy: "demo", element: { id: "demo/all" } };
const DENY = { policy: "demo", effect: "deny", element: { id: "demo/no", msg: "no" } };
const HOLD = { policy: "demo", effect: "hold", element: { id: "demo/ask", msg: "ask" } };
const REDACT = { policy: "demo", effect: "redact", element: { id: "demo/mail", kinds: ["email"], with: "replace" } };
const LIMIT = { policy: "demo", effect: "limit", element: { id: "demo/few", key: "k", cost: 1, per_s: 1, max: 5 } };
const LABEL = { policy: "demo", effect: "label", element: { id: "demo/mark", add: ["b", "a"] } };
const rewrite = (path: unknown, value: unknown, id = "demo/fix"): unknown => ({
  policy: "demo",
  effect: "rewrite",
  element: { id, op: "replace", path, value },
});

function answer(matched: readonly unknown[], grants: readonly unknown[] = [GRANT], over: Record<string, unknown> = {}): unknown {
  return { contract: "v1", nonce: "n1", revision: "r1", matched, malformed: [], grants, ...over };
}

function decideOn(matched: readonly unknown[], facts: Partial<DecideFacts> = {}, grants?: readonly unknown[]): Decision {
  return decide(answer(matched, grants), { ...FACTS, ...facts });
}

describe("an answer that is not exactly the contract's", () => {
  const unusable: [string, unknown][] = [
    ["nothing", undefined],
    ["null", null],
    ["a list", []],
    ["text", "allow"],
    ["an empty object", {}],
    ["another contract", answer([], [GRANT], { contract: "v2" })],
    ["another nonce", answer([], [GRANT], { nonce: "n2" })],
    ["another revision", answer([], [GRANT], { revision: "r2" })],
    ["an unknown member", answer([], [GRANT], { allow: true })],
    ["malformed elements", answer([], [GRANT], { malformed: [{ policy: "demo", effect: "deny" }] })],
    ["no list of grants", answer([], [GRANT], { grants: {} })],
    ["too many elements", answer(Array.from({ length: 1_001 }, () => DENY))],
    ["an unknown effect", answer([{ ...DENY, effect: "denny" }])],
    ["a grant among the matched", answer([{ ...DENY, effect: "allow" }])],
    ["an inherited effect name", answer([{ ...DENY, effect: "constructor" }])],
    ["an element that is text", answer([{ ...DENY, element: "no" }])],
    ["no id", answer([{ ...DENY, element: { msg: "no" } }])],
    ["another package's id", answer([{ ...DENY, element: { id: "other/no" } }])],
    ["a grant with a field", answer([], [{ policy: "demo", element: { id: "demo/all", msg: "x" } }])],
    ["an unknown field", answer([{ ...DENY, element: { id: "demo/no", message: "no" } }])],
    ["a field of the wrong type", answer([{ ...DENY, element: { id: "demo/no", msg: 1 } }])],
    ["an unknown operator", answer([{ ...REDACT, element: { ...REDACT.element, with: "tokenize" } }])],
    ["kinds that are text", answer([{ ...REDACT, element: { ...REDACT.element, kinds: "email" } }])],
    ["findings beside kinds", answer([{ ...REDACT, element: { ...REDACT.element, findings: [1] } }])],
    ["a negative finding", answer([{ ...REDACT, element: { id: "demo/mail", findings: [-1], with: "mask" } }])],
    ["an unknown op", answer([{ policy: "demo", effect: "rewrite", element: { id: "demo/fix", op: "set", path: "/params/a", value: 1 } }])],
    [
      "a replacement without value",
      answer([{ policy: "demo", effect: "rewrite", element: { id: "demo/fix", op: "replace", path: "/params/a" } }]),
    ],
    ["a limit that is not a number", answer([{ ...LIMIT, element: { ...LIMIT.element, max: "5" } }])],
    ["a limit of nothing", answer([{ ...LIMIT, element: { ...LIMIT.element, max: 0 } }])],
    ["a path with a filter", answer([rewrite("$.params[?(@.x)]", 1)])],
    ["a path without start", answer([rewrite("params/a", 1)])],
    ["an immutable target", answer([rewrite("/params/requestState", 1)])],
    ["an immutable target as segments", answer([rewrite(["params", "_meta", "progressToken"], 1)])],
    ["the envelope as target", answer([rewrite("$.method", "ping")])],
    ["the whole message as target", answer([rewrite([], 1)])],
    ["two values for one place", answer([rewrite("/params/arguments/a", 1), rewrite(["params", "arguments", "a"], 2, "demo/other")])],
    ["a place inside another's", answer([rewrite("/params/arguments", {}), rewrite("$.params.arguments.a", 2, "demo/other")])],
  ];

  it.each(unusable)("is an error, in enforce and observe mode alike: %s", (_name, unusableAnswer) => {
    for (const observe of [false, true]) {
      const decision = decide(unusableAnswer, { ...FACTS, observe, modes: new Map(observe ? [["demo", "observe"]] : []) });
      expect(decision).toMatchObject({ effect: "error", reason: "ERR_DECISION", matched: [], redactions: [], rewrites: [] });
      expect(decision.detail).toBeTypeOf("string");
    }
  });

  it("never quotes a value in its detail", () => {
    const decision = decideOn([{ policy: "demo", effect: "deny", element: { id: "demo/no", msg: ["4111 1111 1111 1111"] } }]);
    expect(decision.detail).not.toContain("4111");
  });
});

describe("grants", () => {
  it.each(["request", "notification", "list_item"] as const)("are needed by a %s", (phase) => {
    expect(decideOn([], { phase }, [])).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT" });
    expect(decideOn([], { phase })).toMatchObject({ effect: "allow", grants: [{ id: "demo/all" }] });
  });

  it("are not needed by the response to a granted request", () => {
    expect(decideOn([], { phase: "response" }, [])).toMatchObject({ effect: "allow" });
  });

  it("never outweigh a denial", () => {
    expect(decideOn([DENY])).toMatchObject({ effect: "deny", reason: "ERR_DENIED", matched: [{ id: "demo/no", message: "no" }] });
  });

  it("of packs that are off for the server do not count", () => {
    expect(decideOn([], { packsOff: new Set(["demo"]) })).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT", grants: [] });
  });
});

describe("effects", () => {
  it("of packs that are off for the server are dropped", () => {
    const other = { policy: "other", element: { id: "other/all" } };
    expect(decideOn([DENY], { packsOff: new Set(["demo"]) }, [other])).toMatchObject({ effect: "allow", matched: [], would: [] });
  });

  it("hold is weaker than deny and stronger than redact", () => {
    expect(decideOn([HOLD, REDACT])).toMatchObject({ effect: "hold", reason: "ERR_HELD" });
    expect(decideOn([HOLD, DENY])).toMatchObject({ effect: "deny", reason: "ERR_DENIED" });
  });

  it("redact and rewrite are both carried out", () => {
    const decision = decideOn([REDACT, rewrite("/params/arguments/a", 1)]);
    expect(decision.effect).toBe("redact");
    expect(decision.redactions).toEqual([{ rule: "demo/mail", kinds: ["email"], with: "replace" }]);
    expect(decision.rewrites).toEqual([{ rule: "demo/fix", op: "replace", path: "/params/arguments/a", value: 1 }]);
  });

  it.each(["findings", "kinds"])("a redaction of an empty set of %s redacts nothing, instead of everything", (field) => {
    const decision = decideOn([{ policy: "demo", effect: "redact", element: { id: "demo/none", [field]: [], with: "drop" } }]);
    expect(decision).toMatchObject({ effect: "allow", redactions: [] });
  });

  it("rules that agree on a rewrite ask for it once", () => {
    expect(decideOn([rewrite("/params/arguments/a", 1), rewrite(["params", "arguments", "a"], 1, "demo/same")]).rewrites).toHaveLength(1);
  });

  it("an argument that is named like a protocol member may be rewritten", () => {
    expect(decideOn([rewrite("/params/arguments/id", 1)])).toMatchObject({ effect: "rewrite" });
  });

  it("limits and labels let the message pass and are handed on", () => {
    const decision = decideOn([LIMIT, LABEL]);
    expect(decision).toMatchObject({
      effect: "allow",
      labels: ["b", "a"],
      limits: [{ rule: "demo/few", key: "k", cost: 1, per_s: 1, max: 5 }],
    });
  });

  it("a rule without msg is explained by its title, and a long msg is cut", () => {
    const decision = decideOn([
      { policy: "demo", effect: "warn", element: { id: "demo/titled" } },
      { policy: "demo", effect: "warn", element: { id: "demo/long", msg: "😀".repeat(300) } },
    ]);
    expect(decision.matched[0]?.message).toBe("The title");
    expect([...(decision.matched[1]?.message ?? "")]).toHaveLength(200);
  });
});

describe("an entry of a list", () => {
  const phase = "list_item" as const;

  it("that is held is listed as it is", () => {
    expect(decideOn([HOLD], { phase })).toMatchObject({ effect: "allow", matched: [{ id: "demo/ask" }] });
  });

  it("ignores limits and labels", () => {
    expect(decideOn([LIMIT, LABEL], { phase })).toMatchObject({ effect: "allow", limits: [], labels: [] });
  });

  it("can be redacted, and cannot be rewritten", () => {
    expect(decideOn([REDACT], { phase }).redactions).toHaveLength(1);
    expect(decideOn([rewrite("/description", "x")], { phase })).toMatchObject({ effect: "error" });
  });
});

describe("observe mode", () => {
  it("of everything lets a message pass and records what would have been", () => {
    const decision = decideOn([DENY, REDACT], { observe: true }, []);
    expect(decision).toMatchObject({ effect: "allow", matched: [], redactions: [], wouldBe: { effect: "deny", reason: "ERR_DENIED" } });
    expect(decision.would.map(({ id }) => id)).toEqual(["demo/no", "demo/mail"]);
  });

  it("of everything lets a message without grant pass and says so", () => {
    expect(decideOn([], { observe: true }, [])).toMatchObject({ effect: "allow", wouldBe: { effect: "deny", reason: "ERR_NO_GRANT" } });
  });

  it("of a package records its effects, and its grants do not count", () => {
    const modes = new Map([["demo", "observe" as const]]);
    const other = { policy: "other", element: { id: "other/all" } };
    expect(decideOn([DENY], { modes }, [GRANT, other])).toMatchObject({
      effect: "allow",
      would: [{ id: "demo/no" }],
      grants: [{ id: "other/all" }],
    });
    expect(decideOn([], { modes }, [GRANT])).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT", wouldBe: { effect: "allow" } });
  });

  it("says nothing of what would have been when that is the same", () => {
    expect(decideOn([], { observe: true })).not.toHaveProperty("wouldBe");
  });
});

describe("a waiver", () => {
  const waiver = { id: "demo/no", owner: "sec", reason: "migration", expires: Date.parse("2026-07-01T00:00:00Z") };

  it("lifts deny and hold of its rule, and is recorded", () => {
    expect(decideOn([DENY], { waivers: [waiver] })).toMatchObject({ effect: "allow", matched: [], waived: ["demo/no"] });
    expect(decideOn([HOLD], { waivers: [{ ...waiver, id: "demo/ask" }] })).toMatchObject({ effect: "allow", waived: ["demo/ask"] });
  });

  it("lifts nothing after its end, from its first moment on", () => {
    expect(decideOn([DENY], { waivers: [waiver], now: waiver.expires })).toMatchObject({ effect: "deny" });
  });

  it.each([{ server: "other" }, { target: "other" }, { principal: "bob" }])("lifts nothing outside of its scope %j", (scope) => {
    expect(decideOn([DENY], { waivers: [{ ...waiver, ...scope }] })).toMatchObject({ effect: "deny" });
  });

  it("lifts within its scope", () => {
    expect(decideOn([DENY], { waivers: [{ ...waiver, server: "demo", target: "echo", principal: "alice" }] })).toMatchObject({
      effect: "allow",
    });
  });

  it("lifts neither a redaction nor the need for a grant", () => {
    expect(decideOn([REDACT], { waivers: [{ ...waiver, id: "demo/mail" }] })).toMatchObject({ effect: "redact" });
    expect(decideOn([DENY], { waivers: [waiver] }, [])).toMatchObject({ effect: "deny", reason: "ERR_NO_GRANT" });
  });
});
