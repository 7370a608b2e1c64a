/**
 * `opa test` runs topdown, but WebAssembly serves. Every message of the packs' cases goes through the product, and what its engine
 * answered is compared with what topdown answers on the staged trees, for the very same input and data.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { stringify } from "yaml";
import { loadConfig } from "../../src/config/load.ts";
import { createJudge } from "../../src/judge.ts";
import { Engine } from "../../src/policy/engine.ts";
import { packageRoot } from "../../src/policy/sources/shipped.ts";
import { stagePolicy } from "../../src/policy/policy.ts";
import { canonicalJson, isTree } from "../../src/policy/tree.ts";
import { readCases } from "../packs/case-files.ts";
import { withTopdown } from "./engines.ts";
import { temporaryFolder } from "./policy-files.ts";

const ROOT = packageRoot();
const cases = readCases(join(ROOT, "fixtures", "cases")).map((each, index) => ({ ...each, server: `case-${index}` }));

interface Evaluated {
  readonly name: string;
  readonly input: unknown;
  readonly answer: unknown;
}

/** What the product's engine was asked and answered, and what topdown answers to the same. */
async function evaluateCases(): Promise<{ evaluated: readonly Evaluated[]; topdown: readonly unknown[] }> {
  const evaluated: Evaluated[] = [];
  const folder = temporaryFolder();
  const file = join(folder, "sluice.yaml");
  const servers = Object.fromEntries(
    cases.map(({ server, trust = "third_party", settings = {} }) => [server, { url: "http://127.0.0.1:9/mcp", trust, settings }]),
  );
  const policy = { path: join(ROOT, "fixtures", "examples", "rules") };
  writeFileSync(file, stringify({ listen: "127.0.0.1:8080", servers, policy, audit: { file: join(folder, "audit.jsonl") } }));
  const loaded = await loadConfig(file);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure));
  const judge = await createJudge(loaded.value.config, { cache: null });
  if (!judge.ok) throw new Error(JSON.stringify(judge.failure));

  const { evaluate } = Engine.prototype;
  let current = "";
  Engine.prototype.evaluate = function listened(input, entrypoint) {
    const result = evaluate.call(this, input, entrypoint);
    evaluated.push({
      name: current,
      input: JSON.parse(`{"nonce":${JSON.stringify(result.nonce)}${input.toString()}`),
      answer: this.read(result),
    });
    return result;
  };
  try {
    for (const each of cases) {
      current = `${each.file}: ${each.name}`;
      await judge.value.judgeLine({
        bytes: Buffer.from(each.message.trimEnd()),
        server: each.server,
        direction: each.direction ?? "client_to_server",
        principal: { id: each.principal?.id ?? each.server, groups: each.principal?.groups ?? [], scopes: each.principal?.scopes ?? [] },
        ...(each.request === undefined ? {} : { request: Buffer.from(each.request.trimEnd()) }),
      });
    }
  } finally {
    Engine.prototype.evaluate = evaluate;
  }

  const stage = join(folder, "stage");
  expect((await stagePolicy(loaded.value.config, stage)).filter(({ severity }) => severity === "error")).toEqual([]);
  const inputs = evaluated.map(({ input }) => input);
  return { evaluated, topdown: await withTopdown(stage, ["A", "B"], "firewall.main.decision", inputs) };
}

/** Sets come in each engine's own order; the segments of a path are the only lists whose order means something. */
function unordered(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => unordered(item));
    return key === "path" ? items : items.toSorted((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
  }
  return isTree(value) ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, unordered(part, name)])) : value;
}

it("answers the same in WebAssembly as in topdown for every message of the packs' cases", async () => {
  const { evaluated, topdown } = await evaluateCases();
  expect(new Set(evaluated.map(({ name }) => name)).size).toBeGreaterThan(cases.length * 0.9);
  expect(topdown).toHaveLength(evaluated.length);
  const answers = evaluated.map(({ answer }) => answer as { matched: { effect: string }[]; grants: unknown[] });
  const effects = new Set(answers.flatMap(({ matched }) => matched.map(({ effect }) => effect)));
  expect([effects.has("deny"), effects.has("redact"), answers.some(({ grants }) => grants.length > 0)]).toEqual([true, true, true]);
  const different = evaluated.filter(({ answer }, at) => canonicalJson(unordered(answer)) !== canonicalJson(unordered(topdown[at])));
  expect(different.map(({ name }) => name)).toEqual([]);
});
