/**
 * A small CRM behind MCP, built with the official SDK: its results carry personal data in text, in JSON inside text and in
 * `structuredContent`. For the quick start and tests. All people in it are invented. Runs as a process of its own, on loopback.
 */
import { randomUUID } from "node:crypto";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { createMcpExpressApp } from "@modelcontextprotocol/sdk/server/express.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";

const CUSTOMER = {
  id: "C-1001",
  name: "Ada Example",
  email: "ada@customer.example",
  card: "4111 1111 1111 1111",
  plan: "gold",
};
const CUSTOMER_SHAPE = { id: z.string(), name: z.string(), email: z.string(), card: z.string(), plan: z.string() };

/** The same customer three ways: as a sentence, as JSON inside text, as structured content. */
function customerResult(): CallToolResult {
  return {
    content: [
      { type: "text", text: `${CUSTOMER.name} (${CUSTOMER.email}) pays with ${CUSTOMER.card}.` },
      { type: "text", text: JSON.stringify(CUSTOMER) },
    ],
    structuredContent: CUSTOMER,
  };
}

function createCrm(): McpServer {
  const server = new McpServer({ name: "crm", version: "1.0.0" });
  server.registerTool(
    "get_customer",
    {
      title: "Get customer",
      description: "Returns one customer of the CRM.",
      inputSchema: { id: z.string() },
      outputSchema: CUSTOMER_SHAPE,
      annotations: { readOnlyHint: true },
    },
    () => customerResult(),
  );
  server.registerTool(
    "export_customers",
    {
      title: "Export customers",
      description: "Sends every customer to an address. The quick start's policy hides it.",
      inputSchema: { to: z.string() },
      annotations: { destructiveHint: true },
    },
    ({ to }) => ({ content: [{ type: "text", text: `sent to ${to}` }] }),
  );
  return server;
}

const sessions = new Map<string, StreamableHTTPServerTransport>();
const app = createMcpExpressApp({ host: "127.0.0.1" });
app.all("/mcp", async (request, response) => {
  const id = request.headers["mcp-session-id"];
  const known = typeof id === "string" ? sessions.get(id) : undefined;
  if (id !== undefined && known === undefined) {
    response.status(404).json({ jsonrpc: "2.0", error: { code: -32001, message: "Session not found" }, id: null });
    return;
  }
  const transport =
    known ??
    new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (session) => {
        sessions.set(session, transport);
      },
      onsessionclosed: (session) => {
        sessions.delete(session);
      },
    });
  if (known === undefined) await createCrm().connect(transport as Parameters<McpServer["connect"]>[0]);
  await transport.handleRequest(request, response, request.body);
});
const listener = app.listen(Number(process.env["PORT"] ?? 0), "127.0.0.1", () => {
  const address = listener.address();
  console.error(`CRM listening on port ${typeof address === "object" ? address?.port : address}`);
});
