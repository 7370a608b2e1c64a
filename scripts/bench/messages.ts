/**
 * The messages of the benchmark: what clients ask, what the upstream answers, byte for byte, so that both ends agree without talking.
 * Pure functions. Must not hold anything sensitive: the personal data is made up.
 */

export const MODERN = "2026-07-28";
export const LEGACY = "2025-11-25";

/** Ids have six digits, as those of a client that counts its calls, and are overwritten in place, so that no length ever changes. */
export const FIRST_ID = 100_000;
export const LAST_ID = 999_999;
export const ID_DIGITS = 6;

/** What the upstream answers, chosen by the path of its URL. */
export interface AnswerKind {
  readonly form: "json" | "sse";
  /** Bytes of text in the result. */
  readonly bytes: number;
  readonly text: "clean" | "personal";
  /** Events of a stream, the answer included; 1 for JSON. */
  readonly events: number;
}

const PARAGRAPH =
  "The build 4821 of service billing-api finished in 312 s on host ci-07. Tests: 1204 passed, 3 skipped. " +
  "See the release notes for details about the new scheduler, which retries failed jobs with a back-off of 250 ms. " +
  "Owner: platform team. Next steps are to update the dashboard, to review the error budget and to close the ticket. ";

const PERSONAL: readonly ((n: number) => string)[] = [
  (n) => `Customer Jane Roe wrote from jane.roe${n}@example.com about order 88213 and asked for a copy of the invoice. `,
  (n) => `Paid with card 4111 1111 1111 1111, ref ${n}, the amount was taken twice and has to be refunded by the desk. `,
  (n) => `Employee record ${n} shows SSN 536-22-8726 and the address on file; please confirm before the next payroll run. `,
  (n) => `Call back number ${n} is +1 415 555 0132, best between nine and eleven in the morning, Pacific time, weekdays. `,
];

/** Values that must not be in an answer that went through redaction. */
export const MUST_BE_GONE: readonly string[] = ["@example.com", "4111 1111", "536-22-8726"];

/** Exactly `bytes` of plausible output of a tool: prose and identifiers, nothing sensitive. */
export function cleanText(bytes: number): string {
  return PARAGRAPH.repeat(Math.ceil(bytes / PARAGRAPH.length)).slice(0, bytes);
}

/** Exactly `bytes` of text with an e-mail address, a card, a social security or a telephone number in every hundred. */
export function personalText(bytes: number): string {
  let text = "";
  for (let n = 0; text.length < bytes; n += 1) text += (PERSONAL[n % PERSONAL.length] as (n: number) => string)(1000 + n);
  return text.slice(0, bytes);
}

export function pathOf({ form, bytes, text, events }: AnswerKind): string {
  return `/${form}/${bytes}/${text}/${events}`;
}

export function kindOf(path: string): AnswerKind {
  const [, form, bytes, text, events] = path.split("/");
  return {
    form: form === "sse" ? "sse" : "json",
    bytes: Number(bytes ?? 0),
    text: text === "personal" ? "personal" : "clean",
    events: Number(events ?? 1),
  };
}

/** One string of a message may have 2 MiB: longer results are made of several. */
const BLOCK = 1 << 20;

/** What stands behind the id of an answer. */
export function answerTail({ bytes, text }: AnswerKind): string {
  const whole = text === "personal" ? personalText(bytes) : cleanText(bytes);
  const content = [];
  for (let at = 0; at < Math.max(1, whole.length); at += BLOCK) content.push({ type: "text", text: whole.slice(at, at + BLOCK) });
  return `,"result":${JSON.stringify({ content, resultType: "complete" })}}`;
}

export const ANSWER_START = '{"jsonrpc":"2.0","id":';

/** A progress notification as one event of a stream. */
export function progressEvent(n: number): string {
  return `event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"bench","progress":${n}}}\n\n`;
}

export interface RequestKind {
  readonly port: number;
  readonly path: string;
  /** Bytes of text in the arguments. */
  readonly bytes: number;
  /** A session makes it a request of 2025-11-25. */
  readonly session?: string;
}

/** A request as bytes, and where its id and the number in its tool's name stand. */
export interface PreparedRequest {
  readonly bytes: Buffer;
  readonly ids: readonly number[];
  readonly names: readonly number[];
}

const TOOL = "echo_";
const ZEROS = "0".repeat(ID_DIGITS);
/** The tool that calls name which are all alike. */
export const CALLED_TOOL = `${TOOL}${ZEROS}`;

/** A `tools/call` of `CALLED_TOOL`. */
export function toolCall({ port, path, bytes, session }: RequestKind): PreparedRequest {
  const meta = {
    progressToken: "bench",
    ...(session === undefined
      ? { "io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {} }
      : {}),
  };
  const params = { name: CALLED_TOOL, arguments: { message: cleanText(bytes) }, _meta: meta };
  const body = `{"jsonrpc":"2.0","id":${FIRST_ID},"method":"tools/call","params":${JSON.stringify(params)}}`;
  const era =
    session === undefined
      ? `MCP-Protocol-Version: ${MODERN}\r\nMcp-Method: tools/call\r\nMcp-Name: ${CALLED_TOOL}\r\n`
      : `MCP-Protocol-Version: ${LEGACY}\r\nMcp-Session-Id: ${session}\r\n`;
  const message = Buffer.from(post(port, path, era, body), "latin1");
  return { bytes: message, ids: [message.indexOf(`"id":${FIRST_ID}`) + 5], names: everyPlace(message, CALLED_TOOL, TOOL.length) };
}

/** The handshake that gives a session of 2025-11-25. */
export function initialize(port: number, path: string): Buffer {
  const params = { protocolVersion: LEGACY, capabilities: {}, clientInfo: { name: "bench", version: "1" } };
  return Buffer.from(post(port, path, "", JSON.stringify({ jsonrpc: "2.0", id: FIRST_ID, method: "initialize", params })), "latin1");
}

/** A GET stream of 2025-11-25. */
export function openStream(port: number, path: string): Buffer {
  return Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\nMCP-Protocol-Version: ${LEGACY}\r\n\r\n`,
    "latin1",
  );
}

/** Writes six digits over those at each place. */
export function overwrite(bytes: Buffer, places: readonly number[], number: number): void {
  const digits = String(number);
  for (const place of places) bytes.write(digits, place, ID_DIGITS, "latin1");
}

function post(port: number, path: string, headers: string, body: string): string {
  return (
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n` +
    `Accept: application/json, text/event-stream\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
  );
}

function everyPlace(bytes: Buffer, text: string, offset: number): number[] {
  const places = [];
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) places.push(at + offset);
  return places;
}
