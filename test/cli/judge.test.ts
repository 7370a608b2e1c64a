import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sluice } from "./sluice-process.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-judge-")));
const AWS_KEY = ["AKIA", "Z7QPMN3TVXKD5RWB"].join("");
const call = (message: string) =>
  JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: { message } } });
const result = (text: string) => JSON.stringify({ jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text }] } });

beforeAll(() => {
  writeFileSync(join(folder, "one.yaml"), "servers: {crm: {url: https://a.example/mcp}}\n");
  writeFileSync(join(folder, "two.yaml"), "servers: {crm: {url: https://a.example/mcp}, docs: {url: https://b.example/mcp}}\n");
  writeFileSync(join(folder, "request.json"), call("who?"));
  const access = "{protocol_and_identity: {access: [{groups: [support], tools: [echo]}]}}";
  writeFileSync(join(folder, "groups.yaml"), `servers: {crm: {url: https://a.example/mcp, settings: ${access}}}\n`);
});
afterAll(() => rmSync(folder, { recursive: true }));

const judge = (input: string, ...args: string[]) => sluice(["judge", ...args, "-"], { cwd: folder, input });
const verdicts = (stdout: string): Record<string, unknown>[] =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

test("prints the exact text that would be forwarded", async () => {
  const odd = '{"jsonrpc":"2.0", "id":9007199254740993,"method":"tools\\/call","params":{"name":"echo","arguments":{"n":1.50}},"x":1e2}';
  const ran = await judge(`${odd}\n`, "--config", "one.yaml");
  expect(ran.code).toBe(0);
  expect(verdicts(ran.stdout)).toMatchObject([{ effect: "allow", findings: [], output: odd }]);
});

test("says what was found where, and exits with 1 when a message is denied", async () => {
  const ran = await judge(call(`key ${AWS_KEY}`), "--config", "one.yaml");
  expect(ran.code).toBe(1);
  const [verdict] = verdicts(ran.stdout);
  expect(verdict).toMatchObject({
    effect: "deny",
    output: null,
    findings: [{ category: "secret", path: "/params/arguments/message", start: 4, end: 24 }],
  });
  expect(ran.stdout).not.toContain(AWS_KEY);
});

test("redacts a result that answers the given request", async () => {
  const args = ["--config", "one.yaml", "--direction", "server_to_client", "--request", "request.json"];
  const ran = await judge(result("write to ada@mail.example.org"), ...args);
  expect(ran.code).toBe(0);
  const [verdict] = verdicts(ran.stdout);
  expect(verdict).toMatchObject({ effect: "redact" });
  expect(verdict?.["output"]).toBe(result("write to [EMAIL_1]"));
});

test("judges one message a line in one flow, malformed ones too, and leaves empty lines out", async () => {
  const lines = [result("a@mail.example.org"), "", "{", '{"jsonrpc":"2.0"}', "  \r", `${result("b@mail.example.org")}\r`];
  const ran = await judge(`${lines.join("\n")}\n`, "--config", "one.yaml", "--direction", "server_to_client", "--lines");
  expect(ran.code).toBe(1);
  expect(verdicts(ran.stdout).map(({ effect, reason, output }) => [effect, reason, output])).toEqual([
    ["redact", undefined, result("[EMAIL_1]")],
    ["error", "ERR_JSON", null],
    ["error", "ERR_MESSAGE", null],
    ["redact", undefined, result("[EMAIL_2]")],
  ]);
});

test.each([
  [["--config", "two.yaml"], "several servers are configured: say which one with --server (crm, docs)"],
  [["--config", "two.yaml", "--server", "dosc"], 'there is no server "dosc" in the configuration. Did you mean "docs"?'],
  [["--config", "one.yaml", "--request", "none.json"], "none.json cannot be read: it does not exist"],
  [["--config", "none.yaml"], "the configuration file cannot be read: it does not exist"],
])("judge %j is a usage error", async (args, message) => {
  const ran = await judge(call("hi"), ...args);
  expect(ran).toMatchObject({ code: 2, stdout: "" });
  expect(ran.stderr).toContain(message);
});

test("takes the only server for granted, and a named one of several", async () => {
  const runs = await Promise.all([
    judge(call("hi"), "--config", "one.yaml"),
    judge(call("hi"), "--config", "two.yaml", "--server", "docs"),
  ]);
  expect(runs.map(({ code }) => code)).toEqual([0, 0]);
});

test("judges as the caller that is named", async () => {
  const [nobody, support] = await Promise.all([
    judge(call("hi"), "--config", "groups.yaml"),
    judge(call("hi"), "--config", "groups.yaml", "--principal", "ann", "--groups", "support,other"),
  ]);
  expect([nobody.code, verdicts(nobody.stdout)[0]?.["reason"]]).toEqual([1, "ERR_NO_GRANT"]);
  expect([support.code, verdicts(support.stdout)[0]?.["effect"]]).toEqual([0, "allow"]);
});

test("says what is wrong with a message that cannot be judged, without quoting it", async () => {
  const ran = await judge('{"jsonrpc":"2.0","id":1,"method":"ping","marker":1}{}', "--config", "one.yaml");
  expect(verdicts(ran.stdout)).toMatchObject([{ effect: "error", reason: "ERR_JSON", detail: expect.stringContaining("at byte 51") }]);
  expect(ran.stdout).not.toContain("marker");
});
