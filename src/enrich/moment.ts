/**
 * The moment of a message as policy sees it (wasm has no `time.*`). Pure: the clock is passed in.
 */
import type { Now } from "../policy/input.ts";

const MINUTE_MS = 60_000;
/** Sunday is the last day of a week (ISO 8601). */
const DAYS = 7;

/** Turns unix milliseconds into `input.now` in an IANA time zone. Zone arithmetic is done once a minute: every offset in use is a multiple of it. */
export function createMoment(timeZone: string): (unixMs: number) => Now {
  // What everybody has who sets no zone: the tables of zones take 10 ms of a start and 3 MB.
  if (timeZone === "UTC") return inUtc;
  const format = new Intl.DateTimeFormat("en-GB", { timeZone, weekday: "short", hour: "2-digit", hourCycle: "h23" });
  const weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
  let minute = Number.NaN;
  let zoned = { weekday: 1, hour: 0 };
  return (unixMs) => {
    const current = Math.floor(unixMs / MINUTE_MS);
    if (current !== minute) {
      const parts = new Map(format.formatToParts(unixMs).map((part) => [part.type, part.value]));
      zoned = { weekday: weekdays.indexOf(parts.get("weekday") ?? "") + 1, hour: Number(parts.get("hour")) };
      minute = current;
    }
    return { unix_ms: unixMs, rfc3339: new Date(unixMs).toISOString(), weekday: zoned.weekday, hour: zoned.hour };
  };
}

function inUtc(unixMs: number): Now {
  const date = new Date(unixMs);
  return { unix_ms: unixMs, rfc3339: date.toISOString(), weekday: date.getUTCDay() || DAYS, hour: date.getUTCHours() };
}
