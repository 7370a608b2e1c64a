import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { capabilities } from "../../scripts/capabilities.ts";
import { inputSchema } from "../../scripts/schemas.ts";
import { packageRoot } from "../../src/policy/sources/shipped.ts";

const shipped = (...path: string[]): string => readFileSync(join(packageRoot(), "policies", ...path), "utf8");

describe("generated files are current", () => {
  it("the schema of the policy input is that of its TypeScript type (npm run generate)", () => {
    expect(shipped("schema", "input.json")).toBe(inputSchema());
  });

  it("the capabilities are those of this OPA's WebAssembly and of the host", async () => {
    const names = (text: string): string[] => (JSON.parse(text) as { builtins: { name: string }[] }).builtins.map(({ name }) => name);
    expect(names(shipped("capabilities.json"))).toEqual(names(await capabilities()));
  });

  it("the capabilities leave out what is dangerous or missing in WebAssembly", () => {
    const { builtins, allow_net } = JSON.parse(shipped("capabilities.json")) as { builtins: { name: string }[]; allow_net: unknown };
    const names = builtins.map(({ name }) => name);
    for (const name of [
      "sprintf",
      "http.send",
      "time.now_ns",
      "opa.runtime",
      "regex.replace",
      "regex.split",
      "rand.intn",
      "net.lookup_ip_addr",
    ])
      expect(names).not.toContain(name);
    for (const name of ["print", "assign", "eq", "internal.template_string", "is_set", "json.is_valid"]) expect(names).toContain(name);
    expect(allow_net).toEqual([]);
  });
});
