/** What a request takes of the process is given back whatever becomes of it. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { createApp } from "../../src/http/app.ts";
import { Load } from "../../src/http/load.ts";
import { OpenCalls } from "../../src/http/open-calls.ts";
import { createLogger } from "../../src/observe/logger.ts";
import { join } from "node:path";

// The second is a spelling that express routes.
test.each(["mcp", "mcp/"])("a call to …/%s whose carrying fails is answered, and not counted for ever", async (path) => {
  const loaded = await loadConfig(join(import.meta.dirname, "..", "..", "fixtures", "readme", "sluice.yaml"));
  if (!loaded.ok) throw new Error("configuration");
  const { servers } = loaded.value.config;
  const load = new Load(
    () => ({ in_flight: 10, buffered: 1000, lag_ms: 1000 }),
    () => 0,
  );
  const app = createApp({
    servers: () => servers,
    carry: () => Promise.reject(new Error("carrying failed")),
    ready: () => true,
    standing: () => undefined,
    scrape: () => Promise.resolve(""),
    hosts: { check: () => ({ ok: true, value: undefined }) },
    calls: new OpenCalls(),
    takeMs: () => 1000,
    enter: () => load.enter(),
    refused: () => "none",
    log: createLogger("silent"),
  });
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const [name] = [...servers.keys()];
  const answer = await fetch(`http://127.0.0.1:${port}/${name}/${path}`);
  expect(answer.status).toBe(500);
  await answer.text();
  for (let tries = 0; load.calls > 0 && tries < 100; tries += 1) await wait(10);
  expect(load.calls).toBe(0);
  server.close();
  server.closeAllConnections();
});
