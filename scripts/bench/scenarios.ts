/**
 * What is measured: each row of the table, as plain data. Must not measure.
 */
import type { Expected } from "./job.ts";
import type { AnswerKind } from "./messages.ts";

export interface Row {
  /** Shown in the table; unique. */
  readonly name: string;
  readonly answer: AnswerKind;
  readonly expected: Expected;
  /** Every call names another tool, which policies read: no decision can be remembered. */
  readonly varied: boolean;
  /** Bytes of text in the arguments. */
  readonly bytes: number;
  readonly connections: number;
  readonly servers: number;
  readonly sessions: number;
  readonly packs: "all" | "none";
  readonly workers: number;
  /** At half of what Sluice can do, as an open loop: latency instead of throughput. */
  readonly halfLoad: boolean;
  /** GET streams that stay open meanwhile. */
  readonly streams: number;
  /** The least throughput, as a share of the byte copy's, that this project wants to reach. */
  readonly goal?: number;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly rows: readonly Row[];
  /** How often to start Sluice, to see how long it takes. */
  readonly starts?: number;
}

const KIB = 1024;
const json = (bytes: number, text: AnswerKind["text"] = "clean"): AnswerKind => ({ form: "json", bytes, text, events: 1 });

const PLAIN: Omit<Row, "name"> = {
  answer: json(KIB),
  expected: "same",
  varied: false,
  bytes: KIB,
  connections: 16,
  servers: 1,
  sessions: 0,
  packs: "all",
  workers: 1,
  halfLoad: false,
  streams: 0,
};

const row = (name: string, differs: Partial<Row> = {}): Row => ({ ...PLAIN, name, ...differs });

export const SCENARIOS: readonly Scenario[] = [
  {
    name: "1kb",
    about: "1 KB of arguments, 1 KB of result: the same call again and again, and calls that each name another tool",
    rows: [row("1 KB + 1 KB, warm", { goal: 0.8 }), row("1 KB + 1 KB, cold", { varied: true, goal: 0.5 })],
  },
  {
    name: "64kb",
    about: "64 KB of result: clean text, and text that is dense with personal data, which is redacted",
    rows: [
      row("64 KB, clean", { answer: json(64 * KIB) }),
      row("64 KB, personal data redacted", { answer: json(64 * KIB, "personal"), expected: "redacted" }),
    ],
  },
  {
    name: "sse",
    about: "a stream of 100 events for each call",
    rows: [row("SSE, 100 events", { answer: { form: "sse", bytes: KIB, text: "clean", events: 100 }, goal: 0.5 })],
  },
  {
    name: "packs",
    about: "no shipped pack but one rule that allows everything; a call that a pack denies",
    rows: [row("1 KB + 1 KB, no packs", { packs: "none" }), row("1 KB + 1 KB, denied", { expected: "denied" })],
  },
  {
    name: "workers",
    about: "two workers, each on a core of its own",
    rows: [row("1 KB + 1 KB, 2 workers", { workers: 2, connections: 32 })],
  },
  {
    name: "streams",
    about: "1,000 GET streams that stay open, and the memory for them",
    rows: [row("1 KB + 1 KB, 1,000 streams open", { streams: 1000 })],
  },
  {
    name: "latency",
    about: "latency while half as many calls come as Sluice can answer, whatever becomes of those before",
    rows: [row("1 KB + 1 KB at half load", { halfLoad: true })],
  },
  {
    name: "start",
    about: "from the start of the process until it listens, and its memory at rest",
    rows: [],
    starts: 5,
  },
  {
    name: "servers",
    about: "1, 10 and 100 configured servers, all of them called: it should make no difference",
    rows: [1, 10, 100].map((servers) => row(`1 KB + 1 KB, ${servers} ${servers === 1 ? "server" : "servers"}`, { servers })),
  },
  {
    name: "sessions",
    about: "calls of 2025-11-25 in 1, 100 and 1,000 sessions: it should make no difference",
    rows: [1, 100, 1000].map((sessions) => row(`1 KB + 1 KB, ${sessions} ${sessions === 1 ? "session" : "sessions"}`, { sessions })),
  },
  {
    name: "sizes",
    about: "results from 1 KB to 4 MB: the time for each KB should not grow",
    rows: [4, 16, 256, 1024, 3968].map((kib) => row(`${kib} KB of result`, { answer: json(kib * KIB), connections: kib > 256 ? 4 : 16 })),
  },
];
