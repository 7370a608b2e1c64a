import { describe, expect, it } from "vitest";
import { enforce, enforceItem } from "../../src/enforce/enforce.ts";
import type { Decision, Effect } from "../../src/policy/decision.ts";
import { call, decide, itemOutcome, outcome, read, result, workOn } from "./support.ts";

describe("a message", () => {
  it("that is allowed leaves as the very buffer that came", async () => {
    const document = read(call('{ "n" : 9007199254740993, "f":1.50,"e":1e2,"u":"\\u0041\\/" }'));
    const bytes = await enforce(workOn(document, decide({ effect: "allow" })));
    expect(bytes.ok && bytes.value).toBe(document.bytes);
  });

  it.each(["redact", "rewrite"] as Effect[])("with effect %s that changes nothing leaves as the very buffer that came", async (effect) => {
    const document = read(call('{"a":1}'));
    const bytes = await enforce(workOn(document, decide({ effect })));
    expect(bytes.ok && bytes.value).toBe(document.bytes);
  });

  it.each([
    ["deny", "ERR_DENIED"],
    ["hold", "ERR_HELD"],
    ["error", "ERR_DECISION"],
  ] as [Effect, string][])("with effect %s never becomes bytes", async (effect, code) => {
    expect(await outcome(call("{}"), { effect })).toEqual({ code });
    expect(await outcome(call("{}"), { effect, reason: "ERR_NO_GRANT", detail: "why" })).toEqual({ code: "ERR_NO_GRANT", detail: "why" });
  });

  it.each([undefined, null, "", "ALLOW", "allow ", "permit", 1, {}])("with the unknown effect %j never becomes bytes", async (effect) => {
    const decision = { ...decide({}), effect } as Decision;
    expect(await enforce(workOn(read(call("{}")), decision))).toMatchObject({ ok: false, failure: { code: "ERR_DECISION" } });
  });

  it("that is allowed and to be changed at once is neither", async () => {
    const decision = { ...decide({ redactions: [{ with: "mask", kinds: ["email"] }] }), effect: "allow" as const };
    expect(await enforce(workOn(read(call("{}")), decision))).toMatchObject({ ok: false, failure: { code: "ERR_DECISION" } });
  });

  it("keeps every byte but those of the finding", async () => {
    const before = call('{ "n" : 9007199254740993, "f":1.50,"e":1e2,"u":"\\u0041\\/ ann@example.com \\u0041" , "x":[ ]}');
    expect(await outcome(before, { redactions: [{ with: "replace", kinds: ["email"] }] })).toBe(
      before.replace("ann@example.com", "[EMAIL_1]"),
    );
  });

  it("is not mistaken for an entry of a list", async () => {
    const document = read(result('"tools":[{"name":"a"}]'));
    const decision = decide({ redactions: [{ with: "mask", path: "/name" }] });
    expect(await enforce(workOn(document, decision, { base: document.at("/result/tools/0") }))).toMatchObject({ ok: false });
  });

  it("whose values cannot be numbered does not leave", async () => {
    const work = workOn(read(result('"a":"ann@example.com"')), decide({ redactions: [{ with: "replace", kinds: ["email"] }] }), {
      ordinals: () => Promise.resolve([]),
    });
    await expect(enforce(work)).rejects.toThrow("numbering");
  });
});

describe("an entry of a list", () => {
  const text = result(
    '"tools":[{"name":"a","description":"ask ann@example.com"},{"name":"b","description":"ask bob@example.com"}],"note":"eve@example.com"',
  );
  const kinds = ["email"];

  it("is redacted by paths of its own, and nothing beside it is", async () => {
    expect(await itemOutcome(text, "/result/tools/1", { redactions: [{ with: "mask", kinds }] })).toBe(
      text.replace("bob@example.com", "****"),
    );
    expect(await itemOutcome(text, "/result/tools/0", { redactions: [{ with: "mask", path: "/description" }] })).toBe(
      text.replace("ask ann@example.com", "****"),
    );
    expect(await itemOutcome(text, "/result/tools/0", { redactions: [{ with: "drop" }] })).toBe(
      text.replace('{"name":"a","description":"ask ann@example.com"}', '{"name":"a","description":""}'),
    );
  });

  it("cannot have findings elsewhere redacted", async () => {
    expect(await itemOutcome(text, "/result/tools/0", { redactions: [{ with: "mask", findings: [1] }] })).toMatchObject({
      code: "ERR_DECISION",
    });
    expect(await itemOutcome(text, "/result/tools/1", { redactions: [{ with: "mask", findings: [1] }] })).toBe(
      text.replace("bob@example.com", "****"),
    );
  });

  it("cannot be rewritten", async () => {
    const rewrites = [{ op: "remove" as const, path: "/description" }];
    expect(await itemOutcome(text, "/result/tools/0", { rewrites })).toMatchObject({ code: "ERR_DECISION" });
  });

  it("that would be held is shown as it is: the call is held", async () => {
    expect(await itemOutcome(text, "/result/tools/0", { effect: "hold" })).toBe(text);
  });

  it.each(["deny", "error"] as Effect[])("with effect %s is not shown", async (effect) => {
    expect(await itemOutcome(text, "/result/tools/0", { effect })).toHaveProperty("code");
  });

  it("with an unknown effect is not shown", async () => {
    const document = read(text);
    const decision = { ...decide({}), effect: "permit" } as unknown as Decision;
    expect(await enforceItem(workOn(document, decision, { base: document.at("/result/tools/0") }))).toMatchObject({ ok: false });
  });
});
