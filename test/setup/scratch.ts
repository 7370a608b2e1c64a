/**
 * A scratch checkout for tests of set-up: the real scripts, a tiny lock file, and a PATH that holds only what a test puts there.
 * Must not touch the network or this checkout.
 */
import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const top = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..");

/** What ran, and how it ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

export class Scratch {
  readonly folder = fs.mkdtempSync(path.join(os.tmpdir(), "sluice-setup-"));
  readonly checkout = path.join(this.folder, "checkout");
  /** The only folder on PATH, unless a test adds more. */
  readonly bin = path.join(this.folder, "bin");

  constructor() {
    fs.mkdirSync(this.bin, { recursive: true });
    fs.cpSync(path.join(top, "scripts"), path.join(this.checkout, "scripts"), {
      recursive: true,
      filter: (file) => !file.endsWith(".ts"),
    });
    for (const name of ["package.json", "sluice"]) fs.copyFileSync(path.join(top, name), path.join(this.checkout, name));
    this.lock({ "node_modules/re2": { version: "1.0.0" }, "node_modules/vitest": { version: "1.0.0", dev: true } });
  }

  remove(): void {
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  lock(packages: Record<string, { version: string; dev?: boolean; optional?: boolean }>): void {
    this.write("package-lock.json", JSON.stringify({ lockfileVersion: 3, packages: { "": {}, ...packages } }));
  }

  /** Writes a file of the checkout. */
  write(name: string, content: string): void {
    const file = path.join(this.checkout, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
  }

  /** Puts a command on PATH: `body` is JavaScript that runs under this Node. */
  command(name: string, body: string): void {
    fs.writeFileSync(path.join(this.bin, name), `#!${process.execPath}\n${body}\n`, { mode: 0o755 });
  }

  /** An `npm` that notes each call in calls() and then installs what the lock file names, as npm does: its own record last. */
  npm(before = ""): void {
    this.command(
      "npm",
      `const fs = require("node:fs"), args = process.argv.slice(2);
      fs.appendFileSync(${JSON.stringify(path.join(this.folder, "npm.log"))}, args.filter((arg) => !/^--(foreground|no-a|no-f|prefer|fetch)/.test(arg)).join(" ") + "\\n");
      if (args[0] === "ci") fs.rmSync("node_modules", { recursive: true, force: true });
      ${before}
      const wanted = JSON.parse(fs.readFileSync("package-lock.json", "utf8")).packages, installed = {};
      for (const [name, entry] of Object.entries(wanted)) {
        if (name === "" || (entry.dev && args.includes("--omit=dev"))) continue;
        fs.mkdirSync(name, { recursive: true });
        fs.writeFileSync(name + "/package.json", JSON.stringify({ version: entry.version, main: "index.js" }));
        fs.writeFileSync(name + "/index.js", "module.exports = RegExp;");
        installed[name] = entry;
      }
      fs.writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages: installed }));`,
    );
  }

  /** Every call of the stand-in npm so far. */
  calls(): string[] {
    const log = path.join(this.folder, "npm.log");
    return fs.existsSync(log) ? fs.readFileSync(log, "utf8").trim().split("\n") : [];
  }

  /** Starts a command of the checkout with nothing on PATH but `bin`. */
  start(command: string, args: readonly string[], env: Record<string, string> = {}): { child: ChildProcess; ended: Promise<Ended> } {
    const child = spawn(command, args, {
      cwd: this.checkout,
      env: { PATH: this.bin, HOME: this.folder, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => (out += String(chunk)));
    child.stderr.on("data", (chunk) => (err += String(chunk)));
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code, signal) => resolve({ code, signal, out, err }));
    });
    return { child, ended };
  }

  /** Runs set-up for "serve" or "test" under a Node (this one by default). */
  setUp(scope: "serve" | "test", env: Record<string, string> = {}): Promise<Ended> {
    return this.start(process.execPath, ["scripts/setup.mjs", scope], env).ended;
  }
}

/** Resolves once the process has printed `text`. */
export function printed(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = "";
    child.stdout?.on("data", (chunk) => {
      seen += String(chunk);
      if (seen.includes(text)) resolve();
    });
    child.on("close", () => reject(new Error(`ended before it printed ${JSON.stringify(text)}; it printed ${JSON.stringify(seen)}`)));
  });
}
