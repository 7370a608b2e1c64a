/** Every pairing of SDK generation, era and answer form that exists, behind one gateway with the shipped policies. */
import { openGateway, type TestGateway } from "./gateway.ts";
import type { ClientSettings, Era, Form, SdkClient, SdkServer } from "./sdk-peer.ts";
import { connectV1, openV1Server } from "./sdk-v1.ts";
import { connectV2, openV2Server } from "./sdk-v2.ts";

type ServerName = `${"v1" | "v2"}-${Form}`;

export interface Pairing {
  readonly server: ServerName;
  readonly era: Era;
  readonly form: Form;
  readonly connect: (url: string, settings?: ClientSettings) => Promise<SdkClient>;
}

const legacyV2: Pairing["connect"] = (url, settings) => connectV2(url, "legacy", settings);
const modernV2: Pairing["connect"] = (url, settings) => connectV2(url, { pin: "2026-07-28" }, settings);
const autoV2: Pairing["connect"] = (url, settings) => connectV2(url, "auto", settings);

export const PAIRINGS: Readonly<Record<string, Pairing>> = {
  "v1 with v1, legacy, JSON": { server: "v1-json", era: "legacy", form: "json", connect: connectV1 },
  "v1 with v1, legacy, SSE": { server: "v1-sse", era: "legacy", form: "sse", connect: connectV1 },
  "v1 with v2, legacy, SSE": { server: "v2-sse", era: "legacy", form: "sse", connect: connectV1 },
  "v2 with v2, legacy, JSON": { server: "v2-json", era: "legacy", form: "json", connect: legacyV2 },
  "v2 with v2, legacy, SSE": { server: "v2-sse", era: "legacy", form: "sse", connect: legacyV2 },
  "v2 with v1, fallen back to legacy, SSE": { server: "v1-sse", era: "legacy", form: "sse", connect: autoV2 },
  "v2 with v2, modern, JSON": { server: "v2-json", era: "modern", form: "json", connect: modernV2 },
  "v2 with v2, modern, SSE": { server: "v2-sse", era: "modern", form: "sse", connect: modernV2 },
  "v2 with v2, modern by negotiation, SSE": { server: "v2-sse", era: "modern", form: "sse", connect: autoV2 },
};

export interface Stage {
  readonly gateway: TestGateway;
  readonly servers: Readonly<Record<ServerName, SdkServer>>;
  /** A client of the pairing through the gateway; `open` is the entry whose settings let servers ask. */
  through(pairing: Pairing, settings?: ClientSettings, entry?: "strict" | "open"): Promise<SdkClient>;
  direct(pairing: Pairing, settings?: ClientSettings): Promise<SdkClient>;
  /** Forgets what happened and closes the clients of the last test. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

const STRICT = "protocol_and_identity: {deny_tools: [hidden], deny_prompts: [spell], deny_resources: [house://vault]}";
const OPEN = "server_initiated: {sampling: allow, elicitation: allow, roots: allow}";

export async function openStage(): Promise<Stage> {
  const servers = {
    "v1-json": await openV1Server("json"),
    "v1-sse": await openV1Server("sse"),
    "v2-json": await openV2Server("json"),
    "v2-sse": await openV2Server("sse"),
  };
  const entries = Object.entries(servers).flatMap(([name, { url }]) => [
    `  ${name}: {url: "${url}", trust: third_party, settings: {${STRICT}}}`,
    `  ${name}-open: {url: "${url}", trust: third_party, settings: {${OPEN}}}`,
  ]);
  const gateway = await openGateway(`servers:\n${entries.join("\n")}`);
  let clients: SdkClient[] = [];
  const keep = async (connecting: Promise<SdkClient>): Promise<SdkClient> => {
    const client = await connecting;
    clients.push(client);
    return client;
  };
  const reset = async (): Promise<void> => {
    await Promise.all(clients.map((client) => client.close()));
    clients = [];
    await Promise.all(Object.values(servers).map((server) => server.reset()));
  };
  return {
    gateway,
    servers,
    through: ({ server, connect }, settings, entry = "strict") =>
      keep(connect(gateway.endpoint(entry === "strict" ? server : `${server}-open`), settings)),
    direct: ({ server, connect }, settings) => keep(connect(servers[server].url, settings)),
    reset,
    async close() {
      await reset();
      await gateway.close();
      await Promise.all(Object.values(servers).map((server) => server.close()));
    },
  };
}
