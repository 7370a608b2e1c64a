/**
 * Compares the strict reader with JSON.parse(buffer.toString()) in the same run: `node scripts/bench-json.ts`.
 * Prints ratios (1 = as fast as JSON.parse): absolute figures mean little from one machine to the next. Not a test.
 */
import { type JsonLimits, JsonReader, readJson } from "../src/mcp/json.ts";

const LIMITS: JsonLimits = { bytes: 1 << 26, depth: 64, nodes: 1 << 22, string: 1 << 26 };
const KIB = 1024;
const ROUNDS = 15;
const BYTES_PER_ROUND = 16 * KIB * KIB;

const prose = "The quarterly report was sent to the finance team on Monday, and nobody has answered yet. ";
const wide = "Le rapport trimestriel a été envoyé à l’équipe — 四半期報告書は月曜日に送信されました。 ";

const message = (text: string): string =>
  JSON.stringify({ jsonrpc: "2.0", id: 7, result: { content: [{ type: "text", text }], isError: false } });
const rows = (bytes: number): string => {
  const row = (id: number) => ({
    id,
    name: `Customer ${id}`,
    email: `c${id}@example.com`,
    active: id % 3 === 0,
    balance: id * 1.25,
    tags: ["a", "b"],
  });
  return JSON.stringify({
    jsonrpc: "2.0",
    id: 7,
    result: { structuredContent: { rows: Array.from({ length: Math.ceil(bytes / 120) }, (_, id) => row(id)) } },
  });
};
const fill = (unit: string, bytes: number): string => unit.repeat(Math.ceil(bytes / Buffer.byteLength(unit)));

const shapes: [string, (bytes: number) => string][] = [
  ["text", (bytes) => message(fill(prose, bytes))],
  ["text with line breaks", (bytes) => message(fill(`${prose}\n`, bytes))],
  ["text beyond ASCII", (bytes) => message(fill(wide, bytes))],
  ["rows", rows],
  ["rows, indented", (bytes) => JSON.stringify(JSON.parse(rows(bytes / 2)), null, 2)],
  ["numbers", (bytes) => JSON.stringify(Array.from({ length: bytes / 8 }, (_, index) => index * 1.37))],
  ["many keys", (bytes) => JSON.stringify(Object.fromEntries(Array.from({ length: bytes / 16 }, (_, index) => [`key-${index}`, index])))],
];

let sink = 0;

function nanosecondsPerByte(bytes: Buffer, read: (bytes: Buffer) => number): number {
  const repeats = Math.max(1, Math.round(BYTES_PER_ROUND / bytes.length / ROUNDS));
  const start = process.hrtime.bigint();
  for (let repeat = 0; repeat < repeats; repeat += 1) sink += read(bytes);
  return Number(process.hrtime.bigint() - start) / repeats / bytes.length;
}

const median = (numbers: number[]): number => numbers.toSorted((one, other) => one - other)[numbers.length >> 1] as number;

const whole = (bytes: Buffer): number => {
  const result = readJson(bytes, LIMITS);
  if (!result.ok) throw new Error(result.failure.reason);
  return result.value.size;
};
const chunked = (bytes: Buffer): number => {
  const reader = new JsonReader(LIMITS);
  for (let at = 0; at < bytes.length; at += 16 * KIB) reader.push(bytes.subarray(at, at + 16 * KIB));
  const result = reader.finish();
  if (!result.ok) throw new Error(result.failure.reason);
  return result.value.size;
};
const platform = (bytes: Buffer): number => (JSON.parse(bytes.toString()) === null ? 0 : 1);

for (const size of [1, 16, 256, 1024]) {
  for (const [name, make] of shapes) {
    const bytes = Buffer.from(make(size * KIB));
    const times: Record<"platform" | "whole" | "chunked", number[]> = { platform: [], whole: [], chunked: [] };
    for (let round = 0; round < ROUNDS; round += 1) {
      times.platform.push(nanosecondsPerByte(bytes, platform));
      times.whole.push(nanosecondsPerByte(bytes, whole));
      times.chunked.push(nanosecondsPerByte(bytes, chunked));
    }
    const parse = median(times.platform);
    const ratio = (reader: number[]): string => (parse / median(reader)).toFixed(2);
    const rate = Math.round(1000 / median(times.whole));
    console.log(
      `${`${size} KiB ${name}`.padEnd(32)} whole ${ratio(times.whole)}  in 16 KiB chunks ${ratio(times.chunked)}  (${rate} MB/s; JSON.parse ${Math.round(1000 / parse)})`,
    );
  }
}
if (sink === 0) console.log("nothing was read");
