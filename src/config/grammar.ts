/**
 * The small languages inside configuration values: sizes, durations, addresses, dates. Each is a zod type that takes what a person
 * writes and gives what the program uses.
 * Must not look at other keys, files or the environment.
 */
import { z } from "zod";
import { type ListenAddress, parseListen } from "./address.ts";
import { EXPECTED, MOMENT, readMoment } from "./moment.ts";

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

export const listenAddress = z.string().transform((text, context): ListenAddress => {
  const parsed = parseListen(text);
  if (typeof parsed !== "string") return parsed;
  context.issues.push({ code: "custom", message: parsed, input: text });
  return z.NEVER;
});

/** An ISO 8601 date or date and time → Unix milliseconds. */
export const moment = z
  .string()
  .regex(MOMENT, { error: EXPECTED })
  .transform((text, context) => {
    const at = readMoment(text);
    if (typeof at === "number") return at;
    context.issues.push({ code: "custom", message: at, input: text });
    return z.NEVER;
  });
