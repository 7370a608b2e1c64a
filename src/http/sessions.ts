/**
 * Sessions as HTTP carries them (`Mcp-Session-Id`): what an id may look like, and whose a session is from the answer on that gave it. Must
 * not admit anybody.
 */
import type { Store } from "../state/store.ts";
import type { Exchange } from "../transaction.ts";
import type { Answer } from "../upstream/answer.ts";
import type { Call } from "./call.ts";

const SESSION = /^[\x21-\x7e]{1,512}$/;

/** MCP: a session id is visible ASCII. */
export function isSessionId(text: string): boolean {
  return SESSION.test(text);
}

/** A session belongs to whoever it was given to, until the server says that it has ended. */
export async function rememberSession(
  store: Store,
  method: Call["method"],
  exchange: Exchange,
  { status, headers }: Answer,
): Promise<void> {
  const { server, principal, session } = exchange;
  const given = exchange.era === "legacy" ? sessionIn(headers) : undefined;
  // Servers repeat the id in every answer: admission has seen that one.
  if (given !== undefined && given !== session && isSessionId(given)) await store.sessionOwner(server.name, given, principal.id);
  if (method === "DELETE" && status < 300 && session !== undefined) await store.endSession(server.name, session);
}

function sessionIn(headers: readonly string[]): string | undefined {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === "mcp-session-id");
  return at === -1 ? undefined : headers[at + 1];
}
