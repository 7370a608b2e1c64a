/** The table, played over real sockets: each fault in each place leaves one clear error, one record, one metric, and nothing behind. */
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { generate } from "selfsigned";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import { ERRORS } from "../../src/errors.ts";
import { read } from "../docs/blocks.ts";
import {
  type Arrival,
  answersJson,
  beginsStream,
  chunk,
  type FaultyUpstream,
  openFaultyUpstream,
  type Script,
} from "../support/faulty-upstream.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { metricOf } from "../support/metrics.ts";
import { type RawAnswer, send } from "../support/post.ts";
import { atRest, openSockets } from "../support/rest.ts";
import { type Cell, METRICS, type Place, PLACES, RESULT, ROWS, type Row } from "./table.ts";

const ASKED = '{"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}';
const BODIES = {
  call: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}',
  notification: '{"jsonrpc":"2.0","method":"notifications/initialized"}',
  answer: '{"jsonrpc":"2.0","id":7,"result":{"role":"assistant","model":"m","content":{"type":"text","text":"yes"}}}',
  own: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"asks","arguments":{}}}',
};
const SESSION = { "Mcp-Session-Id": "s1" };

/** Whether a request is the one that the fault is meant for. */
const IS: Record<Place, (arrival: Arrival) => boolean> = {
  call: ({ body }) => body.includes('"echo"'),
  get: ({ method }) => method === "GET",
  delete: ({ method }) => method === "DELETE",
  notification: ({ body }) => body.includes("notifications/"),
  answer: ({ body }) => body.includes('"assistant"'),
  own: ({ body }) => body.includes('"id":7,"error"') || (body.includes('"error"') && body.includes('"id":7')),
};

let upstream: FaultyUpstream;
let untrusted: FaultyUpstream;
let gateway: TestGateway;
let sockets: number;
let listening: ClientRequest | undefined;

beforeAll(async () => {
  const pems = await generate([{ name: "commonName", value: "localhost" }]);
  upstream = await openFaultyUpstream();
  untrusted = await openFaultyUpstream({ key: pems.private, cert: pems.cert });
  gateway = await openGateway(
    `servers:
  one: {url: "${upstream.url}"}
  asking: {url: "${upstream.url}", settings: {server_initiated: {sampling: allow}}}
  unresolved: {url: "https://nowhere.invalid/mcp"}
  untrusted: {url: "${untrusted.url}"}
limits: {upstream_ms: 400ms, idle_ms: 400ms, connect_ms: 2s}`,
  );
  upstream.script(answersJson(RESULT));
  await send(gateway.endpoint("one"), { body: BODIES.call });
  sockets = openSockets();
});
afterEach(() => {
  listening?.destroy();
  listening = undefined;
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
  await untrusted.close();
});

/** What a server does that is well, so that the fault has a place to happen. */
const well: Script = (arrival, peer) => {
  if (arrival.method === "GET") return beginsStream([`data: ${ASKED}\n\n`])(arrival, peer);
  if (arrival.method === "DELETE") return peer.answer("200 OK", {});
  if (arrival.body.includes('"asks"')) {
    beginsStream([`data: ${ASKED}\n\n`])(arrival, peer);
    const timer = setInterval(() => {
      if (hits === 0 && !refusing) return;
      clearInterval(timer);
      peer.finish(`${chunk(`data: ${RESULT}\n\n`)}0\r\n\r\n`);
      // Else the second attempt finds this very connection free.
      if (refusing) peer.end();
    }, 20);
    return;
  }
  if (arrival.body.includes('"method":"tools/call"')) return answersJson(RESULT)(arrival, peer);
  return peer.answer("202 Accepted", {});
};
let hits = 0;
let refusing = false;

/** The server's request has reached the client, which can answer it now. */
async function beAsked(): Promise<void> {
  listening = request(gateway.endpoint("asking"), { headers: { accept: "text/event-stream", ...SESSION } });
  listening.on("error", () => {});
  listening.end();
  const [response] = (await once(listening, "response")) as [IncomingMessage];
  response.on("error", () => {});
  await once(response, "data");
}

async function play(row: Row, place: Place): Promise<{ answer: RawAnswer; fresh: AuditRecord[] }> {
  hits = 0;
  refusing = false;
  let broken = row.script;
  upstream.script((arrival, peer) => {
    if (!IS[place](arrival)) return well(arrival, peer);
    hits += 1;
    broken(arrival, peer);
  });
  if (place === "answer") await beAsked();
  const before = gateway.records().length;
  let restored: Promise<void> = Promise.resolve();
  if (row.reached === "refused" && place === "own") {
    // Between the server's request and the answer to it.
    broken = () => {};
    upstream.script((arrival, peer) => {
      well(arrival, peer);
      restored = upstream.refuse().then(() => {
        refusing = true;
      });
    });
  } else if (row.reached === "refused") {
    await upstream.refuse();
  }
  const server = row.reached === "unresolved" || row.reached === "untrusted" ? row.reached : place === "answer" ? "asking" : "one";
  const url = gateway.endpoint(server);
  const answer = await (place === "get"
    ? send(url, { method: "GET" })
    : place === "delete"
      ? send(url, { method: "DELETE" })
      : send(url, { body: BODIES[place], headers: place === "answer" ? SESSION : {} }));
  await restored;
  return { answer, fresh: gateway.records().slice(before) };
}

/** The JSON-RPC error that the client was told, if any. */
function told({ says }: Cell, { body }: RawAnswer): { id: unknown; error: { code: number; data?: { decision_id?: string } } } | undefined {
  const text = body.toString();
  if (says === "json") return JSON.parse(text);
  if (says === "event") return JSON.parse(/data: (.*)\n\n$/.exec(text)?.[1] ?? "");
  return undefined;
}

const cases = ROWS.flatMap((row) =>
  PLACES.flatMap((place) => (row.cells[place] === undefined ? [] : [{ row, place, fault: row.fault, cell: row.cells[place] }])),
);

describe("a server that", () => {
  test.each(cases.filter(({ place }) => place !== "own"))("$fault: $place", async ({ row, place, cell }) => {
    const { code } = cell;
    const metric = code === undefined ? undefined : METRICS[code];
    const counted = (): Promise<number> => (metric === undefined ? Promise.resolve(0) : metricOf(gateway.gateway.url, metric));
    const before = await counted();
    const { answer, fresh } = await play(row, place);
    try {
      expect(answer.status).toBe(cell.http);
      for (const [name, value] of Object.entries(cell.headers ?? {})) expect(answer.headers[name]).toBe(value);
      const wanted = [["message", "allow", undefined]];
      if (place === "get" || place === "delete") wanted[0] = ["transport", "allow", undefined];
      // Not of the stream on which the client was asked, which may end meanwhile.
      const inPlace = fresh.filter(({ kind, exchange_id }) => kind === "synthetic" && exchange_id === fresh[0]?.exchange_id);
      expect(inPlace.map(({ reason }) => reason)).toEqual(code === undefined ? [] : [code]);
      expect(fresh.slice(0, 1).map(({ kind, effect, reason }) => [kind, effect, reason])).toEqual(wanted);
      if (code !== undefined) {
        expect(read("docs/errors.md")).toContain(`\`${code}\``);
        expect(await counted()).toBeGreaterThan(before);
        const error = told(cell, answer);
        if (error === undefined) expect(cell.says).toBe("end");
        else {
          expect(error).toMatchObject({ id: place === "call" ? 1 : null, error: { code: ERRORS[code].rpc } });
          expect(error.error.data?.decision_id).toBe(inPlace[0]?.decision_id);
        }
      }
      expect(fresh.filter(({ reason }) => reason === "ERR_UNASKED").length).toBe(cell.drops === true ? 1 : 0);
      if (cell.drops === true) expect(answer.body.toString().split('"result"').length - 1).toBe(code === undefined ? 1 : 0);
      expect(hits).toBe(cell.sent);
    } finally {
      if (row.reached === "refused") await upstream.listen();
    }
    listening?.destroy();
    await atRest(gateway.gateway.url);
    upstream.script(well);
    expect((await send(gateway.endpoint("one"), { body: BODIES.call })).body.toString()).toBe(RESULT);
  });

  test.each(cases.filter(({ place }) => place === "own"))(
    "$fault when it is told that its request was refused: the call goes on",
    async ({ row, place, cell }) => {
      const metric = cell.code === undefined ? undefined : METRICS[cell.code];
      const counted = (): Promise<number> => (metric === undefined ? Promise.resolve(0) : metricOf(gateway.gateway.url, metric));
      const before = await counted();
      const { answer, fresh } = await play(row, place);
      try {
        expect(answer.status).toBe(200);
        expect(answer.body.toString()).toBe(`data: ${RESULT}\n\n`);
        // The call, the refused request, the answer: the server's trouble with the refusal is nobody's message.
        expect(fresh.map(({ kind, direction, effect }) => [kind, direction, effect])).toEqual([
          ["message", "client_to_server", "allow"],
          ["message", "server_to_client", "deny"],
          ["message", "server_to_client", "allow"],
        ]);
        if (metric !== undefined) await expect.poll(counted, { timeout: 10_000 }).toBe(before + 1);
        expect(hits).toBe(cell.sent);
      } finally {
        if (row.reached === "refused") await upstream.listen();
      }
      await atRest(gateway.gateway.url);
    },
  );
});

test("connections to a server that broke are let go", async () => {
  await expect.poll(() => upstream.open, { timeout: 10_000 }).toBeLessThanOrEqual(4);
  // What is kept for the next call: a few at both ends, however many there were.
  await expect.poll(openSockets, { timeout: 10_000 }).toBeLessThanOrEqual(sockets + 6);
});
