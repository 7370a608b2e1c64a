/** Laws of the event-stream reader: invariant 5 of the architecture (chunk boundaries), and losslessness. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rebuild, SseParser, withData, type SseEvent } from "../../src/mcp/sse.ts";

const lineEnd = fc.constantFrom("\n", "\r", "\r\n");
const text = fc.oneof(
  fc.string({ maxLength: 12, unit: fc.constantFrom("a", " ", ":", "é", "😀", "{", '"', "\0", "7", "\u{feff}") }),
  fc.constantFrom("12", "", "data", "id"),
);
const line = fc.oneof(
  fc
    .tuple(fc.constantFrom("data:", "data: ", "id:", "id: ", "event: ", "retry: ", ":", "unknown: ", "eventx:", "Data: ", ""), text)
    .map(([f, t]) => f + t),
  fc.constant("data"),
  fc.constant(""),
);
/** A stream of lines with mixed line endings, blank ones among them, with or without a byte order mark and a last line ending. */
const stream = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(line, lineEnd), { maxLength: 30 }), text)
  .map(([bom, lines, rest]) => Buffer.from((bom ? "\u{feff}" : "") + lines.map(([l, e]) => l + e).join("") + rest));
const cuts = fc.array(fc.nat(), { maxLength: 20 });

function chunksOf(bytes: Buffer, at: number[]): Buffer[] {
  const places = [0, ...at.map((n) => n % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

interface Reading {
  events: SseEvent[];
  discarded: number;
  fault: string | undefined;
}

function read(chunks: Buffer[], max = 1 << 20): Reading {
  const parser = new SseParser(max);
  const events: SseEvent[] = [];
  for (const chunk of chunks) {
    const answer = parser.push(Buffer.from(chunk));
    if (answer.ok) events.push(...answer.value);
    else {
      events.push(...answer.failure.before);
      return { events, discarded: parser.finish(), fault: answer.failure.reason };
    }
  }
  return { events, discarded: parser.finish(), fault: undefined };
}

/** What a client could tell apart: blank events and where a CRLF was cut are not part of it. */
const seen = (events: SseEvent[]) =>
  events
    .map(({ name, data, id, comments, unknown }) => ({ name, data: data?.toString(), id, comments, unknown }))
    .filter((e) => e.name !== undefined || e.data !== undefined || e.id !== undefined || e.comments.length > 0 || e.unknown > 0);

/** The event-stream interpretation of the standard, written the slow way: decode, split into lines, dispatch at blank lines. */
function standard(bytes: Buffer): { type: string; data: string; lastEventId: string }[] {
  const decoded = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const lines = decoded.split(/\r\n|\r|\n/).slice(0, -1);
  const out: { type: string; data: string; lastEventId: string }[] = [];
  let data = "";
  let type = "";
  let lastEventId = "";
  for (const text of lines) {
    if (text === "") {
      if (data !== "") out.push({ type: type === "" ? "message" : type, data: data.slice(0, -1), lastEventId });
      data = "";
      type = "";
      continue;
    }
    const colon = text.indexOf(":");
    const field = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data += `${value}\n`;
    else if (field === "event") type = value;
    else if (field === "id" && !value.includes("\0")) lastEventId = value;
  }
  return out;
}

function asClient(events: SseEvent[]): { type: string; data: string; lastEventId: string }[] {
  let lastEventId = "";
  return events.flatMap((event) => {
    if (event.id !== undefined) lastEventId = event.id;
    return event.data === undefined ? [] : [{ type: event.name ?? "message", data: event.data.toString(), lastEventId }];
  });
}

describe("server-sent events", () => {
  test("chunk boundaries never change the events", () => {
    fc.assert(
      fc.property(stream, cuts, (bytes, at) => {
        expect(seen(read(chunksOf(bytes, at)).events)).toEqual(seen(read([bytes]).events));
      }),
      { numRuns: 2000 },
    );
  });

  test("lossless: the raw bytes of the events concatenate to the stream", () => {
    fc.assert(
      fc.property(stream, cuts, (bytes, at) => {
        const { events, discarded } = read(chunksOf(bytes, at));
        expect(Buffer.concat(events.map((e) => e.raw))).toEqual(bytes.subarray(0, bytes.length - discarded));
      }),
      { numRuns: 2000 },
    );
  });

  test("reads what a client reads", () => {
    fc.assert(
      fc.property(stream, cuts, (bytes, at) => {
        expect(asClient(read(chunksOf(bytes, at)).events)).toEqual(standard(bytes));
      }),
      { numRuns: 2000 },
    );
  });

  test("an event comes out with the byte that completes it", () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const whole = chunksOf(bytes, [...bytes.keys()]);
        const parser = new SseParser(1 << 20);
        let soFar = Buffer.alloc(0);
        const got: SseEvent[] = [];
        for (const byte of whole) {
          soFar = Buffer.concat([soFar, byte]);
          const answer = parser.push(byte);
          got.push(...(answer.ok ? answer.value : []));
          // A prefix that ends inside a character cannot be decoded; cut what follows the last line end.
          const end = Math.max(soFar.lastIndexOf(10), soFar.lastIndexOf(13)) + 1;
          expect(asClient(got)).toEqual(standard(soFar.subarray(0, end)));
        }
      }),
      { numRuns: 300 },
    );
  });

  test("chunk boundaries never change where the size limit strikes", () => {
    fc.assert(
      fc.property(stream, cuts, fc.integer({ min: 1, max: 40 }), (bytes, at, max) => {
        const cut = read(chunksOf(bytes, at), max);
        const whole = read([bytes], max);
        expect(cut.fault).toBe(whole.fault);
        expect(seen(cut.events)).toEqual(seen(whole.events));
      }),
      { numRuns: 2000 },
    );
  });

  test("a rebuilt event says the same as the original, and rebuilding is idempotent", () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        for (const event of read([bytes]).events) {
          const once = rebuild(event, {});
          const again = read([once]).events;
          expect(seen(again)).toEqual(seen([{ ...event, unknown: 0 }]));
          expect(Buffer.concat(again.map((e) => rebuild(e, {})))).toEqual(once);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("new data replaces the data and nothing else", () => {
    fc.assert(
      fc.property(stream, fc.json(), (bytes, json) => {
        for (const event of read([bytes]).events) {
          const [changed, ...more] = read([withData(event, Buffer.from(json))]).events;
          expect(more).toEqual([]);
          expect(changed?.data?.toString()).toBe(json);
          expect({ name: changed?.name, id: changed?.id, comments: changed?.comments }).toEqual({
            name: event.name,
            id: event.id,
            comments: event.comments,
          });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
