/** What Sluice sends of its own accord is bounded: a server must not make it pile up. */
import { request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

let upstream: ScriptedUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await openUpstream();
  gateway = await openGateway(`servers:\n  one: {url: "${upstream.url}"}\nlimits: {connections: 4}`);
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

// Every denied request of a server is answered by a POST of its own, which waits in a queue without bound and without a time limit while
// the server does not take them: one endless stream fills the memory of the process, and with it stops every other server.
test("a server that asks without end and takes no answer does not fill the memory with answers", async () => {
  const asked = 3000;
  let holding = true;
  let answers = 0;
  const held: (() => void)[] = [];
  upstream.answer((received, response) => {
    if (received.method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('data: {"jsonrpc":"2.0","id":7,"method":"sampling/createMessage"}\n\n'.repeat(asked));
    } else {
      answers += 1;
      const accept = (): void => {
        response.writeHead(202).end();
      };
      if (holding) held.push(accept);
      else accept();
    }
  });
  const call = request(gateway.endpoint("one"), { headers: { accept: "text/event-stream" } });
  call.on("error", () => {});
  call.end();
  while (gateway.records().filter(({ direction }) => direction === "server_to_client").length < asked) await wait(50);
  holding = false;
  for (const accept of held.splice(0)) accept();
  let seen = -1;
  while (seen !== answers) {
    seen = answers;
    await wait(200);
  }
  call.destroy();
  expect(answers).toBeLessThan(500);
});
