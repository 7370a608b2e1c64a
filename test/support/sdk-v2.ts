/** The second SDK generation (`@modelcontextprotocol/{client,server,node}`): a real server for both eras on one URL, and a real client. */
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Client, StreamableHTTPClientTransport, type VersionNegotiationMode } from "@modelcontextprotocol/client";
import { type NodeIncomingMessageLike, NodeStreamableHTTPServerTransport, toNodeHandler, toWebRequest } from "@modelcontextprotocol/node";
import {
  completable,
  createMcpHandler,
  inputRequired,
  isLegacyRequest,
  type JSONRPCMessage,
  McpServer,
  ResourceTemplate,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import {
  CAPABILITIES,
  type ClientSettings,
  CUSTOMER,
  customerResult,
  type Era,
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

/** What the modern server hands out with a question and wants back unchanged. */
export const STATE = "round 1, 9007199254740993";

/** The adapter's own view of Node's request, which differs from it in optional members only. */
type NodeRequest = IncomingMessage & NodeIncomingMessageLike;

const EMBEDDED = {
  sampling: () => inputRequired.createMessage(QUESTIONS.sampling.params),
  elicitation: () => inputRequired.elicit(QUESTIONS.elicitation.params),
  roots: () => inputRequired.listRoots(),
};

function createHouse(ledger: Ledger, era: Era): McpServer {
  const mcp = new McpServer(SERVER_INFO, { capabilities: CAPABILITIES, instructions: INSTRUCTIONS });
  const ran = (tool: string): void => void ledger.ran.push(tool);
  mcp.registerTool("echo", { description: "Says it again.", inputSchema: z.object({ message: z.string() }) }, ({ message }) => {
    ran("echo");
    return text(`Echo: ${message}`);
  });
  mcp.registerTool("hidden", { description: "Not for everybody." }, () => {
    ran("hidden");
    return text("found");
  });
  mcp.registerTool(
    "customer",
    {
      outputSchema: z.object({ id: z.string(), name: z.string(), email: z.string(), card: z.string() }),
      annotations: { readOnlyHint: true },
    },
    () => {
      ran("customer");
      return customerResult();
    },
  );
  mcp.registerTool("wait", { description: "Reports progress, then waits." }, async ({ mcpReq }) => {
    ran("wait");
    const released = ledger.gate();
    const progressToken = mcpReq._meta?.progressToken;
    if (progressToken !== undefined)
      await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress: 1, total: 2 } });
    await released;
    return text("waited");
  });
  mcp.registerTool("endless", { description: "Ends when it is cancelled." }, async ({ mcpReq }) => {
    ran("endless");
    await new Promise<void>((resolve) => {
      mcpReq.signal.addEventListener("abort", () => {
        resolve();
      });
    });
    ledger.aborted += 1;
    return text("cancelled");
  });
  mcp.registerTool("log", { description: "Logs two lines." }, async ({ mcpReq }) => {
    ran("log");
    for (const data of ["plain words", `call ${CUSTOMER.email}`]) await mcpReq.log("info", data, "house");
    return text("logged");
  });
  mcp.registerTool(
    "region",
    { description: "Routes by header.", inputSchema: z.object({ region: z.string().meta({ "x-mcp-header": "Region" }) }) },
    ({ region }, { http }) => {
      ran("region");
      return text(`${region} by ${http?.req?.headers.get("mcp-param-region") ?? "body alone"}`);
    },
  );
  mcp.registerTool("interrupted", { description: "Hangs up, so that the client has to resume." }, ({ http }) => {
    ran("interrupted");
    http?.closeSSE?.();
    return text(`write to ${CUSTOMER.email}`);
  });
  for (const question of Object.keys(QUESTIONS) as Question[]) {
    mcp.registerTool(`ask_${question}`, { description: "Asks the client." }, async ({ mcpReq }) => {
      ran(`ask_${question}`);
      if (era === "legacy") return text(JSON.stringify(await ledger.settle(ask(mcpReq, question))));
      const answer = mcpReq.inputResponses?.[question];
      if (answer === undefined) return inputRequired({ inputRequests: { [question]: EMBEDDED[question]() }, requestState: STATE });
      ledger.states.push(mcpReq.requestState());
      return text(JSON.stringify(await ledger.settle(Promise.resolve(answer))));
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
  mcp.registerPrompt("greet", { argsSchema: z.object({ room: completable(z.string(), roomsBeginning) }) }, ({ room }) => ({
    messages: [{ role: "user", content: { type: "text", text: `Say hello in the ${room}.` } }],
  }));
  mcp.registerPrompt("invoice", {}, () => ({
    messages: [{ role: "user", content: { type: "text", text: `Charge ${CUSTOMER.card}.` } }],
  }));
  mcp.registerPrompt("spell", {}, () => ({ messages: [{ role: "user", content: { type: "text", text: "Abracadabra." } }] }));
  if (era === "legacy") {
    mcp.server.setRequestHandler("resources/subscribe", ({ params }) => {
      ledger.subscribed.push(params.uri);
      return {};
    });
    mcp.server.setRequestHandler("resources/unsubscribe", ({ params }) => {
      ledger.subscribed.splice(ledger.subscribed.indexOf(params.uri), 1);
      return {};
    });
  }
  return mcp;
}

/** A request of the server that belongs to a call, as the legacy era sends it. */
function ask(mcpReq: ServerContext["mcpReq"], question: Question): Promise<unknown> {
  switch (question) {
    case "sampling":
      return mcpReq.requestSampling(QUESTIONS.sampling.params);
    case "elicitation":
      return mcpReq.elicitInput(QUESTIONS.elicitation.params);
    case "roots":
      return mcpReq.send({ method: "roots/list" });
  }
}

/** Serves both eras on one URL: legacy clients with sessions, modern ones without. */
export async function openV2Server(form: Form): Promise<SdkServer> {
  const ledger = new Ledger();
  const sessions = new Map<string, { transport: NodeStreamableHTTPServerTransport; mcp: McpServer }>();
  const handler = createMcpHandler(({ era }) => createHouse(ledger, era), { legacy: "reject", responseMode: form });
  const modern = toNodeHandler(handler);
  const legacy = async (request: IncomingMessage, response: ServerResponse, body: unknown): Promise<void> => {
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
    const mcp = createHouse(ledger, "legacy");
    const transport = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (session) => void sessions.set(session, { transport, mcp }),
      onsessionclosed: (session) => {
        sessions.delete(session);
        ledger.ended.push(session);
      },
      ...(form === "json" ? { enableJsonResponse: true } : { eventStore: new EventStore<JSONRPCMessage>(), retryInterval: 20 }),
    });
    await mcp.connect(transport);
    await transport.handleRequest(request, response, body);
  };
  const front = await listenTapped(async (request, response, body) => {
    const isLegacy = request.method !== "POST" || (await isLegacyRequest(await toWebRequest(request as NodeRequest, body), body));
    await (isLegacy ? legacy(request, response, body) : modern(request as NodeRequest, response as Parameters<typeof modern>[1], body));
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
      handler.notify.toolsChanged();
    },
    resourceUpdated(uri) {
      for (const { server } of houses()) void server.sendResourceUpdated({ uri });
      handler.notify.resourceUpdated(uri);
    },
    askOutside: (question) =>
      Promise.all(houses().map(({ server }) => ledger.settle(question === "ping" ? server.ping() : askOutside(server, question)))),
    async reset() {
      await Promise.all([...sessions.values()].map(({ transport }) => transport.close()));
      sessions.clear();
      ledger.clear();
      front.resumed.length = 0;
    },
    async close() {
      await handler.close();
      await front.close();
    },
  };
}

function askOutside(server: McpServer["server"], question: Question): Promise<unknown> {
  switch (question) {
    case "sampling":
      return server.createMessage(QUESTIONS.sampling.params);
    case "elicitation":
      return server.elicitInput(QUESTIONS.elicitation.params);
    case "roots":
      return server.listRoots();
  }
}

export async function connectV2(
  url: string,
  mode: VersionNegotiationMode,
  { answers = {}, fetch: own }: ClientSettings = {},
): Promise<SdkClient> {
  const client = new Client(
    { name: "visitor", version: "1.0.0" },
    { capabilities: { sampling: {}, elicitation: { form: {} }, roots: {} }, versionNegotiation: { mode } },
  );
  const asked: Question[] = [];
  const answer = <Answer>(question: Question): Answer => {
    asked.push(question);
    return (answers[question] ?? HARMLESS[question]) as Answer;
  };
  client.setRequestHandler("sampling/createMessage", () => answer("sampling"));
  client.setRequestHandler("elicitation/create", () => answer("elicitation"));
  client.setRequestHandler("roots/list", () => answer("roots"));
  const notifications: SdkClient["notifications"] = [];
  client.fallbackNotificationHandler = (notification) => {
    notifications.push(notification);
    return Promise.resolve();
  };
  const tap = tappedFetch();
  const transport = new StreamableHTTPClientTransport(new URL(url), { fetch: own ?? tap.fetch });
  await client.connect(transport);
  return {
    sdk: client,
    era: client.getProtocolEra() ?? "legacy",
    revision: client.getNegotiatedProtocolVersion(),
    wire: { sent: tap.sent, received: tap.received },
    asked,
    notifications,
    call: async (name, args = {}, { signal, onprogress, meta } = {}) =>
      (await client.callTool(
        { name, arguments: args, ...(meta === undefined ? {} : { _meta: meta }) },
        { timeout: 8_000, ...(signal === undefined ? {} : { signal }), ...(onprogress === undefined ? {} : { onprogress }) },
      )) as ToolResult,
    session: () => transport.sessionId,
    ping: () => client.ping(),
    setLoggingLevel: (level) => client.setLoggingLevel(level),
    subscribe: (uri) => client.subscribeResource({ uri }),
    unsubscribe: (uri) => client.unsubscribeResource({ uri }),
    terminate: () => transport.terminateSession(),
    async listen(filter) {
      const subscription = await client.listen(filter);
      return { honored: subscription.honoredFilter, close: () => subscription.close() };
    },
    close: () => client.close(),
  };
}
