/** That the forms which the check refuses are silent, and those which it lets pass are not, in both engines. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageRoot } from "../../../src/policy/sources/shipped.ts";
import { withTopdown, withWasm } from "../engines.ts";

const rules = (slip: string): string => join(packageRoot(), "fixtures", "policies", "slips", slip, "rules");

/** A message in which everything that may be absent is. */
const EMPTY = {
  phase: "request",
  server: { name: "demo" },
  principal: { claims: {} },
  mcp: { params: { list: [{}], arguments: { amount: "many" } } },
  urls: [{ host: "ok" }],
  findings: [{ n: 1 }],
};

async function firing(slip: string, effects: readonly string[]): Promise<string[]> {
  const ids = await Promise.all(
    effects.map(async (effect) => {
      const path = `policies.demo.${effect}`;
      const [topdown, wasm] = await Promise.all([withTopdown, withWasm].map((run) => run(rules(slip), ["."], path, [EMPTY])));
      const names = (answers: unknown): string[] => (answers as { id: string }[][])[0]?.map(({ id }) => id).toSorted() ?? [];
      expect(names(wasm)).toEqual(names(topdown));
      return names(wasm);
    }),
  );
  return ids.flat();
}

it("refuses nothing that would have fired", async () => {
  // That one is no absent amount, but a text, which is never below a number.
  expect(await firing("negated-reference", ["deny", "hold", "redact"])).toEqual(["demo/comparison"]);
});

it("lets pass what fires when a value is absent, and what its author tests", async () => {
  expect(await firing("negated-reference-without-a-slip", ["deny"])).toEqual([
    "demo/always_there",
    "demo/bare",
    "demo/compared",
    "demo/of_an_argument",
    "demo/reads_inside",
    "demo/set",
    "demo/template",
    "demo/with_default",
  ]);
});
