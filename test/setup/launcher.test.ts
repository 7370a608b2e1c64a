/** `./sluice` and what `npm start` runs: the right Node, the program's own exit code and signals, nothing on stderr. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findOldNode } from "./old-node.ts";
import { printed, Scratch } from "./scratch.ts";

const oldNode = findOldNode();
const noOldNode = "no Node older than 22 on PATH";
const launcher = "./sluice";

let scratch: Scratch;
beforeEach(() => {
  scratch = new Scratch();
  fs.symlinkSync(process.execPath, path.join(scratch.bin, "node"));
  for (const name of ["dirname", "readlink"]) fs.symlinkSync(path.join("/usr/bin", name), path.join(scratch.bin, name));
  fs.mkdirSync(path.join(scratch.checkout, "node_modules"));
  program(
    "console.log(JSON.stringify({ args: process.argv.slice(2), node: process.versions.node })); process.exit(Number(process.argv[2]));",
  );
});
afterEach(() => {
  scratch.remove();
});

function program(source: string): void {
  scratch.write("src/main.ts", source);
}

function usePreparedNode(): void {
  fs.mkdirSync(path.join(scratch.checkout, ".tools", "bin"), { recursive: true });
  fs.symlinkSync(process.execPath, path.join(scratch.checkout, ".tools", "bin", "node"));
}

function useOldNodeOnPath(): void {
  fs.rmSync(path.join(scratch.bin, "node"));
  fs.symlinkSync(oldNode ?? "", path.join(scratch.bin, "node"));
}

describe("the launcher", () => {
  test("passes arguments and the exit code through, and adds nothing to stderr", async () => {
    const run = await scratch.start(launcher, ["3", "--config", "a b.yaml"]).ended;
    expect(run).toMatchObject({ code: 3, err: "" });
    expect(JSON.parse(run.out)).toMatchObject({ args: ["3", "--config", "a b.yaml"] });
  });

  test("is the program's own process: a signal reaches the program, and its exit code comes back", async () => {
    program('process.on("SIGINT", () => process.exit(7)); console.log("ready"); setInterval(() => {}, 1000);');
    const { child, ended } = scratch.start(launcher, []);
    await printed(child, "ready");
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 7, signal: null });
  });

  test("works through a link from another folder, as an installed command does", async () => {
    const link = path.join(scratch.folder, "linked");
    fs.symlinkSync("checkout/sluice", link);
    expect((await scratch.start(link, ["0"]).ended).code).toBe(0);
  });

  test("runs the built package where there is no source", async () => {
    fs.rmSync(path.join(scratch.checkout, "src"), { recursive: true });
    scratch.write("dist/main.js", 'console.log("built"); process.exitCode = 4;');
    expect(await scratch.start(launcher, []).ended).toMatchObject({ code: 4, out: "built\n" });
  });

  test("says how to set up a fresh checkout", async () => {
    fs.rmdirSync(path.join(scratch.checkout, "node_modules"));
    expect(await scratch.start(launcher, []).ended).toMatchObject({ code: 2, err: expect.stringContaining("npm run setup") });
  });

  test("says so when there is no Node at all", async () => {
    fs.rmSync(path.join(scratch.bin, "node"));
    expect(await scratch.start(launcher, []).ended).toMatchObject({
      code: 2,
      err: expect.stringContaining("sluice needs Node: install it"),
    });
  });

  test("runs under the prepared Node when the one on PATH is too old", async ({ skip }) => {
    skip(oldNode === undefined, noOldNode);
    useOldNodeOnPath();
    usePreparedNode();
    const run = await scratch.start(launcher, ["0"]).ended;
    expect(JSON.parse(run.out)).toMatchObject({ node: process.versions.node });
  });

  test("names the Node that it needs when it finds only an older one", async ({ skip }) => {
    skip(oldNode === undefined, noOldNode);
    useOldNodeOnPath();
    expect(await scratch.start(launcher, []).ended).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^sluice needs Node \^22.* `npm run setup`/),
    });
  });
});

describe("npm start", () => {
  beforeEach(() => {
    scratch.npm();
    scratch.command("opa", 'console.log("Version: 1.22.2")');
  });
  const start = (...args: string[]) => scratch.start(process.execPath, ["scripts/run.mjs", "start", ...args]);

  test("sets up, then runs the tour, or serves what it is given", async () => {
    program("console.log(process.argv.slice(2).join(' '));");
    expect((await start().ended).out.trim().split("\n").at(-1)).toBe("tour");
    expect((await start("--config", "my.yaml").ended).out.trim().split("\n").at(-1)).toBe("serve --config my.yaml");
    expect((await start("--upstream=https://host/mcp").ended).out.trim().split("\n").at(-1)).toBe("serve --upstream=https://host/mcp");
  });

  test("ends with the program's exit code", async () => {
    program("process.exitCode = 5;");
    expect((await start().ended).code).toBe(5);
  });

  test("ends with what a shell says about a program that a signal ended", async () => {
    program('process.kill(process.pid, "SIGKILL");');
    expect((await start().ended).code).toBe(128 + os.constants.signals.SIGKILL);
  });

  test("hands signals on and waits for the program", async () => {
    program(
      'process.on("SIGINT", () => setTimeout(() => { console.log("closed"); process.exit(6); }, 50)); console.log("ready"); setInterval(() => {}, 1000);',
    );
    const { child, ended } = start();
    await printed(child, "ready");
    child.kill("SIGINT");
    const run = await ended;
    expect(run).toMatchObject({ code: 6, signal: null });
    expect(run.out).toContain("closed");
  });

  test("does not start the program when set-up failed", async () => {
    fs.rmSync(path.join(scratch.bin, "opa"));
    program('console.log("started");');
    const run = await start().ended;
    expect(run.code).toBe(1);
    expect(run.out).not.toContain("started");
  });

  /** An npm that "brings" this very Node, with the given hash in its record. */
  function npmBringsNode(integrity: string): void {
    scratch.npm(`
      const node = args.find((arg) => /^node-/.test(arg))?.split("@")[0];
      if (node !== undefined) {
        fs.mkdirSync("node_modules/" + node + "/bin", { recursive: true });
        fs.symlinkSync(${JSON.stringify(process.execPath)}, "node_modules/" + node + "/bin/node");
        const packages = { ["node_modules/" + node]: { integrity: ${JSON.stringify(integrity)} } };
        fs.writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages }));
        return;
      }`);
    program("console.log(process.versions.node);");
  }

  test("brings a newer Node first when the running one is too old", async ({ skip }) => {
    skip(oldNode === undefined, noOldNode);
    const recorded = fs.readFileSync(path.join(scratch.checkout, "scripts/setup/node.mjs"), "utf8");
    npmBringsNode(new RegExp(`"node-${process.platform}-${process.arch}": "(sha512-[^"]+)"`).exec(recorded)?.[1] ?? "");
    const run = await scratch.start(oldNode ?? "", ["scripts/run.mjs", "start"]).ended;
    expect(run).toMatchObject({ code: 0, err: "" });
    expect(run.out).toMatch(/brought, because the running one is \d+/);
    expect(run.out.trim().split("\n").at(-1)).toBe(process.versions.node);
  });

  test("does not use a Node whose content is not the recorded one", async ({ skip }) => {
    skip(oldNode === undefined, noOldNode);
    npmBringsNode("sha512-other");
    const run = await scratch.start(oldNode ?? "", ["scripts/run.mjs", "start"]).ended;
    expect(run.code).toBe(1);
    expect(run.out).toMatch(/^npm brought .* with another content than the one recorded .*: not used\.$/m);
    expect(fs.existsSync(path.join(scratch.checkout, ".tools", "bin", "node"))).toBe(false);
  });
});
