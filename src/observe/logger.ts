/**
 * The operator's log: what happened to the gateway, never what was said through it. JSON lines on stderr (pino).
 * Must never be given a message, a header value or an error object of a parser: types, codes, names of settings and offsets only.
 */
import { pino, type Logger as PinoLogger } from "pino";
import type { Config } from "../config/config.ts";

export type Logger = PinoLogger;

/** A logger on stderr, so that stdout stays free for results. */
export function createLogger(level: Config["log"]["level"]): Logger {
  const stderr = pino.destination({ fd: 2, sync: true });
  // Whoever read the log may leave: the gateway stays.
  stderr.on("error", () => {});
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, stderr);
}

/** What may be said of a thrown fault: its class and code. Messages of errors can quote what was being parsed. */
export function faultName(fault: unknown): string {
  if (!(fault instanceof Error)) return typeof fault;
  const code: unknown = Reflect.get(fault, "code");
  return typeof code === "string" && /^[A-Z0-9_]{1,40}$/.test(code) ? `${fault.name} ${code}` : fault.name;
}
