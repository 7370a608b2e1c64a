/**
 * The wire under a client: a `fetch` that marks every message, and follows each until it is answered, denied, refused, or its connection
 * breaks. So the account does not depend on what an SDK makes of it. Must not change what a message asks for.
 */
import { type Ledger, MARKER_HEADER, MARKER_META, type Sending } from "./ledger.ts";
import { isCall, readAnswer, verdictOn } from "./verdict.ts";

interface ClientMessage {
  id?: unknown;
  method?: string;
  params?: { _meta?: Record<string, unknown> };
  result?: { _meta?: Record<string, unknown> };
  error?: { data?: unknown };
}

export interface Wire {
  readonly fetch: typeof fetch;
  /** Ends what is still open: the client leaves. */
  close(): void;
}

/** `secrets`: texts that must never reach the client. */
export function openWire(ledger: Ledger, principal: string, server: string, key: string, secrets: readonly string[]): Wire {
  const open = new Map<unknown, Sending>();
  const follow = (text: string, status: number): void => {
    for (const secret of secrets) if (text.includes(secret)) ledger.alarms.push(`a redacted text reached ${principal}`);
    const answer = readAnswer(text);
    if (answer === undefined || isCall(answer)) return;
    const sending = open.get(answer.id);
    if (sending === undefined) return;
    const { ending, ...more } = verdictOn(answer, status);
    ledger.end(sending, ending, { ...more, status });
    open.delete(answer.id);
  };

  const wired: typeof fetch = async (input, init) => {
    const { sending, body, id } = mark(ledger, principal, server, init);
    if (sending.kind === "request") open.set(id, sending);
    const headers = new Headers(init?.headers);
    headers.set("x-api-key", key);
    if (body === undefined) headers.set(MARKER_HEADER, sending.marker);
    const fails = (): void => {
      ledger.end(sending, init?.signal?.aborted === true ? "gone" : "broken", { note: "connection" });
    };
    let response: Response;
    try {
      response = await fetch(input, { ...init, headers, ...(body === undefined ? {} : { body }) });
    } catch (fault) {
      fails();
      throw fault;
    }
    const { status, statusText } = response;
    const again = (content: string | ReadableStream<Uint8Array> | null): Response =>
      new Response(content, { status, statusText, headers: response.headers });
    sending.status = status;
    if (response.body === null) {
      settle(ledger, sending, "", status);
      return response;
    }
    if (response.headers.get("content-type")?.startsWith("text/event-stream") !== true) {
      let text: string;
      try {
        text = await response.text();
      } catch (fault) {
        fails();
        throw fault;
      }
      follow(text, status);
      settle(ledger, sending, text, status);
      return again(status === 202 || status === 204 || status === 205 ? null : text);
    }
    // The stream of a GET is no answer that somebody waits for.
    if (sending.kind === "transport") ledger.end(sending, "answered", { status });
    return again(
      tapped(
        response.body,
        (text) => {
          follow(text, status);
        },
        fails,
      ),
    );
  };
  return {
    fetch: wired,
    close() {
      for (const sending of open.values()) ledger.end(sending, "gone", { note: "the client left" });
      open.clear();
    },
  };
}

/** What has no answer of its own to wait for, or got none that names it, is ended by the status. */
function settle(ledger: Ledger, sending: Sending, text: string, status: number): void {
  if (sending.ending !== undefined) return;
  const answer = readAnswer(text);
  if (status < 400) {
    if (sending.kind === "request") ledger.alarms.push(`${sending.marker} was answered ${status} without an answer`);
    return ledger.end(sending, "answered", { status });
  }
  const { ending, ...more } = verdictOn(answer ?? {}, status);
  ledger.end(sending, ending === "answered" ? "errored" : ending, { status, ...more });
}

function mark(ledger: Ledger, principal: string, server: string, init: RequestInit | undefined) {
  const method = init?.method ?? "GET";
  if (typeof init?.body !== "string") {
    const sending = ledger.send({ principal, server, kind: "transport", method, rpcId: undefined });
    return { sending, body: undefined, id: undefined };
  }
  const message = JSON.parse(init.body) as ClientMessage;
  const kind = message.method === undefined ? "answer" : message.id === undefined ? "notification" : "request";
  const rpcId = typeof message.id === "number" ? message.id : undefined;
  const sending = ledger.send({ principal, server, kind, method: message.method ?? "-", rpcId });
  const meta = { [MARKER_META]: sending.marker };
  if (message.method !== undefined) message.params = { ...message.params, _meta: { ...message.params?._meta, ...meta } };
  else if (message.result !== undefined) message.result = { ...message.result, _meta: { ...message.result._meta, ...meta } };
  else if (message.error !== undefined) message.error = { ...message.error, data: meta };
  return { sending, body: JSON.stringify(message), id: message.id };
}

/** The same stream, with the data of each event shown to `each` once it is whole. */
function tapped(body: ReadableStream<Uint8Array>, each: (data: string) => void, fails: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let held = "";
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) {
          fails();
          return controller.close();
        }
        held += decoder.decode(value, { stream: true });
        for (let end = held.indexOf("\n\n"); end !== -1; end = held.indexOf("\n\n")) {
          const data = held
            .slice(0, end)
            .split("\n")
            .filter((line) => line.startsWith("data:"))
            .map((line) => line.slice(5))
            .join("\n");
          held = held.slice(end + 2);
          if (data !== "") each(data);
        }
        controller.enqueue(value);
      } catch (fault) {
        fails();
        controller.error(fault);
      }
    },
    async cancel(reason) {
      fails();
      await reader.cancel(reason);
    },
  });
}
