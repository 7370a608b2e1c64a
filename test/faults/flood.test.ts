/**
 * More than a process can hold: what does not fit is refused with a whole answer, everything that was sent is accounted for, memory stays
 * where it was told to stay, and when it is over everybody is served again.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hashApiKey, newApiKey } from "../../src/authn/api-key.ts";
import type { AuditRecord } from "../../src/audit/record.ts";
import { startSluice } from "../cli/sluice-process.ts";
import { sumOf } from "../support/metrics.ts";
import { send } from "../support/post.ts";
import { openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const MIB = 1024 * 1024;
const CLIENTS = 80;
const ROUNDS = 4;

let upstream: ScriptedUpstream;
let folder: string;
let child: ChildProcess;
let url: string;

beforeEach(async () => {
  upstream = await openUpstream();
  folder = mkdtempSync(join(tmpdir(), "sluice-flood-"));
});
afterEach(async () => {
  child.kill("SIGKILL");
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(limits: string, more = ""): Promise<void> {
  const file = join(folder, "sluice.yaml");
  writeFileSync(
    file,
    `listen: 127.0.0.1:0\nlog: {level: silent}\naudit: {file: ./audit.jsonl}\nservers: {one: {url: "${upstream.url}"}}\nlimits: ${limits}\n${more}`,
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
}

const records = (): AuditRecord[] =>
  readFileSync(join(folder, "audit.jsonl"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditRecord);

const scrape = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();

interface Seen {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly answer: { readonly id: unknown; readonly error?: { readonly code: number; readonly data?: { readonly decision_id?: string } } };
}

function post(agent: Agent, body: string): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const call = request(
      `${url}/one/mcp`,
      { method: "POST", agent, headers: { "content-type": "application/json", accept: "application/json", "content-length": body.length } },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        response.on("error", reject);
        response.on("end", () => {
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: response.headers["retry-after"],
            answer: JSON.parse(text) as Seen["answer"],
          });
        });
      },
    );
    call.on("error", reject);
    call.end(body);
  });
}

const call = (id: number, padding: number): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"t":"${"x".repeat(padding)}"}}}`;

test("a flood of large bodies is refused in good order, within bounds, and is over when it is over", { timeout: 120_000 }, async () => {
  upstream.answer((received, response) => {
    const { id } = JSON.parse(received.body) as { id: number };
    setTimeout(() => {
      response.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc":"2.0","id":${id},"result":{"content":[]}}`);
    }, 150);
  });
  await serve("{buffered: 4MiB, in_flight: 12}");
  const before = sumOf(await scrape(), "process_resident_memory_bytes");
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  let next = 0;
  let peak = 0;
  let healthy = 0;
  let flooding = true;
  const watching = (async () => {
    while (flooding) {
      peak = Math.max(peak, sumOf(await scrape(), "process_resident_memory_bytes"));
      if ((await fetch(`${url}/healthz`)).status === 200) healthy += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  const client = async (): Promise<Seen[]> => {
    const seen: Seen[] = [];
    for (let round = 0; round < ROUNDS; round += 1) seen.push(await post(agent, call((next += 1), MIB / 2)));
    return seen;
  };
  const seen = (await Promise.all(Array.from({ length: CLIENTS }, client))).flat();
  flooding = false;
  await watching;
  agent.destroy();

  const answered = seen.filter(({ status }) => status === 200);
  const refused = seen.filter(({ status }) => status === 503);
  expect(answered.length + refused.length).toBe(CLIENTS * ROUNDS);
  expect(answered.length).toBeGreaterThan(0);
  expect(refused.length).toBeGreaterThan(CLIENTS);
  for (const { answer } of answered) expect(answer).toMatchObject({ result: { content: [] } });
  for (const { answer, retryAfter } of refused) {
    expect(retryAfter).toBe("1");
    expect(answer).toMatchObject({ id: null, error: { code: -31503, data: { decision_id: expect.any(String) } } });
  }
  // Everything that was sent is on record, once, and what the client was told leads there.
  const all = records();
  const ids = all.filter(({ kind }) => kind === "refused").map(({ decision_id }) => decision_id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(refused.map(({ answer }) => answer.error?.data?.decision_id ?? "").toSorted());
  expect(all.filter(({ kind, direction }) => kind === "message" && direction === "client_to_server")).toHaveLength(answered.length);
  expect(upstream.received).toHaveLength(answered.length);
  const metrics = await scrape();
  expect(sumOf(metrics, "sluice_refused_total", { code: "ERR_OVERLOADED", server: "one" })).toBe(refused.length);
  // 160 MiB went in.
  expect(peak - before).toBeLessThan(120 * MIB);
  expect(healthy).toBeGreaterThan(0);

  await expect.poll(async () => sumOf(await scrape(), "sluice_calls_in_flight"), { timeout: 5000 }).toBe(0);
  expect(sumOf(await scrape(), "sluice_buffered_bytes")).toBe(0);
  expect((await send(`${url}/one/mcp`, { body: call(1, 10) })).status).toBe(200);
});

test("streams that are open go on while calls are refused, and a client that tries again gets through", { timeout: 60_000 }, async () => {
  const held: (() => void)[] = [];
  let stream: { write(text: string): unknown } | undefined;
  upstream.answer((received, response) => {
    if (received.method === "GET") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(": open\n\n");
      stream = response;
    } else {
      const { id } = JSON.parse(received.body) as { id: number };
      held.push(() => {
        response.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc":"2.0","id":${id},"result":{"content":[]}}`);
      });
    }
  });
  await serve("{in_flight: 2}");
  let came = "";
  const listening = request(`${url}/one/mcp`, { headers: { accept: "text/event-stream" } }, (response) => {
    response.on("error", () => {});
    response.on("data", (chunk: Buffer) => {
      came += chunk.toString();
    });
  });
  listening.on("error", () => {});
  listening.end();
  await expect.poll(() => came, { timeout: 10_000 }).toContain(": open");
  const slow = [1, 2].map((id) => send(`${url}/one/mcp`, { body: call(id, 10) }));
  await expect.poll(() => held.length, { timeout: 10_000 }).toBe(2);
  expect((await send(`${url}/one/mcp`, { body: call(3, 10) })).status).toBe(503);
  expect((await send(`${url}/one/mcp`, { method: "DELETE" })).status).toBe(503);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  stream?.write('data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n');
  await expect.poll(() => came, { timeout: 10_000 }).toContain("list_changed");
  const retrying = (async () => {
    for (;;) {
      const answer = await send(`${url}/one/mcp`, { body: call(4, 10) });
      if (answer.status !== 503) return answer.status;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  for (const answer of held.splice(0)) answer();
  expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([200, 200]);
  await expect.poll(() => held.length, { timeout: 10_000 }).toBe(1);
  held[0]?.();
  expect(await retrying).toBe(200);
  expect(upstream.received.filter(({ body }) => body.includes('"id":3'))).toEqual([]);
  listening.destroy();
});

test("an answer that finds no room ends its call, which is not offered for repetition", { timeout: 60_000 }, async () => {
  upstream.answer((_received, response) => {
    response.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc":"2.0","id":1,"result":{"t":"${"x".repeat(MIB)}"}}`);
  });
  await serve("{buffered: 256KiB}");
  const answer = await send(`${url}/one/mcp`, { body: call(1, 10) });
  expect(answer.status).toBe(502);
  expect(answer.headers["retry-after"]).toBeUndefined();
  expect(JSON.parse(answer.body.toString())).toMatchObject({ id: 1, error: { code: -31502, message: expect.stringContaining("no room") } });
  expect(records().map(({ kind, reason }) => [kind, reason])).toEqual([
    ["message", undefined],
    ["synthetic", "ERR_NO_ROOM"],
  ]);
  expect(sumOf(await scrape(), "sluice_upstream_errors_total", { code: "ERR_NO_ROOM" })).toBe(1);
  await expect.poll(async () => sumOf(await scrape(), "sluice_buffered_bytes"), { timeout: 5000 }).toBe(0);
});

test("an event loop that is late all the time refuses new calls, and takes them again when it is not", { timeout: 120_000 }, async () => {
  upstream.answer((received, response) => {
    const { id } = JSON.parse(received.body) as { id: number };
    response.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc":"2.0","id":${id},"result":{"content":[]}}`);
  });
  await serve("{lag_ms: 20ms}");
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const words = "write to joe@example.com or call 4111 1111 1111 1111. ".repeat(2000);
  const body = call(1, 0).replace('"t":""', `"t":"${words}"`);
  let late: Seen | undefined;
  const until = Date.now() + 60_000;
  const client = async (): Promise<void> => {
    while (late === undefined && Date.now() < until) {
      const seen = await post(agent, body);
      if (seen.status === 503) late ??= seen;
    }
  };
  await Promise.all(Array.from({ length: 60 }, client));
  agent.destroy();
  expect(late?.answer).toMatchObject({ error: { code: -31503 } });
  const record = records().find(({ decision_id }) => decision_id === late?.answer.error?.data?.decision_id);
  expect(record).toMatchObject({ kind: "refused", reason: "ERR_OVERLOADED", detail: "limits.lag_ms" });
  await expect.poll(async () => (await send(`${url}/one/mcp`, { body: call(1, 10) })).status, { timeout: 20_000 }).toBe(200);
});

test("one caller's half-sent bodies do not keep another caller out", { timeout: 60_000 }, async () => {
  upstream.answer((received, response) => {
    const { id } = JSON.parse(received.body) as { id: number };
    response.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc":"2.0","id":${id},"result":{"content":[]}}`);
  });
  const [ann, bob] = [newApiKey(), newApiKey()];
  await serve(
    "{buffered: 2MiB, body_ms: 30s}",
    `authn: {api_keys: [{id: ann, sha256: ${hashApiKey(ann)}}, {id: bob, sha256: ${hashApiKey(bob)}}]}\n`,
  );
  const half = Buffer.from(call(1, MIB / 2)).subarray(0, MIB / 4);
  const statuses: number[] = [];
  const opened = Array.from({ length: 12 }, () => {
    const sending = request(
      `${url}/one/mcp`,
      { method: "POST", headers: { "x-api-key": ann, "content-type": "application/json", "content-length": MIB / 2 } },
      (response) => {
        statuses.push(response.statusCode ?? 0);
        response.resume();
      },
    );
    sending.on("error", () => {});
    sending.write(half);
    return sending;
  });
  // Six quarters of a MiB fit into her share; the other six are refused.
  await expect.poll(() => statuses.length, { timeout: 10_000 }).toBe(6);
  expect(new Set(statuses)).toEqual(new Set([503]));
  const by = (key: string) => send(`${url}/one/mcp`, { headers: { "x-api-key": key }, body: call(2, 10) });
  expect((await by(ann)).status).toBe(503);
  for (let round = 0; round < 5; round += 1) expect((await by(bob)).status).toBe(200);
  const details = records().filter(({ kind }) => kind === "refused");
  expect(new Set(details.map(({ principal, reason }) => `${principal.id} ${reason}`))).toEqual(new Set(["ann ERR_OVERLOADED"]));
  for (const sending of opened) sending.destroy();
  await expect.poll(async () => (await by(ann)).status, { timeout: 10_000 }).toBe(200);
});

test("answers that one caller does not take do not keep another caller out", { timeout: 60_000 }, async () => {
  const large = JSON.stringify(Array.from({ length: 7 }, () => "x".repeat(MIB)));
  upstream.answer((received, response) => {
    const { id } = JSON.parse(received.body) as { id: number };
    const text = received.body.includes("large") ? large : "[]";
    response.writeHead(200, { "content-type": "application/json" }).end(`{"jsonrpc":"2.0","id":${id},"result":{"t":${text}}}`);
  });
  const [ann, bob] = [newApiKey(), newApiKey()];
  await serve(
    "{buffered: 16MiB, body: 8MiB, body_ms: 30s}",
    `authn: {api_keys: [{id: ann, sha256: ${hashApiKey(ann)}}, {id: bob, sha256: ${hashApiKey(bob)}}]}\n`,
  );
  const body = call(1, 10).replace("echo", "large");
  const unread = Array.from({ length: 12 }, () => {
    const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1" });
    socket.on("error", () => {}).pause();
    socket.write(
      `POST /one/mcp HTTP/1.1\r\nHost: ${new URL(url).host}\r\nX-API-Key: ${ann}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    return socket;
  });
  await expect.poll(async () => sumOf(await scrape(), "sluice_buffered_bytes"), { timeout: 20_000 }).toBeGreaterThan(16 * MIB);
  await expect.poll(() => records().filter(({ reason }) => reason === "ERR_NO_ROOM").length, { timeout: 20_000 }).toBeGreaterThan(0);
  const by = (key: string) => send(`${url}/one/mcp`, { headers: { "x-api-key": key }, body: call(2, 10) });
  expect((await by(ann)).status).toBe(503);
  for (let round = 0; round < 5; round += 1) expect((await by(bob)).status).toBe(200);
  const refused = records().filter(({ kind, reason }) => kind === "refused" || reason === "ERR_NO_ROOM");
  expect(new Set(refused.map(({ principal }) => principal.id))).toEqual(new Set(["ann"]));
  for (const socket of unread) socket.destroy();
  await expect.poll(async () => (await by(ann)).status, { timeout: 10_000 }).toBe(200);
  await expect.poll(async () => sumOf(await scrape(), "sluice_buffered_bytes"), { timeout: 10_000 }).toBe(0);
});
