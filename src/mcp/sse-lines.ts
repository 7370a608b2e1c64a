/**
 * The lines of one server-sent event (HTML Living Standard, 9.2.6): where each field and its value stand, and which lines a client acts
 * on. Must not look into values further than that asks.
 */

export const LF = 0x0a;
export const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const FIELDS = ["data", "id", "event", "retry"].map((name) => ({ name, bytes: Buffer.from(name) }));

/** A line of an event: its field name (`""` for a comment), its half-open span without the line ending, and where its value starts. */
export interface Line {
  readonly field: string;
  readonly start: number;
  readonly value: number;
  readonly end: number;
}

/** The non-blank lines of an event. */
export function lines(raw: Buffer, head: number): Line[] {
  const found: Line[] = [];
  let cr = raw.indexOf(CR, head);
  let lf = raw.indexOf(LF, head);
  for (let start = head; cr !== -1 || lf !== -1; ) {
    const end = cr !== -1 && (lf === -1 || cr < lf) ? cr : lf;
    if (end > start) found.push(readLine(raw, start, end));
    start = end + 1;
    if (cr === end) cr = raw.indexOf(CR, start);
    if (lf === end) lf = raw.indexOf(LF, start);
  }
  return found;
}

/** A field that the standard knows has a name of five bytes at most, so that no more is looked at; `?` stands for all others. */
function readLine(raw: Buffer, start: number, end: number): Line {
  let colon = start;
  while (colon < end && colon - start <= 5 && raw[colon] !== COLON) colon += 1;
  const field =
    colon === start ? "" : (FIELDS.find(({ bytes }) => bytes.length === colon - start && startsWith(raw, start, bytes))?.name ?? "?");
  if (colon === end) return { field, start, value: end, end };
  return { field, start, value: field !== "" && raw[colon + 1] === SPACE ? colon + 2 : colon + 1, end };
}

function startsWith(raw: Buffer, start: number, bytes: Buffer): boolean {
  for (let i = 0; i < bytes.length; i += 1) if (raw[start + i] !== bytes[i]) return false;
  return true;
}

/** The lines that a client would act on, or show: see `SseEvent.unknown`. */
export function meaningful(raw: Buffer, all: Line[]): Line[] {
  const last = new Map<string, Line>();
  for (const line of all) if (line.field !== "data" && acts(raw, line)) last.set(line.field, line);
  return all.filter((line) => line.field === "data" || line.field === "" || last.get(line.field) === line);
}

function acts(raw: Buffer, line: Line): boolean {
  if (line.field === "event") return true;
  if (line.field === "id") return !raw.subarray(line.value, line.end).includes(0);
  return line.field === "retry" && /^[0-9]+$/.test(raw.toString("latin1", line.value, line.end));
}
