// @ts-check
/**
 * The record of what was under way when a process had to end: of a message that was being judged, or in the place of the answer that a
 * forwarded request did not get. Plain JavaScript for the watchdog thread: see layout.js. Must not decide whether anything is recorded.
 */

/**
 * @param {string} text what the message's own record begins with, as JSON
 * @param {boolean} forwarded
 * @param {string} reason a code of src/errors.ts
 * @returns {string} one line
 */
export function lastRecord(text, forwarded, reason) {
  const head = /** @type {Record<string, unknown>} */ (JSON.parse(text));
  const stamp = { schema: "sluice.audit/v1", time: new Date().toISOString() };
  const end = { effect: "error", reason, rules: [] };
  if (!forwarded) return JSON.stringify({ ...stamp, ...head, ...end, bytes_out: 0 });
  const { exchange_id, server, principal, client_ip, method } = head;
  // The decision ids of an exchange count from 1: this one is free, and says which exchange it belongs to.
  const decision_id = `${String(exchange_id)}-0`;
  const kind = { direction: "server_to_client", kind: "synthetic", method };
  return JSON.stringify({ ...stamp, decision_id, exchange_id, server, principal, client_ip, ...kind, ...end });
}
