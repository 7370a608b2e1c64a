/** `@modelcontextprotocol/server-everything`, unmodified, as a child process on loopback; and a client that runs one of its tasks. */
import { createRequire } from "node:module";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { CallToolResultSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { startChildServer } from "../../src/tour/child-server.ts";

export interface Everything {
  readonly url: string;
  stop(): Promise<void>;
}

export async function startEverything(): Promise<Everything> {
  const script = createRequire(import.meta.url).resolve("@modelcontextprotocol/server-everything/dist/index.js");
  const guard = new URL("../../src/tour/loopback-guard.ts", import.meta.url).href;
  const { port, stop } = await startChildServer(["--import", guard, script, "streamableHttp"]);
  return { url: `http://127.0.0.1:${port}/mcp`, stop };
}

export interface TaskRun {
  /** What the client was told, in order; a status that is repeated counts once. */
  readonly steps: string[];
  readonly text: string;
  /** How often the server's question reached the client. */
  readonly asked: number;
}

/** Calls a tool as a task (2025-11-25) and follows it to its result. */
export async function runTask(url: string, name: string, args: Record<string, unknown>): Promise<TaskRun> {
  const client = new Client({ name: "visitor", version: "1.0.0" }, { capabilities: { elicitation: {} } });
  let asked = 0;
  client.setRequestHandler(ElicitRequestSchema, () => {
    asked += 1;
    return { action: "accept", content: { interpretation: "technical" } };
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Transport);
  await client.listTools();
  const steps: string[] = [];
  let text = "";
  for await (const message of client.experimental.tasks.callToolStream({ name, arguments: args }, CallToolResultSchema)) {
    const step = message.type === "taskStatus" ? message.task.status : message.type;
    if (steps.at(-1) !== step) steps.push(step);
    if (message.type === "result") text = message.result.content.map((block) => (block.type === "text" ? block.text : "")).join("");
    if (message.type === "error") text = message.error.message;
  }
  await client.close();
  return { steps, text, asked };
}
