/** The parts of the benchmark that could make a figure wrong without anybody noticing. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createCheck } from "../../scripts/bench/check-answer.ts";
import { type Frame, Frames } from "../../scripts/bench/frames.ts";
import { Histogram } from "../../scripts/bench/histogram.ts";
import { type AnswerKind, answerTail, FIRST_ID, overwrite, toolCall } from "../../scripts/bench/messages.ts";
import { fileOf, functionOf, selfTimes } from "../../scripts/bench/profile.ts";
import { figuresOf } from "../../scripts/bench/report.ts";
import { SCENARIOS } from "../../scripts/bench/scenarios.ts";

const CLEAN: AnswerKind = { form: "json", bytes: 1024, text: "clean", events: 1 };
const PERSONAL: AnswerKind = { ...CLEAN, text: "personal" };

const frame = (body: string, status = "200 OK"): Frame => ({ head: `HTTP/1.1 ${status}\r\n`, body: Buffer.from(body) });
const answer = (kind: AnswerKind, id = FIRST_ID): string => `{"jsonrpc":"2.0","id":${id}${answerTail(kind)}`;

test("frames are the same however the bytes are cut", () => {
  const sized = (text: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  const bytes = Buffer.from(`${sized("first")}${sized("")}${sized("third")}${chunked}`);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: bytes.length })), (cuts) => {
      const bodies: string[] = [];
      const frames = new Frames(({ body }) => bodies.push(body.toString()));
      const places = [0, ...cuts.toSorted((one, other) => one - other), bytes.length];
      for (const [at, place] of places.slice(1).entries()) {
        if (place > (places[at] as number)) frames.push(bytes.subarray(places[at], place));
      }
      expect(bodies).toEqual(["first", "", "third", "abcde"]);
    }),
  );
});

test.each([
  ["the very answer", CLEAN, frame(answer(CLEAN)), "same"],
  ["another id", CLEAN, frame(answer(CLEAN, FIRST_ID + 1)), "wrong"],
  ["another status", CLEAN, frame(answer(CLEAN), "502 Bad Gateway"), "wrong"],
  ["a refusal for want of time", CLEAN, frame("{}", "503 Service Unavailable"), "shed"],
  ["a changed byte", CLEAN, frame(answer(CLEAN).replace("build 4821", "build 4822")), "wrong"],
  ["a cut answer", CLEAN, frame(answer(CLEAN).slice(0, -1)), "wrong"],
  ["a denial", CLEAN, frame(`{"jsonrpc":"2.0","id":${FIRST_ID},"result":{"isError":true,"content":[]}}`), "denied"],
  ["personal data that is gone", PERSONAL, frame(`{"jsonrpc":"2.0","id":${FIRST_ID},"result":{"content":[]}}`), "redacted"],
  ["an address that is left", PERSONAL, frame(`{"jsonrpc":"2.0","id":${FIRST_ID},"result":"a@example.com"}`), "wrong"],
  ["too few events", { ...CLEAN, form: "sse", events: 2 }, frame(`data: ${answer(CLEAN)}\n\n`), "wrong"],
] as const)("%s is counted as what it is", (_, kind, given, expected) => {
  const check = createCheck({ answer: kind, expected: "same" });
  check.answer(FIRST_ID, given);
  expect(check.counts()).toEqual({ same: 0, redacted: 0, denied: 0, shed: 0, wrong: 0, [expected]: 1 });
  expect(check.problems()).toHaveLength(expected === "same" || expected === "shed" ? 0 : 1);
});

test("a request keeps its length when its numbers change, and says the new ones everywhere", () => {
  const { bytes, ids, names } = toolCall({ port: 80, path: "/a/mcp", bytes: 64 });
  const before = bytes.length;
  overwrite(bytes, ids, 123_456);
  overwrite(bytes, names, 987_654);
  const text = bytes.toString();
  expect(bytes).toHaveLength(before);
  expect(text).toContain('"id":123456,');
  expect(text).toContain("Mcp-Name: echo_987654\r\n");
  expect(text).toContain('"name":"echo_987654"');
  expect(text).not.toContain("000000");
});

test("a quantile is within the width of a bucket", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.002, max: 10_000, noNaN: true }), { minLength: 1 }),
      fc.constantFrom(0.5, 0.99, 1),
      (all, q) => {
        const histogram = new Histogram();
        for (const ms of all) histogram.add(ms);
        const exact = all.toSorted((one, other) => one - other)[Math.ceil(all.length * q) - 1] as number;
        expect(histogram.quantile(q) / exact).toBeGreaterThan(0.97);
        expect(histogram.quantile(q) / exact).toBeLessThan(1.03);
      },
    ),
  );
});

test("self time counts the samples of the load, and no idle time", () => {
  const frameOf = (functionName: string, url: string, lineNumber = 0) => ({ functionName, url, lineNumber });
  const profile = {
    nodes: [
      { id: 1, callFrame: frameOf("(idle)", "", -1) },
      { id: 2, callFrame: frameOf("read", "file:///there/node_modules/@scope/one/index.js", 6) },
      { id: 3, callFrame: frameOf("wasm-function[4]", "wasm://wasm/12") },
      { id: 4, callFrame: frameOf("write", "file:///there/node_modules/@scope/one/other.js", 1) },
    ],
    startTime: 1000,
    samples: [2, 2, 3, 1, 4, 2],
    timeDeltas: [0, 100, 100, 100, 100, 100],
  };
  expect(selfTimes(profile, [1100, 1500], functionOf)).toEqual([
    { what: "read  node_modules/@scope/one/index.js:7", us: 100 },
    { what: "(policy in WebAssembly)", us: 100 },
    { what: "write  node_modules/@scope/one/other.js:2", us: 100 },
  ]);
  expect(selfTimes(profile, [1100, 1500], fileOf)).toEqual([
    { what: "node_modules/@scope/one", us: 200 },
    { what: "(policy in WebAssembly)", us: 100 },
  ]);
});

test("a ratio is that of the medians, its spread that of the rounds", () => {
  const round = (perSecond: number, cpuUs: number) => ({ perSecond, cpuUs, supervisorCpuUs: 0, busy: 1, loadCpuUs: 5, p50Ms: 1, p99Ms: 2 });
  const side = { peakMiB: 1, largestMiB: 1, restMiB: 1, streamsMiB: 0 };
  const [row] = SCENARIOS[0]?.rows ?? [];
  if (row === undefined) throw new Error("there are no rows");
  const figures = figuresOf({
    name: "x",
    row,
    pinning: "",
    baseline: { ...side, rounds: [round(100, 10), round(200, 10), round(300, 20)] },
    sluice: { ...side, rounds: [round(50, 20), round(200, 40), round(100, 20)] },
    calls: 1,
    shed: 0,
    messages: 1,
    auditRecords: 1,
    memo: {},
    problems: [],
  });
  expect(figures.throughput).toEqual({ median: 0.5, least: 1 / 3, most: 1 });
  expect(figures.perCpu).toEqual({ median: 0.5, least: 0.25, most: 1 });
});
