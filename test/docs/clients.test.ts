/** The code that docs/connect-clients.md shows connects through Sluice with an API key and prints what the page says. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashApiKey, newApiKey } from "../../src/authn/api-key.ts";
import { type ChildServer, startChildServer } from "../../src/tour/child-server.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { type Block, blocksOf, read, ROOT } from "./blocks.ts";

const PAGE = "docs/connect-clients.md";
const clients = blocksOf(PAGE).filter(({ marks }) => marks.has("client"));
const key = newApiKey();
let crm: ChildServer;
let running: TestGateway;
/** Below the project, so that the code finds its SDK. */
let folder: string;

beforeAll(async () => {
  mkdirSync(join(ROOT, ".sluice"), { recursive: true });
  folder = mkdtempSync(join(ROOT, ".sluice", "clients-"));
  crm = await startChildServer([join(ROOT, "src", "tour", "crm-server.ts")]);
  running = await openGateway(
    `authn: {api_keys: [{id: docs, sha256: ${hashApiKey(key)}}]}\nservers: {crm: {url: "http://127.0.0.1:${crm.port}/mcp"}}`,
  );
});
afterAll(async () => {
  await running.close();
  await crm.stop();
  rmSync(folder, { recursive: true });
});

test("there is code for both generations of the SDK", () => {
  expect(clients.map(({ marks }) => marks.get("client"))).toEqual(["v1", "v2"]);
});

test.each(clients.map((block): [string, Block] => [block.marks.get("client") ?? "", block]))("the code for %s", async (name, { text }) => {
  const file = join(folder, `${name}.ts`);
  expect(text).toContain("http://127.0.0.1:8080/crm/mcp");
  writeFileSync(file, text.replace("http://127.0.0.1:8080/crm/mcp", running.endpoint("crm")));
  const { stdout } = await promisify(execFile)(process.execPath, [file], { env: { ...process.env, SLUICE_KEY: key } });
  expect(read(PAGE)).toContain(`\`\`\`text\n${stdout}\`\`\`\n`);
});

test("the page's key is needed", async () => {
  expect((await fetch(running.endpoint("crm"), { method: "POST" })).status).toBe(401);
});
