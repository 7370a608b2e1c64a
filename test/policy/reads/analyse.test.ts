import { expect, test } from "vitest";
import type { Plan } from "../../../src/policy/check/plan.ts";
import { readsOf } from "../../../src/policy/reads/analyse.ts";
import { pathsOf, WHOLE } from "../../../src/policy/reads/reads.ts";
import { policyFolder } from "../policy-files.ts";
import { compile } from "./compiled.ts";
import { POLICIES, SHARED } from "./policies.ts";

/** The leaves of each small policy: a change here is a change of what enters the engine. */
test("small policies read these places", async () => {
  const names = Object.keys(POLICIES);
  const folder = policyFolder({
    ...Object.fromEntries(names.map((name) => [`A/${name}.rego`, `package cases.${name}\n${POLICIES[name]}`])),
    ...Object.fromEntries(Object.entries(SHARED).map(([name, text]) => [`A/shared/${name}.rego`, `package shared.${name}\n${text}`])),
  });
  const entries = names.map((name) => `cases/${name}/out`);
  const { reads } = await compile(folder, ["A"], entries);
  expect(
    Object.fromEntries(names.map((name) => [name, pathsOf(reads.get(`cases/${name}/out`) ?? WHOLE).join(" ")])),
  ).toMatchInlineSnapshot(`
    {
      "aggregates": "input.a[_] input.b[_][_] input.c input.k.list input.list[_] input.obj[_] input.text[_]",
      "answers": "input.a input.b input.c input.flag input.n input.text",
      "arithmetic": "input.k.n input.n",
      "builtins": "input.a input.b input.c input.n input.obj input.text",
      "collections": "input.a input.b[_] input.c input.flag input.list input.n input.obj",
      "comparisons": "input.a input.b input.c[_] input.k[_] input.list[_] input.n input.obj[_] input.text",
      "comprehensions": "input.list[_].a input.list[_].b input.list[_].c input.n input.obj[_].a",
      "conflict": "input.a input.b input.n input.obj.a input.obj.b",
      "defaults": "input.a.b input.flag input.n",
      "depth": "input.deep.a.a.a.a.a.a.a.a.a",
      "dynamic_keys": "input.c[_] input.list[_].a input.list[_].b input.n input.obj[_].a input.text input[_]",
      "early_exit": "input.list[_].a input.obj[_].b input.text",
      "else_chain": "input.a.b input.flag input.n input.text",
      "every_one": "input.list[_].a input.list[_].b[_] input.obj[_]",
      "functions": "input.a.b input.c.a input.list[_].a input.n input.obj.a.b input.text",
      "less_depth": "input.deep.a.a.a.a.a.a.a.a",
      "literals": "input.a input.b input.c input.k input.n input.text",
      "loops": "input.list[_]",
      "membership": "input.a.list input.list input.n input.obj input.text",
      "negations": "input.c input.list[_].a input.obj.a.b input.text",
      "nested_some": "input.list[_].a input.list[_].b input.obj[_][_].b input.text",
      "object_get": "input.a.b input.k.a input.obj.a.b input.obj.b input.obj.k input.text",
      "object_get_dynamic": "input.a input.c input.k input.obj input.text",
      "packages": "input.a.b input.b.b input.list[_].c input.obj.a input.text",
      "partial_rules": "input.flag input.list[_].a input.list[_].b input.n input.obj[_].b",
      "patterns": "input.list[_] input.obj.a input.obj.b input.obj[_]",
      "ref_heads": "input.a.c input.flag input.n input.obj[_].a input.text",
      "some_in": "input.flag input.list[_] input.obj[_]",
      "texts": "input.a.b input.b input.flag input.n input.text",
      "truth": "input.a.b input.c input.flag",
      "types": "input.a input.b input.c input.k input.list input.n input.obj.a",
      "walks": "input.a input.obj",
      "whole_input": "input",
      "with_data": "input.a input.n",
      "with_input": "input.a.b input.b input.c input.k.a input.n input.obj input.text",
    }
  `);
});

test.each([
  ["an unknown statement", [{ type: "TeleportStmt", stmt: { target: 2 } }]],
  ["a call with other arguments than the function has", [{ type: "CallStmt", stmt: { func: "f", args: [], result: 2 } }]],
  [
    "a text that is not there",
    [{ type: "DotStmt", stmt: { source: { type: "local", value: 0 }, key: { type: "string_index", value: 7 }, target: 2 } }],
  ],
])("a plan with %s reads everything", (_name, stmts) => {
  const plan: Plan = {
    entries: [{ name: "e", blocks: [{ stmts }] }],
    strings: [],
    files: [],
    functions: [{ name: "f", path: ["g0", "f"], params: [0, 1], return: 2, blocks: [] }],
  };
  expect(readsOf(plan)).toEqual(WHOLE);
});
