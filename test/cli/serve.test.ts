import { once } from "node:events";
import { mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { sluice, startSluice } from "./sluice-process.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-serve-")));
const config = join(folder, "sluice.yaml");
const running = new Set<ReturnType<typeof startSluice>>();
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A started `sluice serve` and what it has said so far. */
async function serve(args: readonly string[]) {
  const child = startSluice(["serve", ...args], { cwd: folder });
  running.add(child);
  const said = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      said[name] += text;
      for (const look of waiting) look();
    });
  }
  const says = (name: "stdout" | "stderr", pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(said[name]);
        if (found === null) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      child.once("exit", () => reject(new Error(`it ended and said ${JSON.stringify(said)}`)));
      look();
    });
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    const ended = once(child, "exit");
    child.kill(signal);
    return ((await ended) as [number | null])[0];
  };
  return { child, said, says, stop };
}

test("serves, says where clients connect, keeps what runs when a reload fails, reloads, and stops", { timeout: 60_000 }, async () => {
  writeFileSync(config, "listen: 127.0.0.1:0\nservers: {crm: {url: http://127.0.0.1:9/mcp}}\n");
  const { child, said, says, stop } = await serve(["--config", "sluice.yaml"]);
  const [, base] = await says("stdout", /^ {2}crm {2}(http:\/\/127\.0\.0\.1:\d+)\/crm\/mcp$/m);
  expect((await fetch(`${base}/readyz`)).status).toBe(200);

  writeFileSync(config, "listen: 127.0.0.1:0\nservers: {crm: {url: http://127.0.0.1:9/mcp, trsut: partner}}\n");
  child.kill("SIGHUP");
  await says("stderr", /^Not reloaded: the running configuration and policy stay\.$/m);
  expect(said.stderr).toContain('sluice.yaml:2:46: error: unknown key "trsut". Did you mean "trust"? [config/unknown-key]');
  expect((await fetch(`${base}/readyz`)).status).toBe(200);
  expect((await fetch(`${base}/docs/mcp`, { method: "POST" })).status).toBe(404);

  const audit = join(folder, "sluice-audit.jsonl");
  renameSync(audit, `${audit}.1`);
  writeFileSync(config, "listen: 127.0.0.1:1\nservers: {crm: {url: http://127.0.0.1:9/mcp}, docs: {url: http://127.0.0.1:9/mcp}}\n");
  child.kill("SIGHUP");
  await says("stdout", /^Reloaded: policy revision \S+$/m);
  expect(said.stderr).toContain("Restart to make the new listen take effect.");
  expect(readFileSync(audit, "utf8")).toBe("");
  expect((await fetch(`${base}/docs/mcp`, { method: "POST" })).status).not.toBe(404);

  expect(await stop("SIGTERM")).toBe(0);
});

test("a SIGHUP during the start is obeyed when there is something to reload", { timeout: 60_000 }, async () => {
  writeFileSync(config, "listen: 127.0.0.1:0\nservers: {crm: {url: 'http://127.0.0.1:9/mcp?api_key=x'}}\n");
  const { child, says, stop } = await serve(["--config", "sluice.yaml"]);
  // The configuration is read, and nothing else is there.
  await says("stderr", /warning/);
  child.kill("SIGHUP");
  await says("stdout", /^Sluice is ready/m);
  await says("stdout", /^Reloaded: policy revision/m);
  expect(await stop("SIGTERM")).toBe(0);
});

test("serves one upstream without a file, and stops at Ctrl-C", { timeout: 60_000 }, async () => {
  const { says, stop } = await serve(["--upstream", "http://127.0.0.1:9/mcp", "--listen", "127.0.0.1:0"]);
  const [, url] = await says("stdout", /^ {2}upstream {2}(\S+\/upstream\/mcp)$/m);
  expect((await fetch(url ?? "", { method: "POST" })).status).not.toBe(404);
  expect(await stop("SIGINT")).toBe(0);
});

test.each([
  [[], "say what to serve: --config FILE, or --upstream URL for one server"],
  [["--config", "none.yaml"], "none.yaml: error: the configuration file cannot be read: it does not exist."],
  [["--upstream", "mcp.example.com"], "--upstream: error: this is not a URL."],
  [
    ["--upstream", "https://a.example/mcp", "--listen", "0.0.0.0:0"],
    "--upstream: error: whoever reaches this address may call every server",
  ],
])("refuses to start with %j", async (args, message) => {
  const ran = await sluice(["serve", ...args], { cwd: folder });
  expect(ran).toMatchObject({ code: 2, stdout: "" });
  expect(ran.stderr).toContain(message);
});

test("refuses to start when the address is taken", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const address = holder.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  const ran = await sluice(["serve", "--upstream", "http://127.0.0.1:9/mcp", "--listen", `127.0.0.1:${address.port}`], { cwd: folder });
  holder.close();
  expect(ran).toMatchObject({ code: 2, stdout: "" });
  expect(ran.stderr).toContain("error: ");
});

test("a policy that no worker accepts is said once, and nothing else is", { timeout: 60_000 }, async () => {
  writeFileSync(join(folder, "junk.tar.gz"), "no bundle");
  writeFileSync(config, "listen: 127.0.0.1:0\nservers: {crm: {url: http://127.0.0.1:9/mcp}}\npolicy: {path: ./junk.tar.gz}\n");
  const { code, stdout, stderr } = await sluice(["serve", "--config", "sluice.yaml", "--workers", "2"], { cwd: folder });
  expect({ code, stdout, stderr }).toEqual({
    code: 2,
    stdout: "",
    stderr: "junk.tar.gz: error: The bundle cannot be read: incorrect header check. [policy/bundle]\n1 error\n",
  });
});
