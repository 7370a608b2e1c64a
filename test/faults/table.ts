/**
 * What can go wrong between Sluice and a server, and what becomes of it in each place: the table that docs/faults.md shows and
 * server-faults.test.ts plays. Must hold no test logic: rows are data, and a script that breaks one exchange.
 */
import { gzipSync } from "node:zlib";
import type { ErrorCode } from "../../src/errors.ts";
import { answersJson, beginsStream, type Peer, type Script } from "../support/faulty-upstream.ts";

/** Where it happens. `call`: a request; `answer`: the client's answer to its server; `own`: the answer that Sluice gives for a refused request. */
export const PLACES = ["call", "get", "delete", "notification", "answer", "own"] as const;
export type Place = (typeof PLACES)[number];

/** What the client sees, and what is on record for it. */
export interface Cell {
  readonly http: number;
  /** The reason in the one `synthetic` record; without one there is none: the client sees the server's status. */
  readonly code?: ErrorCode;
  /** `json`: an error as the answer's body; `event`: as the last event of a stream; `end`: a stream just ends. */
  readonly says?: "json" | "event" | "end";
  /** Headers that reach the client. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A message of the server that answers nothing is on record besides, and the client does not get it. */
  readonly drops?: true;
  /** Times that the bytes of the message arrive. */
  readonly sent: 0 | 1;
}

export interface Row {
  readonly fault: string;
  readonly script: Script;
  /** How the server is reached, where not in the ordinary way. */
  readonly reached?: "refused" | "unresolved" | "untrusted";
  readonly cells: Partial<Record<Place, Cell>>;
}

/** What each code moves. */
export const METRICS: Partial<Record<ErrorCode, string>> = {
  ERR_UPSTREAM: "sluice_upstream_errors_total",
  ERR_UPSTREAM_TIMEOUT: "sluice_upstream_errors_total",
  ERR_UPSTREAM_ANSWER: "sluice_unexpected_answers_total",
  ERR_UPSTREAM_CREDENTIAL: "sluice_upstream_credential_failures_total",
  ERR_UPSTREAM_REFUSED: "sluice_upstream_refusals_total",
};

export const RESULT = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';

const error = (http: number, code: ErrorCode): Cell => ({ http, code, says: "json", sent: 1 });
const unsent = (cell: Cell): Cell => ({ ...cell, sent: 0 });
const BROKEN = error(502, "ERR_UPSTREAM");
const LATE = error(504, "ERR_UPSTREAM_TIMEOUT");
const WITHHELD = error(502, "ERR_UPSTREAM_ANSWER");
const passes = (http: number): Cell => ({ http, sent: 1 });
const onStream = (code: ErrorCode): Cell => ({ http: 200, code, says: "event", sent: 1 });
const ends = (code: ErrorCode): Cell => ({ http: 200, code, says: "end", sent: 1 });

const everywhere = (cell: Cell): Row["cells"] => Object.fromEntries(PLACES.map((place) => [place, cell]));
/** Where a body is read, and where only the status counts. */
const where = (read: Cell, unread: Cell): Row["cells"] => ({
  call: read,
  get: read,
  delete: unread,
  notification: unread,
  answer: unread,
  own: unread,
});

const EVENT = 'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}\n\n';
const silence: Script = () => {};
const status =
  (line: string, headers: Readonly<Record<string, string>> = {}): Script =>
  (_arrival, peer) =>
    peer.answer(line, { "content-type": "text/plain", ...headers }, "no");
const then =
  (first: Script, second: (peer: Peer) => void): Script =>
  (arrival, peer) => {
    first(arrival, peer);
    // Behind what was written, so that it arrives.
    setTimeout(() => second(peer), 60);
  };
const writes =
  (text: string): Script =>
  (_arrival, peer) =>
    peer.write(text);
const reset = (peer: Peer): void => peer.reset();
const end = (peer: Peer): void => peer.end();
const drips =
  (text: string, everyMs: number): Script =>
  (_arrival, peer) => {
    let at = 0;
    const timer = setInterval(() => {
      if (peer.socket.destroyed || at >= text.length) clearInterval(timer);
      else peer.write(text[(at += 1) - 1] ?? "");
    }, everyMs);
  };
const wholeAnswer = (body: string): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const JSON_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";

export const ROWS: readonly Row[] = [
  { fault: "refuses the connection", script: silence, reached: "refused", cells: everywhere(unsent(BROKEN)) },
  {
    fault: "has a name that does not resolve",
    script: silence,
    reached: "unresolved",
    cells: { call: unsent(BROKEN), get: unsent(BROKEN), delete: unsent(BROKEN), notification: unsent(BROKEN) },
  },
  {
    fault: "shows a certificate that nobody vouches for",
    script: silence,
    reached: "untrusted",
    cells: { call: unsent(BROKEN), get: unsent(BROKEN), delete: unsent(BROKEN), notification: unsent(BROKEN) },
  },
  { fault: "resets before the headers", script: (_arrival, peer) => peer.reset(), cells: everywhere(BROKEN) },
  { fault: "closes before the headers", script: (_arrival, peer) => peer.end(), cells: everywhere(BROKEN) },
  { fault: "resets inside the headers", script: then(writes("HTTP/1.1 200 OK\r\ncontent-ty"), reset), cells: everywhere(BROKEN) },
  { fault: "sends what is no HTTP", script: writes("SSH-2.0-OpenSSH_9.9\r\n"), cells: everywhere(BROKEN) },
  { fault: "never answers", script: silence, cells: everywhere(LATE) },
  { fault: "sends the headers too slowly", script: drips(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(5000)}`, 50), cells: everywhere(LATE) },
  { fault: "sends 103 and nothing more", script: writes("HTTP/1.1 103 Early Hints\r\n\r\n"), cells: everywhere(LATE) },
  {
    fault: "sends 103 again and again",
    script: (_arrival, peer) => {
      const timer = setInterval(() => {
        if (peer.socket.destroyed) clearInterval(timer);
        else peer.write("HTTP/1.1 103 Early Hints\r\n\r\n");
      }, 50);
    },
    cells: everywhere(LATE),
  },
  { fault: "sends 100 without being asked", script: writes("HTTP/1.1 100 Continue\r\n\r\n"), cells: everywhere(BROKEN) },
  {
    fault: "answers HTML",
    script: (_arrival, peer) => peer.answer("200 OK", { "content-type": "text/html" }, "<h1>Sign in</h1>"),
    cells: where(WITHHELD, passes(200)),
  },
  {
    fault: "answers compressed",
    script: (_arrival, peer) => peer.answer("200 OK", { "content-type": "application/json", "content-encoding": "gzip" }, gzipSync(RESULT)),
    cells: everywhere(WITHHELD),
  },
  { fault: "answers 200 without a body", script: (_arrival, peer) => peer.answer("200 OK", {}), cells: where(WITHHELD, passes(200)) },
  { fault: "redirects", script: status("302 Found", { location: "http://127.0.0.1:1/" }), cells: everywhere(WITHHELD) },
  {
    fault: "answers 401",
    script: status("401 Unauthorized", { "www-authenticate": "Bearer" }),
    cells: everywhere(error(401, "ERR_UPSTREAM_CREDENTIAL")),
  },
  { fault: "answers 404", script: status("404 Not Found"), cells: everywhere(error(404, "ERR_UPSTREAM_REFUSED")) },
  {
    fault: "answers 405",
    script: status("405 Method Not Allowed", { allow: "POST" }),
    cells: everywhere(error(405, "ERR_UPSTREAM_REFUSED")),
  },
  {
    fault: "answers 429 with Retry-After",
    script: status("429 Too Many Requests", { "retry-after": "7" }),
    cells: everywhere({ ...error(429, "ERR_UPSTREAM_REFUSED"), headers: { "retry-after": "7" } }),
  },
  { fault: "answers 500", script: status("500 Internal Server Error"), cells: everywhere(error(500, "ERR_UPSTREAM_REFUSED")) },
  {
    fault: "answers another request",
    script: answersJson(RESULT.replace('"id":1', '"id":2')),
    cells: { call: { ...WITHHELD, drops: true } },
  },
  {
    fault: "answers another request on a stream",
    script: beginsStream([`data: ${RESULT.replace('"id":1', '"id":2')}\n\n`], true),
    cells: { call: { ...onStream("ERR_UPSTREAM_ANSWER"), drops: true } },
  },
  {
    fault: "answers twice on a stream",
    script: beginsStream([`data: ${RESULT}\n\ndata: ${RESULT}\n\n`], true),
    cells: { call: { ...passes(200), drops: true } },
  },
  {
    fault: "sends a second HTTP answer behind the first",
    // In one piece: a connection on which something unasked for has arrived is not used again.
    script: writes([RESULT, RESULT.replace("[]", '[{"type":"text","text":"stale"}]')].map(wholeAnswer).join("")),
    cells: { call: passes(200) },
  },
  { fault: "answers twice in one body", script: answersJson(RESULT + RESULT), cells: { call: WITHHELD } },
  { fault: "answers with a request", script: answersJson('{"jsonrpc":"2.0","id":1,"method":"ping"}'), cells: { call: WITHHELD } },
  { fault: "resets after the headers", script: then(writes(JSON_HEAD), reset), cells: { ...where(BROKEN, passes(200)), get: WITHHELD } },
  { fault: "resets inside a JSON body", script: then(writes(JSON_HEAD + RESULT.slice(0, 20)), reset), cells: { call: BROKEN } },
  { fault: "closes inside a JSON body", script: then(writes(JSON_HEAD + RESULT.slice(0, 20)), end), cells: { call: BROKEN } },
  { fault: "stops inside a JSON body", script: writes(JSON_HEAD + RESULT.slice(0, 20)), cells: { call: LATE } },
  {
    fault: "resets a stream between two events",
    script: then(beginsStream([EVENT]), reset),
    cells: { call: onStream("ERR_UPSTREAM"), get: ends("ERR_UPSTREAM") },
  },
  {
    fault: "resets a stream inside an event",
    script: then(beginsStream([EVENT, `data: ${RESULT.slice(0, 20)}`]), reset),
    cells: { call: onStream("ERR_UPSTREAM"), get: ends("ERR_UPSTREAM") },
  },
  {
    fault: "ends a stream inside an event",
    script: beginsStream([EVENT, `data: ${RESULT}\n`], true),
    cells: { call: onStream("ERR_UPSTREAM_ANSWER"), get: { http: 200, says: "end", sent: 1 } },
  },
  {
    fault: "ends a stream without the answer",
    script: beginsStream([EVENT], true),
    cells: { call: onStream("ERR_UPSTREAM_ANSWER"), get: { http: 200, says: "end", sent: 1 } },
  },
  {
    fault: "leaves a stream silent for limits.idle_ms",
    script: beginsStream([EVENT]),
    cells: { call: onStream("ERR_UPSTREAM_TIMEOUT"), get: ends("ERR_UPSTREAM_TIMEOUT") },
  },
];
