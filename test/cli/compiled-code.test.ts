import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const CODE = join(import.meta.dirname, "..", "..", "src", "compiled-code.js");

let root: string;
let folder: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sluice-installation-"));
  folder = join(root, ".sluice", "compiled");
  writeFileSync(join(root, "part.ts"), 'export const answer: string = "forty-two";\n');
  writeFileSync(
    join(root, "start.mjs"),
    `const { keepCompiledCode } = await import(${JSON.stringify(CODE)});
keepCompiledCode(${JSON.stringify(root)}, process.env);
const { answer } = await import("./part.ts");
process.stdout.write(JSON.stringify({ answer, told: process.env.NODE_COMPILE_CACHE }));
`,
  );
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** Starts the small program; answers what it said, and whether Node took compiled code of its own keeping. */
async function start(): Promise<{ answer: string; told: string | undefined; reused: boolean }> {
  const env: NodeJS.ProcessEnv = { ...process.env, NODE_DEBUG_NATIVE: "COMPILE_CACHE" };
  delete env["NODE_COMPILE_CACHE"];
  delete env["NODE_V8_COVERAGE"];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(root, "start.mjs")], { env });
  const said = JSON.parse(stdout) as { answer: string; told: string | undefined };
  return { answer: said.answer, told: said.told, reused: /part\.ts was accepted/.test(stderr) };
}

const entries = (): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  );

describe("compiled code", () => {
  it("is kept by a start and used by the next, and processes that it starts are told where it is", async () => {
    expect(await start()).toEqual({ answer: "forty-two", told: folder, reused: false });
    expect(entries().length).toBeGreaterThan(0);
    expect(await start()).toEqual({ answer: "forty-two", told: folder, reused: true });
  });

  it("that is broken is compiled again", async () => {
    await start();
    for (const file of entries()) writeFileSync(file, Buffer.alloc(400, 0x2a));
    expect(await start()).toEqual({ answer: "forty-two", told: folder, reused: false });
    expect((await start()).reused).toBe(true);
  });

  it("of another version of a file is not used", async () => {
    await start();
    writeFileSync(join(root, "part.ts"), 'export const answer: string = "forty-one";\n');
    expect(await start()).toEqual({ answer: "forty-one", told: folder, reused: false });
  });

  it("is not taken from a folder that others can enter", async () => {
    await start();
    chmodSync(folder, 0o777);
    expect(await start()).toEqual({ answer: "forty-two", told: undefined, reused: false });
  });

  it("is not kept behind a link", async () => {
    const elsewhere = join(root, "elsewhere");
    mkdirSync(elsewhere, { mode: 0o700 });
    mkdirSync(join(root, ".sluice"));
    symlinkSync(elsewhere, folder);
    expect(await start()).toEqual({ answer: "forty-two", told: undefined, reused: false });
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  it("that cannot be kept does not keep anything from starting", async () => {
    writeFileSync(join(root, ".sluice"), "in the way");
    expect(await start()).toEqual({ answer: "forty-two", told: undefined, reused: false });
    expect(existsSync(folder)).toBe(false);
  });
});
