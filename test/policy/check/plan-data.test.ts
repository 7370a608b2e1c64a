import { describe, expect, it } from "vitest";
import { checkPolicy } from "../../../src/policy/policy.ts";
import { policyConfig, policyFolder } from "../policy-files.ts";

const HEAD = 'package policies.demo\n\nallow contains {"id": "demo/all"} if input.phase in {"request", "notification", "list_item"}\n\n';
const DATA = '{"rules": [{"tool": "a", "tags": []}], "limits": {"a": 1}, "nested": {"k": {"inner": 1}}}';
const HELPERS = "package lib.h\n\nok(org) if org.limits.a\n\ndeep(x, k) if x[k].inner\n\nwrapped if data.org.extra.z == 1\n";

async function missing(rules: string): Promise<string[]> {
  const { config, deps } = policyConfig({ path: policyFolder({ "a.rego": `${HEAD}${rules}`, "h.rego": HELPERS, "org/data.json": DATA }) });
  return (await checkPolicy(config, deps))
    .filter(({ severity }) => severity === "error")
    .map(({ message, check }) => /`(data[^`]*)`/.exec(message)?.[1] ?? check);
}

describe("data that a policy reads", () => {
  it.each([
    ["a typo below a root", 'deny contains {"id": "demo/x"} if data.org.limts.a', "data.org.limts"],
    ["a typo through an import", 'import data.org.nested as n\n\ndeny contains {"id": "demo/x"} if n.q.inner', "data.org.nested.q"],
    ["a typo through a variable", 'deny contains {"id": "demo/x"} if {\n\tn := data.org.nested\n\tn.q.inner\n}', "data.org.nested.q"],
    [
      "a typo in one of two branches",
      'deny contains {"id": "demo/x"} if f\n\nf if input.target.name == "a"\n\nf if data.org.nested.q',
      "data.org.nested.q",
    ],
    ["a typo behind a rule that answers data", 'n := data.org.nested\n\ndeny contains {"id": "demo/x"} if n.q', "data.org.nested.q"],
    ["a typo in a comprehension", 'deny contains {"id": "demo/x"} if count([1 | data.org.nested.q]) > 0', "data.org.nested.q"],
  ])("is named where it does not exist: %s", async (_name, rules, path) => {
    // An import has to stand before the rules.
    const sorted = rules.startsWith("import") ? rules.replace(/^(import .*)\n\n/, "") : rules;
    const imported = /^import .*/.exec(rules)?.[0] ?? "";
    const { config, deps } = policyConfig({
      path: policyFolder({ "a.rego": `${HEAD.replace("\n\n", `\n\n${imported}\n\n`)}${sorted}\n`, "org/data.json": DATA }),
    });
    const problems = await checkPolicy(config, deps);
    expect(problems).toMatchObject([{ check: "policy/missing-data", message: expect.stringContaining(`\`${path}\``) as string }]);
  });

  it.each([
    ["an optional member of list entries", 'deny contains {"id": "demo/x"} if {\n\tsome rule in data.org.rules\n\trule.optional\n}'],
    ["an entry by a dynamic key", 'deny contains {"id": "demo/x"} if data.org.nested[input.target.name].other'],
    ["object.get", 'deny contains {"id": "demo/x"} if object.get(data.org, ["a", "b"], false)'],
    ["data that `with` replaces", 'deny contains {"id": "demo/x"} if data.lib.h.wrapped with data.org.extra as {"z": 1}'],
    [
      "walk and values in other values",
      'deny contains {"id": "demo/x"} if {\n\to := {"cfg": data.org.nested}\n\to.cfg.nothing\n\twalk(data.org, [_, "x"])\n}',
    ],
    [
      "helpers that get data as an argument",
      'deny contains {"id": "demo/x"} if {\n\tdata.lib.h.ok(data.org)\n\tdata.lib.h.deep(data.org.nested, "k")\n}',
    ],
    [
      "partial objects and rules with long names",
      'a.b.c := 1\n\npart[k] := v if some k, v in data.org.limits\n\ndeny contains {"id": "demo/x"} if {\n\ta.b[input.mcp.method] == 1\n\tpart[input.target.name] > 1\n}',
    ],
    ["every and else", 'f := 1 if every x in data.org.rules { x.tags != "q" } else := 2\n\ndeny contains {"id": "demo/x"} if f == 2'],
  ])("raises no false alarm for %s", async (_name, rules) => {
    expect(await missing(`${rules}\n`)).toEqual([]);
  });
});
