/**
 * The guided tour: a real SDK client works with two real servers through Sluice, and everything is printed as it happens. Must show
 * only what was really sent and answered.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { type CallToolResult, CreateMessageRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { formatProblem } from "../config/problem.ts";
import { loadConfig } from "../config/load.ts";
import { type Gateway, startGateway } from "../gateway.ts";
import { stateFolder } from "../compiled-code.js";
import { packageRoot } from "../policy/sources/shipped.ts";
import type { AuditRecord } from "../audit/record.ts";
import { type QuickStart, startQuickStart } from "./quick-start.ts";

export interface TourOptions {
  readonly stdout: Writable;
  /** Resolves when serving is to end. */
  readonly stopped: Promise<void>;
  /** Ends after the last step instead of serving on. */
  readonly once?: boolean;
}

/** AWS's own example of an access key, made up for documentation. */
const LEAKED_KEY = "AKIAIOSFODNN7EXAMPLE";

/** Runs the tour, then serves until it is told to stop. Answers the exit code: 1 when a step did not show what it should. */
export async function runTour({ stdout, stopped, once = false }: TourOptions): Promise<number> {
  const say = (line = ""): void => {
    stdout.write(`${line}\n`);
  };
  say("Starting two MCP servers (server-everything and a small CRM) and Sluice in front of them …");
  const quickStart = await startQuickStart(join(stateFolder(packageRoot(), process.env), "quick-start"));
  let gateway: Gateway | undefined;
  try {
    const loaded = await loadConfig(quickStart.config);
    const started = loaded.ok ? await startGateway(loaded.value.config, { locate: loaded.value.locate }) : loaded;
    if (!started.ok) {
      for (const problem of started.failure) say(formatProblem(problem));
      return 2;
    }
    gateway = started.value;
    const failures = await new Tour(quickStart, gateway.url, say).run();
    if (failures > 0) {
      say(`${failures} step(s) did not show what they should.`);
      return 1;
    }
    if (once) return 0;
    say("Sluice keeps serving. Connect a client:");
    say(`  ${gateway.url}/everything/mcp`);
    say(`  ${gateway.url}/crm/mcp`);
    say(`Configuration: ${quickStart.config}`);
    say(`Audit log:     ${quickStart.audit}`);
    say("Put your own server behind it:  npm start -- --upstream https://host/mcp");
    say("Ctrl-C stops.");
    await stopped;
    return 0;
  } finally {
    await gateway?.close(0);
    await quickStart.stop();
  }
}

class Tour {
  readonly #quickStart: QuickStart;
  readonly #url: string;
  readonly #say: (line?: string) => void;
  #failures = 0;
  #step = 0;
  #seen = 0;

  constructor(quickStart: QuickStart, url: string, say: (line?: string) => void) {
    this.#quickStart = quickStart;
    this.#url = url;
    this.#say = say;
    this.#seen = this.#records().length;
  }

  /** Answers the number of steps that failed. */
  async run(): Promise<number> {
    const everything = await connect(`${this.#url}/everything/mcp`);
    const crm = await connect(`${this.#url}/crm/mcp`);
    const direct = await connect(this.#quickStart.crm);
    try {
      await this.#allowed(everything);
      await this.#secretLeaving(everything);
      await this.#personalData(crm, direct);
      await this.#hiddenTool(everything);
      await this.#serverAsks(everything);
    } finally {
      await Promise.all([everything.close(), crm.close(), direct.close()]);
    }
    return this.#failures;
  }

  async #allowed(client: Client): Promise<void> {
    this.#begin("An ordinary call passes, byte for byte", 'echo {"message": "hello"}');
    const result = await call(client, "echo", { message: "hello" });
    this.#show("client got", text(result));
    this.#expect(text(result).includes("hello") && result.isError !== true);
    this.#audit((record) => record.method === "tools/call" && record.phase === "request");
  }

  async #secretLeaving(client: Client): Promise<void> {
    this.#begin("A secret may not leave", `echo {"message": "deploy with ${LEAKED_KEY}"}`);
    const result = await call(client, "echo", { message: `deploy with ${LEAKED_KEY}` });
    this.#show("client got", text(result));
    this.#expect(result.isError === true && !text(result).includes(LEAKED_KEY));
    this.#audit((record) => record.effect === "deny");
  }

  async #personalData(client: Client, direct: Client): Promise<void> {
    this.#begin(
      "Personal data in a result is redacted: in text, in JSON inside text, in structuredContent",
      'get_customer {"id": "C-1001"}',
    );
    const sent = await call(direct, "get_customer", { id: "C-1001" });
    const got = await call(client, "get_customer", { id: "C-1001" });
    this.#show("server sent", text(sent));
    this.#show("", JSON.stringify(sent.structuredContent));
    this.#show("client got", text(got));
    this.#show("", JSON.stringify(got.structuredContent));
    const all = JSON.stringify(got);
    this.#expect(!all.includes("ada@customer.example") && !all.includes("4111 1111") && all.split("[EMAIL_1]").length === 4);
    this.#audit((record) => record.effect === "redact");
  }

  async #hiddenTool(client: Client): Promise<void> {
    this.#begin("A tool that policy denies is not listed, and cannot be called either", "tools/list, then get-env {}");
    const { tools } = await client.listTools();
    this.#show(
      "client got",
      `${tools.length} tools; get-env is ${tools.some((tool) => tool.name === "get-env") ? "listed" : "not among them"}`,
    );
    const result = await call(client, "get-env", {});
    this.#show("", text(result));
    this.#expect(!tools.some((tool) => tool.name === "get-env") && result.isError === true);
    this.#audit((record) => record.list !== undefined || record.effect === "deny");
  }

  async #serverAsks(client: Client): Promise<void> {
    this.#begin("A server that asks the client's model to work for it is refused", 'trigger-sampling-request {"prompt": "hello"}');
    const result = await call(client, "trigger-sampling-request", { prompt: "hello" });
    this.#show("client got", text(result));
    this.#expect(asked === 0);
    this.#audit((record) => record.method === "sampling/createMessage");
  }

  #begin(title: string, message: string): void {
    this.#step += 1;
    this.#say();
    this.#say(`${this.#step}. ${title}`);
    this.#show("client sent", message);
  }

  #show(who: string, what: string): void {
    const [first = "", ...rest] = what.split("\n");
    this.#say(`   ${who.padEnd(12)} ${first}`);
    for (const line of rest) this.#say(`   ${"".padEnd(12)} ${line}`);
  }

  #expect(held: boolean): void {
    if (held) return;
    this.#failures += 1;
    this.#say("   ✗ this is not what should have happened");
  }

  /** Prints the rules and audit lines that the step has left. */
  #audit(wanted: (record: AuditRecord) => boolean): void {
    const records = this.#records();
    const fresh = records.slice(this.#seen).filter(wanted);
    this.#seen = records.length;
    this.#expect(fresh.length > 0);
    for (const record of fresh) {
      const rules = [...record.rules.map((rule) => rule.id), ...(record.list?.hidden.flatMap((item) => item.rules) ?? [])];
      this.#show("rule", rules.length > 0 ? rules.join(", ") : (record.grants ?? []).join(", "));
      this.#show("audit", JSON.stringify(record));
    }
  }

  #records(): AuditRecord[] {
    try {
      const lines = readFileSync(this.#quickStart.audit, "utf8").split("\n");
      return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as AuditRecord);
    } catch (fault) {
      if (fault instanceof Error && Reflect.get(fault, "code") === "ENOENT") return [];
      throw fault;
    }
  }
}

/** How often a server's sampling request reached the client. */
let asked = 0;

async function connect(url: string): Promise<Client> {
  const client = new Client({ name: "sluice-tour", version: "1.0.0" }, { capabilities: { sampling: {} } });
  client.setRequestHandler(CreateMessageRequestSchema, () => {
    asked += 1;
    return { model: "none", role: "assistant", content: { type: "text", text: "the model's answer" } };
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)) as Parameters<Client["connect"]>[0]);
  return client;
}

async function call(client: Client, name: string, args: Record<string, unknown>): Promise<CallToolResult> {
  return (await client.callTool({ name, arguments: args })) as CallToolResult;
}

function text(result: CallToolResult): string {
  return result.content.map((block) => (block.type === "text" ? block.text : `(${block.type})`)).join("\n");
}
