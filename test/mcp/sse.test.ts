import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { rebuild, SseParser, withData, withoutData, writeEvent, type SseEvent } from "../../src/mcp/sse.ts";

const JSON_TEXT = '{"jsonrpc":"2.0","id":1,"result":{}}';
const fixture = (name: string) => readFileSync(new URL(`../../fixtures/wire/sse/${name}.sse`, import.meta.url));

function events(bytes: Buffer | string, max = 1000): SseEvent[] {
  const answer = new SseParser(max).push(Buffer.from(bytes));
  if (!answer.ok) throw new Error(answer.failure.reason);
  return answer.value;
}

function one(bytes: Buffer | string): SseEvent {
  const [event, ...more] = events(bytes);
  expect(more).toEqual([]);
  return event!;
}

const said = (event: SseEvent) => ({ ...event, raw: event.raw.toString(), data: event.data?.toString() });
const plain = { head: 0, name: undefined, data: JSON_TEXT, id: undefined, comments: [], unknown: 0 };
const blank = { ...plain, data: undefined };

describe("reads", () => {
  test.each<[string, Partial<ReturnType<typeof said>>[]]>([
    ["crlf", [{ name: "message", id: "7" }]],
    ["lone-cr", [{ id: "7" }, {}]],
    ["mixed-line-ends", [{}, {}, {}]],
    ["byte-order-mark", [{ head: 3 }]],
    ["byte-order-mark-twice", [{ head: 3 }, { data: undefined, unknown: 1 }]],
    ["byte-order-mark-then-blank-line", [{ ...blank, head: 3 }, {}]],
    ["data-on-several-lines", [{ data: '{\n"jsonrpc":"2.0",\n"id":1,\n\n\n"result":{}}' }]],
    ["polling", [{ id: "1-0", data: "" }]],
    ["keep-alive", [{ ...blank, comments: [" ping"] }, { ...blank, comments: [""] }, blank]],
    ["unknown-lines", [{ id: "second", name: "message", unknown: 9 }]],
    ["endpoint", [{ name: "endpoint", data: "/messages?sessionId=1" }]],
  ])("%s as the standard says", (name, expected) => {
    const got = events(fixture(name)).map(said);
    expect(got).toEqual(expected.map((e, i) => ({ ...plain, ...e, raw: got[i]?.raw })));
  });

  test.each([
    ["data:  two", " two"],
    ["data:none", "none"],
    ["data", ""],
    ["data:a:b", "a:b"],
  ])("the value of %j", (line, value) => {
    expect(one(`${line}\n\n`).data?.toString()).toBe(value);
  });

  test("an empty event name as none", () => {
    expect(one("event: a\nevent:\ndata: 1\n\n").name).toBeUndefined();
  });

  test("an empty id, which resets the client's", () => {
    expect(one("id\ndata: 1\n\n").id).toBe("");
  });
});

describe("a CRLF cut between its bytes", () => {
  test("does not hold back the event that the CR completes", () => {
    const parser = new SseParser(1000);
    const first = parser.push(Buffer.from("data: 1\r\n\r"));
    expect(first.ok && first.value.map((e) => e.raw.toString())).toEqual(["data: 1\r\n\r"]);
    const second = parser.push(Buffer.from("\ndata: 2\r\n\r\n"));
    expect(second.ok && second.value.map(said)).toEqual([
      { ...blank, raw: "\n" },
      { ...plain, data: "2", raw: "data: 2\r\n\r\n" },
    ]);
    expect(parser.finish()).toBe(0);
  });

  test("does not end an event when it ends a data line", () => {
    const parser = new SseParser(1000);
    expect(parser.push(Buffer.from("data: 1\r"))).toEqual({ ok: true, value: [] });
    expect(parser.push(Buffer.from("\n"))).toEqual({ ok: true, value: [] });
    const answer = parser.push(Buffer.from("\n"));
    expect(answer.ok && answer.value.map((e) => e.raw.toString())).toEqual(["data: 1\r\n\n"]);
  });

  test("survives an empty chunk", () => {
    const parser = new SseParser(1000);
    parser.push(Buffer.from("data: 1\r\n\r"));
    expect(parser.push(Buffer.alloc(0))).toEqual({ ok: true, value: [] });
    const answer = parser.push(Buffer.from("\n"));
    expect(answer.ok && answer.value.map(said)).toEqual([{ ...blank, raw: "\n" }]);
  });
});

describe("faults", () => {
  test("an event above the limit, before it is whole", () => {
    const parser = new SseParser(20);
    expect(parser.push(Buffer.from("data: 1234567890"))).toEqual({ ok: true, value: [] });
    expect(parser.push(Buffer.from("12345"))).toEqual({ ok: false, failure: { reason: "event too large", before: [] } });
    expect(parser.finish()).toBe(0);
  });

  test("an event of exactly the limit passes, one byte more does not", () => {
    expect(events("data: 12345678901\n\n", 19)).toHaveLength(1);
    expect(new SseParser(18).push(Buffer.from("data: 12345678901\n\n")).ok).toBe(false);
  });

  test("an event of very many lines, before it is whole", () => {
    expect(events(`${"data\n".repeat(100_000)}\n`, 1 << 20)).toHaveLength(1);
    const answer = new SseParser(1 << 20).push(Buffer.from("data\n".repeat(100_001)));
    expect(answer).toEqual({ ok: false, failure: { reason: "event has too many lines", before: [] } });
  });

  test("hand over the events before them, once, and stay", () => {
    const parser = new SseParser(1000);
    const answer = parser.push(fixture("invalid-utf8"));
    expect(answer.ok ? [] : answer.failure.before.map(said)).toEqual([{ ...plain, raw: `data: ${JSON_TEXT}\n\n` }]);
    expect(parser.push(Buffer.from("data: 1\n\n"))).toEqual({ ok: false, failure: { reason: "event is not valid UTF-8", before: [] } });
  });
});

test.each(["eventx: a", "retryy: 1", "even: a", "datas: 1", "i: 1", "idd", "Event: a", " id: 1"])("%j is no field", (line) => {
  expect(said(one(`${line}\n\n`))).toEqual({ ...blank, unknown: 1, raw: `${line}\n\n` });
});

test("a flood of blank lines is one event, whatever the limit", () => {
  expect(events("\n".repeat(21), 20)).toHaveLength(1);
  expect(events("\n\r\r\n".repeat(1000)).map(said)).toEqual([{ ...blank, raw: "\n\r\r\n".repeat(1000) }]);
});

test("an event without its blank line is discarded and counted", () => {
  const parser = new SseParser(1000);
  const answer = parser.push(fixture("unfinished"));
  expect(answer.ok && answer.value).toHaveLength(1);
  expect(parser.finish()).toBe(`data: ${JSON_TEXT}\n`.length);
});

describe("writes", () => {
  test("new data in place of the old, with id, name, retry and comments as sent", () => {
    const event = one(": note\r\nid:7\r\nevent: message\rretry:  5\nretry: 10\r\ndata: a\r\ndata: b\r\njunk: x\r\n\r\n");
    expect(withData(event, Buffer.from("[1]")).toString()).toBe(": note\nid:7\nevent: message\nretry: 10\ndata: [1]\n\n");
  });

  test("data with line breaks as several data lines", () => {
    const event = one("data: 1\nid: 2\n\n");
    expect(withData(event, Buffer.from('{\n"a":\r\n1\r}\n')).toString()).toBe('data: {\ndata: "a":\ndata: 1\ndata: }\ndata: \nid: 2\n\n');
  });

  test("no byte order mark into the middle of a stream", () => {
    expect(withData(one(fixture("byte-order-mark")), Buffer.from("2")).toString()).toBe("data: 2\n\n");
  });

  test("lone CR line ends anew, so that no CR joins the blank line", () => {
    expect(withData(one("id: 1\rdata: 1\r\r"), Buffer.from("2")).toString()).toBe("id: 1\ndata: 2\n\n");
  });

  test("an event without the lines that mean nothing", () => {
    expect(rebuild(one(fixture("unknown-lines")), {}).toString()).toBe(`id: second\nevent: message\nretry: 5\ndata: ${JSON_TEXT}\n\n`);
  });

  test("comments as bare colons, no id, no name, no data, each when asked", () => {
    const event = one(": secret\nid: 1\nevent: x\ndata: 1\n\n");
    expect(rebuild(event, { blankComments: true }).toString()).toBe(":\nid: 1\nevent: x\ndata: 1\n\n");
    expect(rebuild(event, { dropId: true, dropName: true }).toString()).toBe(": secret\ndata: 1\n\n");
    expect(rebuild(event, { data: null, blankComments: true, dropId: true, dropName: true }).toString()).toBe(":\n\n");
  });

  test("only the id of an event whose data may not pass", () => {
    expect(withoutData(one(": c\nid: 1-é\nevent: x\nretry: 1\ndata: 1\n\n")).toString()).toBe("id: 1-é\n\n");
    expect(withoutData(one("id:\ndata: 1\n\n")).toString()).toBe("id: \n\n");
    expect(withoutData(one("data: 1\n\n"))).toHaveLength(0);
  });

  test("an event of its own", () => {
    expect(writeEvent(Buffer.from(JSON_TEXT)).toString()).toBe(`data: ${JSON_TEXT}\n\n`);
  });
});
