/**
 * Members of an audit record as JSON text, ready to be joined. Written by hand, without objects between, because this runs for every
 * message. Must not choose what a record says: the recorder does.
 */
import type { Exchange, Transaction } from "../transaction.ts";
import { TEXT_BYTES } from "../watch/layout.js";
import type { AuditRecord } from "./record.ts";

/** Bytes of a UTF-16 code unit in UTF-8, at most. */
const LONGEST_LETTER = 3;

/** What every record of an exchange says. */
export function exchangeHead(
  { id, server, principal, ip }: Exchange,
  decisionId: string,
): Pick<AuditRecord, "decision_id" | "exchange_id" | "server" | "principal" | "client_ip"> {
  return {
    decision_id: decisionId,
    exchange_id: id,
    server: server.name,
    principal: { id: principal.id, method: principal.method },
    client_ip: ip,
  };
}

/** What can be said of any message, whatever it holds, before it is judged. */
export function headMembers({ exchange, direction, decisionId, message }: Transaction, flow = flowMembers(exchange)): string {
  const { kind, id, document } = message;
  const number = id === undefined ? Number.NaN : Number(id.raw);
  const phase = kind === "request" || kind === "notification" ? kind : "response";
  const head = `"decision_id":${quoted(decisionId)},"exchange_id":${quoted(exchange.id)},"server":${quoted(exchange.server.name)}${flow}`;
  const facts = `"direction":"${direction}","kind":"message","message_kind":"${kind}","phase":"${phase}"`;
  return `${head},${facts},"bytes_in":${document.bytes.length}${Number.isSafeInteger(number) ? `,"rpc_id":${number}` : ""}`;
}

/** Who sent it, and from where. */
function flowMembers({ principal, ip }: Pick<Exchange, "principal" | "ip">): string {
  return `,"principal":{"id":${quoted(principal.id)},"method":"${principal.method}"},"client_ip":${quoted(ip)}`;
}

const NOBODY = `,"principal":{"id":"*","method":"none"},"client_ip":"*"`;

/** A head as the watchdog thread would write it: within its room, whatever names are in it. */
export function fitting(head: string, transaction: Transaction): string {
  const text = `{${head}}`;
  if (text.length * LONGEST_LETTER <= TEXT_BYTES || Buffer.byteLength(text) <= TEXT_BYTES) return text;
  return `{${headMembers(transaction, NOBODY)}}`;
}

/** A member of a record, behind others; none for undefined. */
export function member<Key extends keyof AuditRecord>(key: Key, value: AuditRecord[Key]): string {
  if (value === undefined) return "";
  return `,"${key}":${typeof value === "string" ? quoted(value) : JSON.stringify(value)}`;
}

const AS_IT_IS = /^[ !#-[\]-~]*$/;

/** A text as JSON. Nearly all that come in records need no look at each letter. */
export function quoted(text: string): string {
  return AS_IT_IS.test(text) ? `"${text}"` : JSON.stringify(text);
}
