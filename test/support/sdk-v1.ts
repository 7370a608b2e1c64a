/** The first SDK generation (`@modelcontextprotocol/sdk`, legacy era only): a real server with sessions, and a real client. */
import { randomUUID } from "node:crypto";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { completable } from "@modelcontextprotocol/sdk/server/completable.js";
import { McpServer, ResourceTemplate } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  type CreateMessageResult,
  CreateMessageRequestSchema,
  CreateMessageResultSchema,
  type ElicitResult,
  ElicitRequestSchema,
  ElicitResultSchema,
  type JSONRPCMessage,
  type ListRootsResult,
  ListRootsRequestSchema,
  ListRootsResultSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import {
  CAPABILITIES,
  type ClientSettings,
  CUSTOMER,
  customerResult,
  type Form,
  HARMLESS,
  INSTRUCTIONS,
  Ledger,
  type Question,
  QUESTIONS,
  README,
  roomsBeginning,
  type SdkClient,
  type SdkServer,
  SERVER_INFO,
  text,
  type ToolResult,
  URIS,
} from "./sdk-peer.ts";
import { EventStore, listenTapped, tappedFetch } from "./sdk-wire.ts";

const ANSWERS = { sampling: CreateMessageResultSchema, elicitation: ElicitResultSchema, roots: ListRootsResultSchema };

function createHouse(ledger: Ledger): McpServer {
  const mcp = new McpServer(SERVER_INFO, { capabilities: CAPABILITIES, instructions: INSTRUCTIONS });
  const ran = (tool: string): void => void ledger.ran.push(tool);
  mcp.registerTool("echo", { description: "Says it again.", inputSchema: { message: z.string() } }, ({ message }) => {
    ran("echo");
    return text(`Echo: ${message}`);
  });
  mcp.registerTool("hidden", { description: "Not for everybody." }, () => {
    ran("hidden");
    return text("found");
  });
  mcp.registerTool(
    "customer",
    { outputSchema: { id: z.string(), name: z.string(), email: z.string(), card: z.string() }, annotations: { readOnlyHint: true } },
    () => {
      ran("customer");
      return customerResult();
    },
  );
  mcp.registerTool("wait", { description: "Reports progress, then waits." }, async (extra) => {
    ran("wait");
    const released = ledger.gate();
    const progressToken = extra._meta?.progressToken;
    if (progressToken !== undefined)
      await extra.sendNotification({ method: "notifications/progress", params: { progressToken, progress: 1, total: 2 } });
    await released;
    return text("waited");
  });
  mcp.registerTool("endless", { description: "Ends when it is cancelled." }, async (extra) => {
    ran("endless");
    await new Promise<void>((resolve) => {
      extra.signal.addEventListener("abort", () => {
        resolve();
      });
    });
    ledger.aborted += 1;
    return text("cancelled");
  });
  mcp.registerTool("log", { description: "Logs two lines." }, async (extra) => {
    ran("log");
    for (const data of ["plain words", `call ${CUSTOMER.email}`])
      await extra.sendNotification({ method: "notifications/message", params: { level: "info", logger: "house", data } });
    return text("logged");
  });
  mcp.registerTool("interrupted", { description: "Hangs up, so that the client has to resume." }, async (extra) => {
    ran("interrupted");
    extra.closeSSEStream?.();
    return text(`write to ${CUSTOMER.email}`);
  });
  for (const question of Object.keys(QUESTIONS) as Question[]) {
    mcp.registerTool(`ask_${question}`, { description: "Asks the client." }, async (extra) => {
      ran(`ask_${question}`);
      return text(JSON.stringify(await ledger.settle(extra.sendRequest(QUESTIONS[question], ANSWERS[question]))));
    });
  }
  mcp.registerResource("readme", URIS.readme, { mimeType: "text/plain" }, (uri) => ({ contents: [{ uri: uri.href, text: README }] }));
  mcp.registerResource("contact", URIS.contact, {}, (uri) => ({ contents: [{ uri: uri.href, text: `Ask ${CUSTOMER.email}.` }] }));
  mcp.registerResource("vault", URIS.vault, {}, (uri) => {
    ran("vault");
    return { contents: [{ uri: uri.href, text: "gold" }] };
  });
  mcp.registerResource(
    "rooms",
    new ResourceTemplate(URIS.rooms, { list: undefined, complete: { room: roomsBeginning } }),
    { title: "A room" },
    (uri, { room }) => ({ contents: [{ uri: uri.href, text: `The ${String(room)}.` }] }),
  );
  mcp.registerPrompt("greet", { argsSchema: { room: completable(z.string(), roomsBeginning) } }, ({ room }) => ({
    messages: [{ role: "user", content: { type: "text", text: `Say hello in the ${room}.` } }],
  }));
  mcp.registerPrompt("invoice", {}, () => ({
    messages: [{ role: "user", content: { type: "text", text: `Charge ${CUSTOMER.card}.` } }],
  }));
  mcp.registerPrompt("spell", {}, () => ({ messages: [{ role: "user", content: { type: "text", text: "Abracadabra." } }] }));
  mcp.server.setRequestHandler(SubscribeRequestSchema, ({ params }) => {
    ledger.subscribed.push(params.uri);
    return {};
  });
  mcp.server.setRequestHandler(UnsubscribeRequestSchema, ({ params }) => {
    ledger.subscribed.splice(ledger.subscribed.indexOf(params.uri), 1);
    return {};
  });
  return mcp;
}

/** A server with sessions. On a stream it can also be resumed. */
export async function openV1Server(form: Form): Promise<SdkServer> {
  const ledger = new Ledger();
  const sessions = new Map<string, { transport: StreamableHTTPServerTransport; mcp: McpServer }>();
  const front = await listenTapped(async (request, response, body) => {
    const id = request.headers["mcp-session-id"];
    const known = typeof id === "string" ? sessions.get(id) : undefined;
    if (known !== undefined) {
      await known.transport.handleRequest(request, response, body);
      return;
    }
    if (id !== undefined) {
      response.writeHead(404, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", error: { code: -32001, message: "Session not found" }, id: null }));
      return;
    }
    const mcp = createHouse(ledger);
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (session) => void sessions.set(session, { transport, mcp }),
      onsessionclosed: (session) => {
        sessions.delete(session);
        ledger.ended.push(session);
      },
      ...(form === "json" ? { enableJsonResponse: true } : { eventStore: new EventStore<JSONRPCMessage>(), retryInterval: 20 }),
    });
    await mcp.connect(transport as Transport);
    await transport.handleRequest(request, response, body);
  });
  const houses = (): McpServer[] => [...sessions.values()].map(({ mcp }) => mcp);
  return {
    url: front.url,
    ledger,
    wire: { received: front.received, sent: front.sent },
    resumed: front.resumed,
    listeners: front.listeners,
    toolsChanged() {
      for (const mcp of houses()) mcp.sendToolListChanged();
    },
    resourceUpdated(uri) {
      for (const { server } of houses()) void server.sendResourceUpdated({ uri });
    },
    askOutside: (question) =>
      Promise.all(
        houses().map(({ server }) =>
          ledger.settle(question === "ping" ? server.ping() : server.request(QUESTIONS[question], ANSWERS[question])),
        ),
      ),
    async reset() {
      await Promise.all([...sessions.values()].map(({ transport }) => transport.close()));
      sessions.clear();
      ledger.clear();
      front.resumed.length = 0;
    },
    close: front.close,
  };
}

export async function connectV1(url: string, { answers = {}, fetch: own }: ClientSettings = {}): Promise<SdkClient> {
  const client = new Client({ name: "visitor", version: "1.0.0" }, { capabilities: { sampling: {}, elicitation: {}, roots: {} } });
  const asked: Question[] = [];
  const answer = <Answer>(question: Question): Answer => {
    asked.push(question);
    return (answers[question] ?? HARMLESS[question]) as Answer;
  };
  client.setRequestHandler(CreateMessageRequestSchema, () => answer<CreateMessageResult>("sampling"));
  client.setRequestHandler(ElicitRequestSchema, () => answer<ElicitResult>("elicitation"));
  client.setRequestHandler(ListRootsRequestSchema, () => answer<ListRootsResult>("roots"));
  const notifications: SdkClient["notifications"] = [];
  client.fallbackNotificationHandler = (notification) => {
    notifications.push(notification);
    return Promise.resolve();
  };
  const tap = tappedFetch();
  const transport = new StreamableHTTPClientTransport(new URL(url), { fetch: own ?? tap.fetch });
  await client.connect(transport as Transport);
  return {
    sdk: client,
    era: "legacy",
    revision: transport.protocolVersion,
    wire: { sent: tap.sent, received: tap.received },
    asked,
    notifications,
    call: async (name, args = {}, { signal, onprogress, meta } = {}) =>
      (await client.callTool({ name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) }, undefined, {
        timeout: 8_000,
        ...(signal === undefined ? {} : { signal }),
        ...(onprogress === undefined ? {} : { onprogress }),
      })) as ToolResult,
    session: () => transport.sessionId,
    ping: () => client.ping(),
    setLoggingLevel: (level) => client.setLoggingLevel(level),
    subscribe: (uri) => client.subscribeResource({ uri }),
    unsubscribe: (uri) => client.unsubscribeResource({ uri }),
    terminate: () => transport.terminateSession(),
    listen: () => Promise.reject(new Error("not in this era")),
    close: () => client.close(),
  };
}
