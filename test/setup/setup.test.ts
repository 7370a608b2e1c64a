/** Set-up does what is missing, once, and says in one sentence what it cannot do. Stand-ins for npm, Go and OPA: no network. */
import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Scratch } from "./scratch.ts";

let scratch: Scratch;
beforeEach(() => {
  scratch = new Scratch();
});
afterEach(() => {
  scratch.remove();
});

const says = (version: string): string => `console.log("Version: ${version}");`;

describe("a second run", () => {
  beforeEach(() => {
    scratch.npm();
    scratch.command("opa", says("1.22.2"));
    scratch.command("regal", says("0.42.0"));
  });

  test("does nothing when nothing changed", async () => {
    expect(await scratch.setUp("test")).toMatchObject({ code: 0, err: "" });
    const second = await scratch.setUp("test");
    expect(second.out).toMatch(/^set-up: nothing to do \(/);
    expect(scratch.calls()).toEqual(["ci --include=dev"]);
  });

  test("adds the test tools to what serves without installing that again", async () => {
    await scratch.setUp("serve");
    await scratch.setUp("test");
    await scratch.setUp("serve");
    expect(scratch.calls()).toEqual(["ci --omit=dev", "install --no-save --include=dev"]);
  });

  test("installs again when the lock file changed", async () => {
    await scratch.setUp("serve");
    scratch.lock({ "node_modules/re2": { version: "2.0.0" } });
    await scratch.setUp("serve");
    expect(scratch.calls()).toEqual(["ci --omit=dev", "ci --omit=dev"]);
  });

  test("keeps what somebody installed by hand from the same lock file", async () => {
    await scratch.setUp("test");
    fs.rmSync(path.join(scratch.checkout, ".tools"), { recursive: true });
    const second = await scratch.setUp("test");
    expect(second.out).toContain("already installed");
    expect(scratch.calls()).toHaveLength(1);
  });

  test("starts the installation again after one that was interrupted", async () => {
    scratch.npm('console.log("half"); fs.mkdirSync("node_modules/re2", { recursive: true }); setInterval(() => {}, 1000); return;');
    const { child, ended } = scratch.start(process.execPath, ["scripts/setup.mjs", "serve"]);
    await until(() => fs.existsSync(path.join(scratch.checkout, "node_modules", "re2")));
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 130, err: expect.stringContaining("interrupted") });
    scratch.npm();
    expect(await scratch.setUp("serve")).toMatchObject({ code: 0 });
    expect(scratch.calls()).toEqual(["ci --omit=dev", "ci --omit=dev"]);
  });

  test("starts from nothing when adding the test tools was interrupted", async () => {
    await scratch.setUp("serve");
    scratch.npm("process.exit(1);");
    expect(await scratch.setUp("test")).toMatchObject({ code: 1 });
    scratch.npm();
    await scratch.setUp("test");
    expect(scratch.calls().at(-1)).toBe("ci --include=dev");
  });

  test("looks again at an OPA that was replaced by an older one", async () => {
    await scratch.setUp("serve");
    scratch.command("opa", says("1.2.0 "));
    expect((await scratch.setUp("serve")).out).toContain("OPA 1.2.0 on PATH is older than 1.21.3");
  });

  test("waits for the one that runs already", async () => {
    scratch.npm("const end = Date.now() + 300; while (Date.now() < end);");
    const first = scratch.start(process.execPath, ["scripts/setup.mjs", "serve"]);
    await until(() => fs.existsSync(path.join(scratch.checkout, ".tools", "setup.lock")));
    const second = await scratch.setUp("serve");
    expect((await first.ended).code).toBe(0);
    expect(second.out).toContain("waiting for the one that runs already");
    expect(scratch.calls()).toHaveLength(1);
  });
});

describe("a missing prerequisite is one sentence", () => {
  test("neither OPA nor Go", async () => {
    scratch.npm();
    const run = await scratch.setUp("serve");
    expect(run.code).toBe(1);
    expect(run.out).toMatch(/^OPA is missing, and so is Go: install OPA 1\.21\.3 or newer \(https:\S+\) .* or Go 1\.26 or newer/m);
  });

  test("a Go that is too old", async () => {
    scratch.npm();
    scratch.command("go", 'console.error("go: go.mod requires go >= 1.26.8 (running go 1.20.1; GOTOOLCHAIN=local)"); process.exit(1);');
    expect((await scratch.setUp("serve")).out).toMatch(/^OPA is missing, and the Go on this machine is too old to build it: install /m);
  });

  test("no network for Go", async () => {
    scratch.npm();
    scratch.command("go", 'console.error("dial tcp: lookup modules.example.org: no such host"); process.exit(1);');
    expect((await scratch.setUp("serve")).out).toMatch(/^The network failed while Go fetched the sources of OPA \(no such host\): check /m);
  });

  test("no npm", async () => {
    scratch.command("opa", says("1.22.2"));
    expect((await scratch.setUp("serve")).out).toMatch(/^npm is missing: install it/m);
  });

  test("no network for npm", async () => {
    scratch.command("opa", says("1.22.2"));
    scratch.npm('console.error("npm error code ENOTFOUND"); process.exit(1);');
    expect((await scratch.setUp("serve")).out).toMatch(/^The network failed while npm fetched the dependencies \(ENOTFOUND\): check /m);
  });

  test("no compiler for re2", async () => {
    scratch.command("opa", says("1.22.2"));
    scratch.npm('console.error("npm error path node_modules/re2\\nnpm error gyp ERR! find Python"); process.exit(1);');
    scratch.command("make", "");
    expect((await scratch.setUp("serve")).out).toMatch(
      /^re2 has no ready binary .* needs python3 and g\+\+: install them \(Debian, Ubuntu: apt-get install /m,
    );
  });

  test("an install script that npm was told not to run", async () => {
    scratch.command("opa", says("1.22.2"));
    scratch.npm();
    scratch.command(
      "npm",
      `${fs.readFileSync(path.join(scratch.bin, "npm"), "utf8").split("\n").slice(1).join("\n").replace("module.exports = RegExp;", "throw 1;")}`,
    );
    expect((await scratch.setUp("serve")).out).toMatch(/^re2's native part is not built: if npm is set to ignore-scripts, run /m);
    expect(scratch.calls()).toEqual(["ci --omit=dev", "rebuild re2"]);
  });
});

describe("a tool that is not on PATH", () => {
  const go = (version: string): string =>
    `const fs = require("node:fs"), out = process.argv[process.argv.indexOf("-o") + 1];
     fs.writeFileSync(out, "#!${process.execPath}\\nconsole.log('Version: ${version}')", { mode: 0o755 });`;

  test("is built once and kept", async () => {
    scratch.npm();
    scratch.command("go", go("1.22.2"));
    expect((await scratch.setUp("serve")).out).toContain("built from its Go module");
    expect(fs.readdirSync(path.join(scratch.checkout, ".tools", "bin")).sort()).toEqual(["node", "opa"]);
    expect((await scratch.setUp("serve")).out).toContain("nothing to do");
  });

  test("leaves nothing half-written behind when its build fails, and the other steps are kept", async () => {
    scratch.npm();
    scratch.command("go", `${go("1")}; process.exit(2);`);
    expect((await scratch.setUp("serve")).out).toContain("set-up failed (opa)");
    expect(fs.readdirSync(path.join(scratch.checkout, ".tools", "bin"))).toEqual(["node"]);
    scratch.command("go", go("1.22.2"));
    const second = await scratch.setUp("serve");
    expect(second.code).toBe(0);
    expect(scratch.calls()).toHaveLength(1);
  });
});

/** Waits for a condition that a child process brings about; the test's own time limit bounds it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}
