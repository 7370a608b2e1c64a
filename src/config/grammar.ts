/**
 * The small languages inside configuration values: sizes, durations, addresses, dates. Each is a zod type that takes what a person
 * writes and gives what the program uses.
 * Must not look at other keys, files or the environment.
 */
import { isIP } from "node:net";
import { z } from "zod";

const SIZE_UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const TIME_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const SECOND_UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };
const EXAMPLES = { size: "4MiB or 4194304", duration: "30s or 30000", "number of seconds": "5m or 300" } as const;

/** 4194304 → `4MiB`: the largest unit that divides the number. */
function inUnits(value: number, units: Readonly<Record<string, number>>): string {
  if (value === 0) return "0";
  const [unit, factor] = Object.entries(units).findLast(([, each]) => value % each === 0) ?? ["", 1];
  return `${value / factor}${unit}`;
}

/** A number of the smallest unit, or `<number><unit>`; between `min` and `max`, else `fallback` when nothing is written. */
function quantity(what: keyof typeof EXAMPLES, units: Readonly<Record<string, number>>, fallback: string, min: number, max: number) {
  const names = Object.keys(units);
  const pattern = new RegExp(`^(\\d{1,15})(${names.join("|")})$`, "u");
  const error = `expected a ${what} such as ${EXAMPLES[what]}; units: ${names.join(", ")}`;
  return z
    .union([z.int({ error }).nonnegative({ error }), z.string().regex(pattern, { error })], { error })
    .transform((written) => {
      if (typeof written === "number") return written;
      const [, digits, unit] = pattern.exec(written) ?? [];
      return Number(digits) * (units[unit ?? ""] ?? Number.NaN);
    })
    .pipe(
      z
        .number()
        .min(min, { error: `must be at least ${inUnits(min, units)}` })
        .max(max, { error: `must be at most ${inUnits(max, units)}` }),
    )
    .prefault(fallback);
}

/** Bytes. */
export const size = (fallback: string, min: number, max: number) => quantity("size", SIZE_UNITS, fallback, min, max);

/** Milliseconds. */
export const duration = (fallback: string, min: number, max: number) => quantity("duration", TIME_UNITS, fallback, min, max);

/** Seconds: for keys whose name ends in `_s`. */
export const seconds = (fallback: string, min: number, max: number) => quantity("number of seconds", SECOND_UNITS, fallback, min, max);

export const count = (fallback: number, min: number, max: number) =>
  z
    .int()
    .min(min, { error: `must be at least ${min}` })
    .max(max, { error: `must be at most ${max}` })
    .default(fallback);

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const HOST_NAME = /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$/u;

/** Reads `host:port` or `[ipv6]:port`; a string says what is wrong. */
export function parseListen(text: string): ListenAddress | string {
  const form = "write host:port, for example 127.0.0.1:8080 or [::1]:8080";
  if (/^:\d*$/u.test(text)) return "name the address to listen on: 127.0.0.1 for this machine only, 0.0.0.0 for every network";
  const colon = text.lastIndexOf(":");
  const portText = text.slice(colon + 1);
  if (colon < 0 || !/^\d{1,5}$/u.test(portText)) return `there is no port; ${form}`;
  const port = Number(portText);
  if (port > 65_535) return "a port is at most 65535";
  const written = text.slice(0, colon);
  const bracketed = written.startsWith("[") && written.endsWith("]");
  const host = bracketed ? written.slice(1, -1) : written;
  if (bracketed ? isIP(host) !== 6 : isIP(host) !== 4 && !HOST_NAME.test(host)) return form;
  return { host, port };
}

export const listenAddress = z.string().transform((text, context): ListenAddress => {
  const parsed = parseListen(text);
  if (typeof parsed !== "string") return parsed;
  context.issues.push({ code: "custom", message: parsed, input: text });
  return z.NEVER;
});

/** Whether only this machine can reach a listener on, or be meant by, this host. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/gu, "").toLowerCase();
  if (isIP(bare) === 4) return bare.startsWith("127.");
  return bare === "::1" || bare === "localhost";
}

/** An ISO 8601 date (midnight UTC) or date and time with a zone → Unix milliseconds. */
export const moment = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2}))?$/u, {
    error: "expected a date such as 2027-01-31, or 2027-01-31T18:00:00Z with its zone",
  })
  .transform((text, context) => {
    const at = Date.parse(text);
    // Date.parse takes 2027-02-30 for March 2nd: a day that does not exist is a slip, not a date.
    const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
    if (!Number.isNaN(at) && day.toISOString().slice(0, 10) === text.slice(0, 10)) return at;
    context.issues.push({ code: "custom", message: "there is no such date", input: text });
    return z.NEVER;
  });
