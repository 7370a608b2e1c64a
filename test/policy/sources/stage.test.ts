import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { findOpa, runOpa } from "../../../src/policy/build/opa.ts";
import { stagePolicy } from "../../../src/policy/policy.ts";
import { packageRoot } from "../../../src/policy/sources/shipped.ts";
import { policyConfig, policyFolder, temporaryFolder } from "../policy-files.ts";

const DEMO = 'package policies.demo\n\nallow contains {"id": "demo/all"} if input.target.name in data.org.names\n';
const TEST = `package policies.demo_test

import data.policies.demo

test_allows_a_name_of_the_data if count(demo.allow) == 1 with input as {"target": {"name": "a"}}

test_reads_settings_and_revision if {
	data.server_settings.demo.egress
	data.firewall.revision != ""
}
`;

describe("the staged trees", () => {
  it("are two bundles with roots of their own, on which opa test finds settings and revision", async () => {
    const path = policyFolder({ "demo.rego": DEMO, "demo_test.rego": TEST, "org/data.yaml": "names: [a]\n" });
    const { config, deps } = policyConfig({ path, packs: ["egress"] });
    const stage = temporaryFolder();
    expect(await stagePolicy(config, stage, deps)).toEqual([]);
    const read = (file: string): unknown => JSON.parse(readFileSync(join(stage, file), "utf8"));
    expect(read("A/.manifest")).toEqual({ roots: ["firewall", "settings", "server_settings", "policies/egress", "policies/egress_test"] });
    expect(read("B/.manifest")).toEqual({ roots: ["policies/demo", "policies/demo_test", "org"] });
    expect(read("B/data.json")).toEqual({ org: { names: ["a"] } });
    const opa = await findOpa(packageRoot());
    if (!opa.ok) throw new Error(opa.failure);
    const run = await runOpa(opa.value.path, ["test", "A", "B", "--run", "demo_test"], stage);
    expect(run.stdout).toMatch(/PASS: 2\/2/);
  });

  it("show in the generated entry point every effect that is collected, as ground references", async () => {
    const { config, deps } = policyConfig({ path: policyFolder({ "demo.rego": DEMO, "data.yaml": "org: {names: [a]}\n" }) });
    const stage = temporaryFolder();
    await stagePolicy(config, stage, deps);
    const main = readFileSync(join(stage, "A", "firewall", "main.rego"), "utf8");
    expect(main).toContain('grants contains {"policy": "demo", "element": element} if some element in data.policies.demo.allow');
    expect(main).toContain('malformed contains {"policy": "demo", "effect": "allow"} if not is_set(data.policies.demo.allow)');
    expect(main).toContain(
      'matched contains {"policy": "firewall", "effect": "deny", "element": element} if some element in data.firewall.probe.deny',
    );
  });
});
