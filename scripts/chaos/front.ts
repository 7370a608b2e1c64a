/**
 * What stands before each real server: passes requests on to it and its answers back, tells the ledger what arrived, and plays the fault
 * that is armed for the next request instead. Must not change what it passes on.
 */
import { type ClientRequest, request } from "node:http";
import { type Arrival, type FaultyUpstream, openFaultyUpstream, type Peer } from "../../test/support/faulty-upstream.ts";
import { ROWS, type Row } from "../../test/faults/table.ts";
import { type Ledger, MARKER_HEADER } from "./ledger.ts";

/** Faults of the table that happen on a connection: the other ones are about making one. */
export const SERVER_FAULTS: readonly Row[] = ROWS.filter((row) => row.reached === undefined);

const OPENING = /"method":"(?:initialize|server\/discover|notifications\/initialized)"/;

export interface Front {
  readonly url: string;
  /** The next request meets this fault; `opening`: also one that opens a session, without which its client can do nothing. */
  arm(row: Row, opening: boolean): void;
  /** Faults that were met, by name. */
  readonly met: ReadonlyMap<string, number>;
  /** Refuses connections for a while. */
  goDown(ms: number): Promise<void>;
  readonly open: number;
  close(): Promise<void>;
}

export async function openFront(ledger: Ledger, target: string): Promise<Front> {
  const upstream: FaultyUpstream = await openFaultyUpstream();
  const armed: { readonly row: Row; readonly opening: boolean }[] = [];
  const met = new Map<string, number>();
  let back: Promise<void> = Promise.resolve();
  upstream.script((arrival, peer) => {
    // An answer of Sluice's own comes with the headers of the stream that it belongs to.
    ledger.arrived(arrival.body, arrival.body === "" ? headerOf(arrival.head, MARKER_HEADER) : undefined);
    upstream.arrivals.length = 0;
    const opens = OPENING.test(arrival.body);
    const at = armed.findIndex(({ opening }) => opening || !opens);
    const row = armed[at]?.row;
    if (row === undefined) return passOn(arrival, peer, target);
    armed.splice(at, 1);
    met.set(row.fault, (met.get(row.fault) ?? 0) + 1);
    row.script(arrival, peer);
  });
  return {
    url: upstream.url,
    met,
    arm(row, opening) {
      armed.push({ row, opening });
    },
    goDown(ms) {
      const down = back.then(async () => {
        await upstream.refuse();
        await new Promise((resolve) => setTimeout(resolve, ms));
        await upstream.listen();
      });
      back = down;
      return down;
    },
    get open() {
      return upstream.open;
    },
    async close() {
      await back;
      await upstream.close();
    },
  };
}

function headerOf(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: *(\\S+)`, "im").exec(head)?.[1];
}

/** Headers that belong to a connection, or that are made anew. */
const OWN = new Set(["connection", "keep-alive", "transfer-encoding", "content-length", "expect", "te", "upgrade"]);

function passOn({ method, head, body }: Arrival, peer: Peer, target: string): void {
  const headers: string[] = [];
  for (const line of head.split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    if (!OWN.has(line.slice(0, colon).toLowerCase())) headers.push(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  if (body !== "") headers.push("content-length", String(Buffer.byteLength(body)));
  let answered = false;
  const leave = (): void => void passing.destroy();
  const passing: ClientRequest = request(target, { method, headers }, (response) => {
    const lines: string[] = [];
    for (let at = 0; at + 1 < response.rawHeaders.length; at += 2) {
      const name = response.rawHeaders[at] ?? "";
      if (!OWN.has(name.toLowerCase())) lines.push(`${name}: ${response.rawHeaders[at + 1] ?? ""}\r\n`);
    }
    // Neither has a body, nor a length.
    const empty = response.statusCode === 204 || response.statusCode === 304;
    peer.write(
      `HTTP/1.1 ${response.statusCode ?? 500} ${response.statusMessage ?? ""}\r\n${lines.join("")}${empty ? "" : "transfer-encoding: chunked\r\n"}\r\n`,
    );
    response.on("data", (bytes: Buffer) => {
      // As bytes: a piece may end within a character.
      if (bytes.length === 0) return;
      peer.write(`${bytes.length.toString(16)}\r\n`);
      peer.write(bytes);
      peer.write("\r\n");
    });
    response.once("end", () => {
      answered = true;
      peer.socket.off("close", leave);
      peer.finish(empty ? "" : "0\r\n\r\n");
    });
    response.once("error", () => {
      peer.reset();
    });
  });
  passing.on("error", () => {
    if (!answered) peer.reset();
  });
  peer.socket.once("close", leave);
  passing.end(body);
}
