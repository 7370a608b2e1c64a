/** Metrics are open to anybody who reaches the port: asking for them without end must not keep the messages of others from being judged. */
import { Agent, request } from "node:http";
import { afterEach, beforeEach, expect, test } from "vitest";
import { send } from "../support/post.ts";
import { json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";
import { serve, type Stage } from "../workers/stage.ts";

const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const ANSWER = '{"jsonrpc":"2.0","id":1,"result":{}}';
const SCRAPERS = 200;
const CALLS = 20;

let upstream: ScriptedUpstream;
let stage: Stage;

beforeEach(async () => {
  upstream = await openUpstream();
  upstream.answer(json(ANSWER));
  stage = await serve(upstream.url, 2);
}, 60_000);
afterEach(async () => {
  await stage.close();
  await upstream.close();
});

// Each was gathered from all workers, by the supervisor that keeps their state: it answered nobody else in time, and calls were denied.
test("calls are answered while two hundred clients ask for metrics all the time", { timeout: 90_000 }, async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: SCRAPERS });
  let going = true;
  let scraped = 0;
  const scrape = (): Promise<void> =>
    new Promise((resolve) => {
      const call = request(`${stage.url}/metrics`, { agent }, (response) => {
        response.resume().on("end", () => {
          scraped += 1;
          resolve();
        });
      });
      call.on("error", () => {
        resolve();
      });
      call.end();
    });
  const scrapers = Array.from({ length: SCRAPERS }, async () => {
    while (going) await scrape();
  });
  await expect.poll(() => scraped, { timeout: 30_000 }).toBeGreaterThan(SCRAPERS);
  const bodies: string[] = [];
  for (let call = 0; call < CALLS; call += 1) bodies.push((await send(`${stage.url}/one/mcp`, { body: PING })).body.toString());
  going = false;
  await Promise.all(scrapers);
  agent.destroy();
  expect(bodies).toEqual(Array.from({ length: CALLS }, () => ANSWER));
});
