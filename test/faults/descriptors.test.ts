/** A process without free file descriptors keeps standing: what needs one fails, each call on its own, and all is well when some are free. */
import { type ChildProcess, execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startSluice } from "../cli/sluice-process.ts";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
const CALL = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}';
const hasPrlimit = spawnSync("prlimit", ["--version"]).status === 0;

let upstream: ScriptedUpstream;
let folder: string;
let child: ChildProcess;
let url: string;
const sockets: Socket[] = [];

beforeEach(async () => {
  upstream = await openUpstream();
  upstream.answer(json(RESULT));
  folder = mkdtempSync(join(tmpdir(), "sluice-fds-"));
  const file = join(folder, "sluice.yaml");
  writeFileSync(
    file,
    `listen: 127.0.0.1:0\nlog: {level: silent}\naudit: {file: ./audit.jsonl}\nservers: {one: {url: "${upstream.url}"}}\n`,
  );
  child = startSluice(["serve", "--config", file]);
  url = await new Promise((resolve, reject) => {
    let said = "";
    child.stdout?.on("data", (text: Buffer) => {
      said += text.toString();
      const found = /(http:\/\/127\.0\.0\.1:\d+)\/one\/mcp\n/.exec(said);
      if (found?.[1] !== undefined) resolve(found[1]);
    });
    child.once("exit", () => reject(new Error("the gateway did not start")));
  });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  child.kill("SIGKILL");
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The process and those that it started. */
function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((each) => each !== "");
  return [pid, ...children.flatMap((each) => family(Number(each)))];
}

test.skipIf(!hasPrlimit)("file descriptors run out and come back", { timeout: 60_000 }, async () => {
  for (let warm = 0; warm < 3; warm += 1) expect((await send(`${url}/one/mcp`, { body: CALL })).body.toString()).toBe(RESULT);
  const pids = family(child.pid ?? 0);
  // Room for a few connections besides what each process has open now.
  for (const pid of pids) execFileSync("prlimit", [`--pid=${pid}`, `--nofile=${readdirSync(`/proc/${pid}/fd`).length + 12}`]);
  const { hostname, port } = new URL(url);
  for (let at = 0; at < 60; at += 1) {
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    sockets.push(socket);
  }
  // Calls on connections that got in: each is answered, from the server or with its failure, and none stays without.
  const texts = await Promise.all(
    sockets.slice(0, 40).map(
      (socket) =>
        new Promise<string>((resolve) => {
          let text = "";
          const done = (): void => resolve(text);
          socket.on("data", (chunk: Buffer) => {
            text += chunk.toString();
            if (text.includes("\r\n\r\n{")) done();
          });
          socket.on("close", done);
          setTimeout(done, 3000);
          socket.write(
            `POST /one/mcp HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\nContent-Length: ${CALL.length}\r\n\r\n${CALL}`,
          );
        }),
    ),
  );
  const answered = texts.filter((text) => text !== "");
  expect(answered.length).toBeGreaterThan(0);
  for (const text of answered) expect(text).toMatch(/^HTTP\/1\.1 (200|502|503|504) /);
  expect(child.exitCode).toBeNull();
  expect(family(child.pid ?? 0)).toEqual(pids);
  for (const socket of sockets.splice(0)) socket.destroy();
  const again = (): Promise<string> =>
    send(`${url}/one/mcp`, { body: CALL }).then(
      ({ body }) => body.toString(),
      () => "",
    );
  await expect.poll(again, { timeout: 20_000 }).toBe(RESULT);
  const lines = readFileSync(join(folder, "audit.jsonl"), "utf8").trimEnd().split("\n");
  for (const line of lines) JSON.parse(line);
  expect(lines.filter((line) => line.includes('"direction":"client_to_server","kind":"message"'))).toHaveLength(
    upstream.received.length + lines.filter((line) => line.includes('"kind":"synthetic"')).length,
  );
});
