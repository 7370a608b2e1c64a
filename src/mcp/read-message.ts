/**
 * From bytes to one message: the strict reader, fed as the bytes arrive, then the JSON-RPC envelope. Must not judge.
 */
import { fail, Fault, type Result } from "../errors.ts";
import type { Body } from "./body.ts";
import { JsonReader, type JsonLimits } from "./json.ts";
import { parseMessage, type Message } from "./message.ts";

/** Does the work of reading, which is marked as somebody's by whoever knows whose it is. */
type Doing = <T>(work: () => T) => T;
const doing: Doing = (work) => work();

/** Reads a body that arrives in chunks; stops at the first byte that cannot be accepted. A body that breaks off is a failure, not a throw. */
export async function readMessage(body: Body, limits: JsonLimits, marked: Doing = doing): Promise<Result<Message>> {
  const reader = new JsonReader(limits);
  try {
    await body.each((chunk) => marked(() => reader.push(chunk) === undefined));
  } catch (fault) {
    return fail(fault instanceof Fault ? fault.failure : { code: "ERR_CLIENT_GONE" });
  }
  return marked(() => finish(reader));
}

/** Reads a message that is there as a whole. */
export function readWholeMessage(bytes: Uint8Array, limits: JsonLimits): Result<Message> {
  const reader = new JsonReader(limits);
  reader.push(bytes);
  return finish(reader);
}

/** Reads the data of a server-sent event. Clients take unnamed events and those named `message` for messages; no other may carry one. */
export function readEvent(name: string | undefined, data: Buffer, limits: JsonLimits, marked: Doing = doing): Result<Message> {
  if (name !== undefined && name !== "message") return fail({ code: "ERR_MESSAGE", detail: "an event of an unknown name" });
  return marked(() => readWholeMessage(data, limits));
}

function finish(reader: JsonReader): Result<Message> {
  const read = reader.finish();
  if (read.ok) return parseMessage(read.value);
  const { reason, offset, tooLarge } = read.failure;
  return fail({ code: tooLarge ? "ERR_TOO_LARGE" : "ERR_JSON", detail: `${reason} at byte ${offset}` });
}
