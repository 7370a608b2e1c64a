/**
 * What a store tells of its changes, so that another one can follow: everything that protects, and nothing that is only convenient.
 * A snapshot is the notes that make an empty store the same. Must not carry the clock of a process: ages are relative.
 */
import { asOutstanding, isDefinitions, isLimit, isListOf, isRecord, isScope, isText } from "./calls.ts";
import type { LimitRequest, Scope } from "./store.ts";

/** Milliseconds since the last use, absent when that is now. */
interface Aged {
  readonly age?: number;
}

export type Note =
  | (Aged & { readonly note: "labels"; readonly flow: string; readonly labels: readonly string[] })
  /** Limits that were consumed, as they were asked for. */
  | { readonly note: "taken"; readonly limits: readonly LimitRequest[] }
  /** Keys of limits that the flow has consumed. */
  | (Aged & { readonly note: "counted"; readonly flow: string; readonly keys: readonly string[] })
  | (Aged & { readonly note: "numbered"; readonly flow: string; readonly numbers: readonly Numbered[] })
  | (Aged & { readonly note: "session"; readonly server: string; readonly session: string; readonly principal: string })
  | { readonly note: "ended"; readonly server: string; readonly session: string }
  /** A request of a server. Those of clients are too many to tell. */
  | (Aged & { readonly note: "asked"; readonly scope: Scope; readonly id: string; readonly asked: KeptRequest })
  | { readonly note: "settled"; readonly scope: Scope; readonly id: string }
  | (Aged & { readonly note: "defined"; readonly catalogue: string; readonly definitions: ReadonlyMap<string, string> });

/** A number that was given; without `digest`: to a value that is forgotten. */
export interface Numbered {
  readonly label: string;
  readonly digest?: string | undefined;
  readonly number: number;
}

/** A request as it is kept. */
export interface KeptRequest {
  readonly method: string;
  /** Absent when it was too large to keep, or would be of no use. */
  readonly body: Buffer | undefined;
  readonly answered: boolean;
  /** Another request has, or may have had, the same id. */
  readonly ambiguous: boolean;
}

/** The note in a message of another process, or undefined when it is none. */
export function asNote(value: unknown): Note | undefined {
  if (!isRecord(value) || (value["age"] !== undefined && !isAge(value["age"]))) return undefined;
  if (value["note"] === "asked") return asAskedNote(value);
  const kind = value["note"];
  const known = typeof kind === "string" && Object.hasOwn(shapes, kind) ? shapes[kind as keyof typeof shapes] : undefined;
  return known?.(value) === true ? (value as unknown as Note) : undefined;
}

type Shape = (value: Record<string, unknown>) => boolean;

const shapes: { readonly [K in Exclude<Note["note"], "asked">]: Shape } = {
  labels: ({ flow, labels }) => isText(flow) && isListOf(labels, isText),
  taken: ({ limits }) => isListOf(limits, isLimit),
  counted: ({ flow, keys }) => isText(flow) && isListOf(keys, isText),
  numbered: ({ flow, numbers }) => isText(flow) && isListOf(numbers, isNumbered),
  session: ({ server, session, principal }) => isText(server) && isText(session) && isText(principal),
  ended: ({ server, session }) => isText(server) && isText(session),
  settled: ({ scope, id }) => isScope(scope) && isText(id),
  defined: ({ catalogue, definitions }) => isText(catalogue) && isDefinitions(definitions),
};

function asAskedNote({ scope, id, asked, age }: Record<string, unknown>): Note | undefined {
  if (!isScope(scope) || scope.direction !== "server_to_client" || !isText(id) || !isRecord(asked)) return undefined;
  const { method, body, answered, ambiguous } = asked;
  if (!isText(method) || typeof answered !== "boolean" || typeof ambiguous !== "boolean") return undefined;
  const whole = asOutstanding(asked);
  if (body !== undefined && whole === undefined) return undefined;
  return { note: "asked", scope, id, asked: { method, body: whole?.body, answered, ambiguous }, ...(isAge(age) ? { age } : {}) };
}

function isAge(value: unknown): value is number {
  return typeof value === "number" && value >= 0;
}

function isNumbered(value: unknown): value is Numbered {
  if (!isRecord(value)) return false;
  const { label, digest, number } = value;
  return isText(label) && (digest === undefined || isText(digest)) && Number.isSafeInteger(number) && Number(number) > 0;
}
