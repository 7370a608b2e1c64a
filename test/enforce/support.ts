/** Enforces parts of decisions on messages with the real reader and the real detectors. Holds no expectations. */
import { createDetect } from "../../src/detect/detect.ts";
import { enforce, enforceItem, type EnforceWork } from "../../src/enforce/enforce.ts";
import { splice } from "../../src/mcp/json/splice.ts";
import { type JsonDocument, type JsonLimits, readJson } from "../../src/mcp/json.ts";
import type { Decision, Redaction, Rewrite } from "../../src/policy/decision.ts";
import { MemoryStore } from "../../src/state/memory.ts";

export const LIMITS: JsonLimits = { bytes: 4_000_000, depth: 64, nodes: 200_000, string: 2_000_000 };
export const detect = createDetect({ maxFindings: 1_000 });
const KEYS = { hmac: Buffer.alloc(32, 7) };

export type Loose<T> = Omit<T, "rule"> & { rule?: string };

export function read(text: string): JsonDocument {
  const document = readJson(Buffer.from(text), LIMITS);
  if (!document.ok) throw new Error(document.failure.reason);
  return document.value;
}

export function decide(
  part: Omit<Partial<Decision>, "redactions" | "rewrites"> & { redactions?: Loose<Redaction>[]; rewrites?: Loose<Rewrite>[] },
): Decision {
  const redactions = (part.redactions ?? []).map((one) => ({ rule: "test/rule", ...one }));
  const rewrites = (part.rewrites ?? []).map((one) => ({ rule: "test/rule", ...one }));
  const effect = redactions.length > 0 ? "redact" : rewrites.length > 0 ? "rewrite" : "allow";
  return { effect, matched: [], would: [], grants: [], labels: [], limits: [], revision: "1", ...part, redactions, rewrites };
}

export function workOn(document: JsonDocument, decision: Decision, part: Partial<EnforceWork> = {}): EnforceWork {
  const store = new MemoryStore(() => 0);
  const ordinals: EnforceWork["ordinals"] = (values) => store.ordinals("flow", values);
  return {
    document,
    base: 0,
    findings: part.findings ?? detect(document),
    decision,
    detect,
    limits: LIMITS,
    ordinals,
    keys: KEYS,
    ...part,
  };
}

/** The text that leaves, or the failure. */
export async function outcome(text: string, part: Parameters<typeof decide>[0], work: Partial<EnforceWork> = {}) {
  const bytes = await enforce(workOn(read(text), decide(part), work));
  return bytes.ok ? bytes.value.toString() : bytes.failure;
}

/** The whole text with the edits of the item at `pointer`, or the failure. */
export async function itemOutcome(text: string, pointer: string, part: Parameters<typeof decide>[0]) {
  const document = read(text);
  const edits = await enforceItem(workOn(document, decide(part), { base: document.at(pointer) }));
  if (!edits.ok) return edits.failure;
  const bytes = splice(document.bytes, edits.value);
  return bytes.ok ? bytes.value.toString() : bytes.failure;
}

export const result = (members: string) => `{"jsonrpc":"2.0","id":1,"result":{${members}}}`;
export const call = (args: string) => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":${args}}}`;
