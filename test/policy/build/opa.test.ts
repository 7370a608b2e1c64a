import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { findOpa, runOpa } from "../../../src/policy/build/opa.ts";
import { packageRoot } from "../../../src/policy/sources/shipped.ts";
import { temporaryFolder } from "../policy-files.ts";

function fakeOpa(file: string, script: string): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

const saying = (version: string): string => `echo "Version: ${version}"`;

describe("finding OPA", () => {
  it("takes SLUICE_OPA first, and nothing else when that is unusable", async () => {
    const folder = temporaryFolder();
    const good = fakeOpa(join(folder, "mine"), saying("1.22.2"));
    expect(await findOpa(packageRoot(), { SLUICE_OPA: good, PATH: "" })).toEqual({ ok: true, value: { path: good, version: "1.22.2" } });
    const old = fakeOpa(join(folder, "old"), saying("1.21.2"));
    expect(await findOpa(packageRoot(), { SLUICE_OPA: old })).toMatchObject({
      ok: false,
      failure: expect.stringContaining("older than 1.21.3") as string,
    });
  });

  it("passes over an old or broken opa on PATH, down to the project's own", async () => {
    const folder = temporaryFolder();
    fakeOpa(join(folder, "a", "opa"), saying("1.20.9"));
    fakeOpa(join(folder, "b", "opa"), "exit 3");
    const own = fakeOpa(join(folder, ".tools", "bin", "opa"), saying("1.21.3"));
    expect(await findOpa(folder, { PATH: `${folder}/a:${folder}/b` })).toEqual({ ok: true, value: { path: own, version: "1.21.3" } });
  });

  it("says in one sentence how to get one when there is none", async () => {
    const found = await findOpa(temporaryFolder(), { PATH: "" });
    expect(found).toMatchObject({
      ok: false,
      failure: expect.stringMatching(/^OPA is not on PATH\. Install OPA 1\.21\.3 or newer/) as string,
    });
  });

  it("runs without a shell and without the environment, and stops what does not finish", async () => {
    const folder = temporaryFolder();
    const printing = fakeOpa(join(folder, "opa"), 'echo "$SLUICE_TEST_SECRET|$1"');
    process.env["SLUICE_TEST_SECRET"] = "secret";
    expect(await runOpa(printing, ["$(id); x"], folder)).toEqual({ code: 0, stdout: "|$(id); x\n", stderr: "" });
    delete process.env["SLUICE_TEST_SECRET"];
    const hanging = fakeOpa(join(folder, "hang"), "while :; do :; done");
    expect(await runOpa(hanging, [], folder, 100)).toMatchObject({
      code: undefined,
      stderr: expect.stringContaining("did not finish") as string,
    });
  });
});
