/**
 * Clients that no SDK would be: they hang up at a chosen moment, come in floods, or send what makes a worker stand still. Each message is
 * a call of 2026-07-28, and in the ledger as every other.
 */
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { type Ledger, MARKER_META, type Sending } from "./ledger.ts";
import type { Key, ServerName } from "./stage.ts";
import { readAnswer, verdictOn } from "./verdict.ts";

const REVISION = "2026-07-28";
/** A client waits so long for an answer: far longer than Sluice lets anything take. */
const PATIENCE_MS = 30_000;

/** Moments at which a client hangs up. */
export const MOMENTS = ["inside the head", "inside the body", "after the body", "inside the answer"] as const;
export type Moment = (typeof MOMENTS)[number];

interface Target {
  readonly ledger: Ledger;
  readonly base: string;
  readonly server: ServerName;
  readonly key: Key;
}

let lastId = 0;

interface Ready {
  readonly sending: Sending;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function callOf({ ledger, server, key }: Target, tool: string, args: object): Ready {
  const id = (lastId += 1);
  const sending = ledger.send({ principal: key.id, server, kind: "request", method: "tools/call", rpcId: id });
  const meta = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientCapabilities": {},
    [MARKER_META]: sending.marker,
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: tool, arguments: args, _meta: meta } });
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "content-length": String(Buffer.byteLength(body)),
    "mcp-protocol-version": REVISION,
    "mcp-method": "tools/call",
    "mcp-name": tool,
    "x-api-key": key.secret,
  };
  return { sending, headers, body };
}

/** Sends a call and hangs up at that moment. */
export function hangUp(target: Target, moment: Moment): Promise<void> {
  const { ledger, base, server } = target;
  const answers = moment === "inside the answer";
  const { sending, headers, body } = callOf(target, answers ? "echo" : "endless", answers ? { message: "words ".repeat(60_000) } : {});
  const { host, hostname, port } = new URL(base);
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `POST /${server}/mcp HTTP/1.1\r\n${lines.join("")}\r\n`;
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    const leave = (): void => {
      socket.destroy();
    };
    const late = setTimeout(leave, PATIENCE_MS);
    socket.on("error", () => {});
    socket.once("close", () => {
      clearTimeout(late);
      ledger.end(sending, "gone", { note: moment });
      resolve();
    });
    if (answers) socket.once("data", leave);
    const text = moment === "inside the head" ? head.slice(0, 40) : moment === "inside the body" ? head + body.slice(0, 20) : head + body;
    // What was written is on its way before the end is.
    socket.write(text, () => {
      if (!answers) setTimeout(leave, 100);
    });
  });
}

/** Sends a call and takes the whole answer; never rejects: the ledger knows how it ended. */
function converse(target: Target, tool: string, args: object, agent: Agent): Promise<void> {
  const { ledger, base, server } = target;
  const { sending, headers, body } = callOf(target, tool, args);
  return new Promise((resolve) => {
    const breaks = (): void => {
      ledger.end(sending, "broken", { note: "connection" });
      resolve();
    };
    const call = request(`${base}/${server}/mcp`, { method: "POST", headers, agent }, (response) => {
      const status = response.statusCode ?? 0;
      let text = "";
      response.setEncoding("utf8").on("data", (more: string) => {
        text += more;
      });
      response.once("error", breaks);
      response.once("end", () => {
        const data = /^data: ?(\{.*"(?:result|error)".*)$/m.exec(text)?.[1] ?? text;
        const answer = readAnswer(data);
        if (answer === undefined) ledger.alarms.push(`${sending.marker} was answered ${status} without an answer`);
        const { ending, ...more } = verdictOn(answer ?? {}, status);
        ledger.end(sending, status >= 400 && ending === "answered" ? "errored" : ending, { ...more, status });
        resolve();
      });
    });
    call.once("error", breaks);
    call.end(body);
  });
}

/** So many large calls at once. */
export async function flood(target: Target, calls: number): Promise<void> {
  const agent = new Agent({ keepAlive: false, maxSockets: calls });
  const message = "words and words ".repeat(4_096);
  await Promise.all(Array.from({ length: calls }, () => converse(target, "echo", { message }, agent)));
  agent.destroy();
}

/** A call that takes the policy seconds to judge. */
export async function stall(target: Target): Promise<void> {
  const agent = new Agent({ keepAlive: false });
  await converse(target, "echo", { message: "hello", triples: Array.from({ length: 900 }, (_, at) => at) }, agent);
  agent.destroy();
}
