/**
 * Two gateways with one store between them, as the workers of one supervisor: a session's streams, its calls and its answers may land on
 * either. And what happens when the store cannot be reached any more: nothing passes, and no record says that it did.
 */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { MemoryStore } from "../../src/state/memory.ts";
import { MirroredStore, Replica } from "../../src/state/mirrored.ts";
import { RemoteStore, serveStore } from "../../src/state/remote.ts";
import { channelPair } from "../state/channels.ts";
import { openGateway, type TestGateway } from "../support/gateway.ts";
import { send } from "../support/post.ts";
import { events, json, openUpstream, type ScriptedUpstream } from "../support/upstream.ts";

const POLICY = `package policies.house

label contains {"id": "house/read", "add": "seen"} if input.target.name == "read"

deny contains {"id": "house/after_reading"} if {
	input.phase == "request"
	input.target.name == "send"
	"seen" in input.flow.labels
}

limit contains {"id": "house/twice", "key": "twice", "cost": 1, "per_s": 0.0001, "max": 2} if {
	input.phase == "request"
	input.target.name == "twice"
}
`;
const QUESTION = '{"jsonrpc":"2.0","id":7,"method":"roots/list"}';
const ANSWER = '{"jsonrpc":"2.0","id":7,"result":{"roots":[]}}';
const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
const call = (name: string, id = 1): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":{}}}`;

let upstream: ScriptedUpstream;
let workers: [TestGateway, TestGateway];
let sessions = 0;

beforeAll(async () => {
  upstream = await openUpstream();
  const store = new MemoryStore(() => performance.now());
  const worker = async (): Promise<TestGateway> => {
    const channel = channelPair();
    serveStore(store, channel.supervisor);
    return openGateway(config(), { "rules/house.rego": POLICY }, { store: new RemoteStore(channel.worker) });
  };
  workers = [await worker(), await worker()];
});
beforeEach(() => {
  sessions += 1;
  upstream.received.length = 0;
  upstream.answer((received, response) => {
    if (received.method === "GET") events(`id: 1\ndata: ${QUESTION}\n\n`)(received, response);
    else if (received.body.includes("tools/call")) json(RESULT)(received, response);
    else response.writeHead(202).end();
  });
});
afterAll(async () => {
  for (const worker of workers) await worker.close();
  await upstream.close();
});

const config = (): string =>
  `policy: {path: ./rules}\nservers: {one: {url: "${upstream.url}", settings: {server_initiated: {roots: allow}}}}`;
const headers = (): Record<string, string> => ({ "Mcp-Session-Id": `s${sessions}` });
const post = async (worker: TestGateway, body: string) => send(worker.endpoint("one"), { headers: headers(), body });
const refused = async (worker: TestGateway, name: string): Promise<boolean> =>
  (await post(worker, call(name))).body.toString().includes('"isError":true');
const answersReceived = (): number => upstream.received.filter(({ body }) => body === ANSWER).length;

test("a question on one worker's stream is answered through the other, once, however often it is tried at the same moment", async () => {
  const [one, other] = workers;
  const stream = await send(one.endpoint("one"), { method: "GET", headers: headers() });
  expect(stream.body.toString()).toContain("roots/list");
  const tries = await Promise.all([other, one, other, one].map((worker) => post(worker, ANSWER)));
  expect(tries.filter(({ status }) => status === 202)).toHaveLength(1);
  expect(answersReceived()).toBe(1);
});

test("an answer that comes on the other worker's resumed stream is judged with its request", async () => {
  const [one, other] = workers;
  upstream.answer((received, response) => {
    if (received.method === "GET") events(`id: 2\ndata: ${RESULT}\n\n`)(received, response);
    else events("id: 1\ndata: \n\n")(received, response);
  });
  await post(one, call("read"));
  const resumed = await send(other.endpoint("one"), { method: "GET", headers: { ...headers(), "Last-Event-ID": "1" } });
  expect(resumed.body.toString()).toContain(RESULT);
  expect(other.records().at(-1)).toMatchObject({ direction: "server_to_client", target: { name: "read" }, effect: "allow" });
});

test("labels and limits of one worker hold on the other", async () => {
  const [one, other] = workers;
  await refused(one, "read");
  expect(await refused(other, "send")).toBe(true);
  const twice = await Promise.all([one, other, one, other, one].map((worker) => refused(worker, "twice")));
  expect(twice.filter((denied) => !denied)).toHaveLength(2);
});

test.each(["remote", "mirrored"] as const)("when the supervisor of a worker with a %s store is gone, nothing passes", async (kind) => {
  const channel = channelPair();
  const memory = new MemoryStore(() => performance.now());
  if (kind === "remote") serveStore(memory, channel.supervisor);
  else new Replica(() => performance.now()).attach(channel.supervisor);
  const store = kind === "remote" ? new RemoteStore(channel.worker, 200) : new MirroredStore(memory, channel.worker);
  const worker = await openGateway(config(), { "rules/house.rego": POLICY }, { store });
  try {
    expect(await refused(worker, "read")).toBe(false);
    upstream.received.length = 0;
    channel.cut();
    sessions += 1;
    const answer = await post(worker, call("twice"));
    expect(answer.status).toBe(503);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ jsonrpc: "2.0", error: { code: -31403 } });
    // Without a session it is the judging that needs the store.
    const judged = await send(worker.endpoint("one"), { body: call("twice") });
    expect(JSON.parse(judged.body.toString())).toMatchObject({ id: 1, result: { isError: true } });
    expect(upstream.received).toEqual([]);
    expect(worker.records().slice(-2)).toMatchObject([
      { effect: "error", reason: "ERR_STATE" },
      { effect: "error", reason: "ERR_STATE", bytes_out: 0 },
    ]);
  } finally {
    await worker.close();
  }
});

test("a server's question that cannot be remembered does not reach the client, and the server is told", async () => {
  const channel = channelPair();
  const store = new RemoteStore(channel.worker, 200);
  const memory = new MemoryStore(() => performance.now());
  vi.spyOn(memory, "remember").mockRejectedValue(new Error("refused"));
  serveStore(memory, channel.supervisor);
  const worker = await openGateway(config(), { "rules/house.rego": POLICY }, { store });
  try {
    const stream = await send(worker.endpoint("one"), { method: "GET", headers: headers() });
    expect(stream.body.toString()).toBe("id: 1\n\n");
    await vi.waitFor(() => {
      expect(upstream.received.at(-1)?.body).toMatch(/^{"jsonrpc":"2.0","id":7,"error"/);
    });
    expect(worker.records().at(-1)).toMatchObject({ method: "roots/list", effect: "error", reason: "ERR_STATE", bytes_out: 0 });
  } finally {
    await worker.close();
  }
});
