/** After a reload nothing is judged by the old policy: an operator who forbids something must not wait for streams to end. */
import { request } from "node:http";
import type { ServerResponse } from "node:http";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers:\n  one: {url: "${upstream.url}"}`);
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const event = (data: string): string =>
  `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"${data}"}}\n\n`;

test("a stream that was open before a reload is judged by the new policy", async () => {
  let stream: ServerResponse | undefined;
  upstream.answer((_received, response) => {
    stream = response;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(event("before"));
  });
  let seen = "";
  const call = request(gateway.endpoint("one"), { headers: { accept: "text/event-stream" } }, (response) => {
    response.on("data", (chunk: Buffer) => {
      seen += chunk.toString();
    });
    response.on("error", () => {});
  });
  call.on("error", () => {});
  call.end();
  while (!seen.includes("before")) await wait(5);

  writeFileSync(
    gateway.configFile,
    `${readFileSync(gateway.configFile, "utf8")}\npolicy: {settings: {protocol_and_identity: {access: []}}}\n`,
  );
  const loaded = await loadConfig(gateway.configFile);
  if (!loaded.ok) throw new Error("configuration");
  expect((await gateway.gateway.reload(loaded.value.config, { locate: loaded.value.locate })).ok).toBe(true);
  stream?.write(event("after"));
  await wait(200);
  call.destroy();
  expect(seen).not.toContain("after");
});
