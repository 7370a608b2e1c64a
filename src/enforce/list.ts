/**
 * Filters a list result: every entry is judged on its own, and what may not be used is taken out of the bytes. What is not listed cannot
 * be called either, because the same rules judge the call. Must not decide: it asks, and acts.
 */
import type { Detect } from "../detect/detect.ts";
import type { Finding, Findings } from "../detect/detector.ts";
import { findUrls } from "../detect/urls.ts";
import { catalogueOf, FACTS_CAP, type Facts, targetKey } from "../enrich/enrich.ts";
import type { ListItem } from "../enrich/policy-input.ts";
import { type Failure, fail, ok, type Result } from "../errors.ts";
import { ABSENT, type JsonDocument, type JsonLimits, type Node, readJson } from "../mcp/json.ts";
import { type ListEntry, listOf, type MessageTarget } from "../mcp/methods.ts";
import type { Decision, Effect } from "../policy/decision.ts";
import type { UrlFacts } from "../policy/input.ts";
import type { Store } from "../state/store.ts";
import type { HiddenItem, Outcome, Transaction } from "../transaction.ts";
import { Turn } from "../turn.ts";
import { enforceItem, type EnforceWork } from "./enforce.ts";
import type { RedactionKeys } from "./redact.ts";
import { type Edit, removeElement, splice } from "../mcp/json/splice.ts";

export interface Enforcer {
  readonly detect: Detect;
  readonly store: Store;
  readonly limits: JsonLimits;
  readonly keys: RedactionKeys;
  /** Does work, up to its first wait, that is then known to be this message's. */
  readonly marked: <T>(work: () => T) => T;
  /** Judges one entry of a list. */
  readonly decideItem: (facts: Facts, item: ListItem) => Decision;
}

export interface Filtered {
  readonly bytes: Buffer;
  /** `rewrite` when entries were taken out, `redact` when entries were redacted. */
  readonly effect: Effect;
  readonly list: Outcome["list"];
}

/** `bytes`: the message after its own decision was carried out. Messages that are no list pass through. */
export async function filterList(
  enforcer: Enforcer,
  transaction: Transaction,
  facts: Facts,
  work: EnforceWork,
  bytes: Buffer,
): Promise<Result<Filtered>> {
  const unchanged = ok<Filtered>({ bytes, effect: "allow", list: undefined });
  const list = transaction.message.kind === "result" && facts.method !== undefined ? listOf(facts.method) : undefined;
  if (list === undefined) return unchanged;
  const { marked } = enforcer;
  const view = marked(() => viewOf(enforcer, facts, work, bytes));
  if (!view.ok) return view;
  const { document } = view.value;
  const result = document.member(0, "result");
  const array = result === ABSENT ? ABSENT : document.member(result, list.member);
  if (array === ABSENT) return unchanged;
  if (document.kind(array) !== "array") return fail({ code: "ERR_UPSTREAM_ANSWER", detail: "the list is no array" });

  const edits: Edit[] = [];
  const removed: Node[] = [];
  const hidden: HiddenItem[] = [];
  const definitions = new Map<string, string>();
  const entries = document.elements(array);
  const items = splitFacts(view.value, document.pointer(array));
  const turn = new Turn();
  for (const [index, node] of entries.entries()) {
    await turn.end();
    const target = entryTarget(document, node, list);
    const decision =
      target === undefined
        ? undefined
        : marked(() => enforcer.decideItem(facts, { ...items(index), document, node, method: list.use, target }));
    const item =
      decision === undefined
        ? undefined
        : await marked(() => enforceItem({ ...work, document, base: node, findings: view.value.findings, decision }));
    if (target !== undefined && item?.ok === true) {
      edits.push(...item.value);
      definitions.set(targetKey(target), document.raw(node));
    } else {
      removed.push(node);
      hidden.push({ name: target?.name ?? target?.uri ?? "", rules: decision === undefined ? [] : blocking(decision) });
    }
  }
  const redacted = edits.length > 0;
  await enforcer.store.define(catalogueOf(transaction.exchange), definitions);
  if (removed.length > 0) edits.push(...removeElement(document, array, removed));
  // Another principal may see less of it, also when this one sees all.
  const scope = removed.length > 0 || transaction.exchange.principal.method !== "anonymous" ? privateScope(document, result) : [];
  edits.push(...scope);
  const effect: Effect = redacted ? "redact" : edits.length > 0 ? "rewrite" : "allow";
  const spliced = splice(document.bytes, edits);
  return spliced.ok ? ok({ bytes: spliced.value, effect, list: { total: entries.length, hidden } }) : spliced;
}

/** Ids of the rules that block. */
export function blocking(decision: Decision): string[] {
  const effect = decision.effect === "hold" ? "hold" : "deny";
  return decision.matched.filter((rule) => rule.effect === effect).map((rule) => rule.id);
}

/** The message as it will leave, and what is in it: found anew when its own decision has changed it. */
interface View {
  readonly document: JsonDocument;
  readonly findings: Findings;
  readonly urls: { readonly list: readonly UrlFacts[]; readonly capped: boolean };
}

function viewOf(enforcer: Enforcer, facts: Facts, work: EnforceWork, bytes: Buffer): Result<View, Failure> {
  if (bytes === work.document.bytes)
    return ok({ document: work.document, findings: work.findings, urls: { list: facts.urls, capped: facts.urlsCapped } });
  const reread = readJson(bytes, enforcer.limits);
  if (!reread.ok) return fail({ code: "ERR_ENFORCE", detail: reread.failure.reason });
  return ok({ document: reread.value, findings: enforcer.detect(reread.value), urls: findUrls(reread.value, FACTS_CAP) });
}

type ItemFacts = Pick<ListItem, "findings" | "findingsCapped" | "urls" | "urlsCapped">;

/** The facts of each entry of the array at `pointer`, by its index: one pass over all facts, whatever the number of entries. */
function splitFacts(view: View, pointer: string): (index: number) => ItemFacts {
  const findings = Map.groupBy(view.findings.list, (finding: Finding) => indexUnder(pointer, finding.path));
  const urls = Map.groupBy(view.urls.list, (url) => indexUnder(pointer, url.path));
  return (index) => ({
    findings: findings.get(index) ?? [],
    findingsCapped: view.findings.capped,
    urls: urls.get(index) ?? [],
    urlsCapped: view.urls.capped,
  });
}

function indexUnder(pointer: string, path: string): number {
  if (!path.startsWith(`${pointer}/`)) return -1;
  const end = path.indexOf("/", pointer.length + 1);
  return Number(path.slice(pointer.length + 1, end === -1 ? undefined : end));
}

/** What an entry of a list is called: the same that a call would name. Undefined for an entry that nothing could name. */
function entryTarget(document: JsonDocument, item: Node, list: ListEntry): MessageTarget | undefined {
  const node = document.kind(item) === "object" ? document.member(item, list.key) : ABSENT;
  if (node === ABSENT || document.kind(node) !== "string") return undefined;
  const text = document.text(node);
  return list.key === "name" ? { kind: list.kind, name: text } : { kind: list.kind, uri: text };
}

/** A list that was filtered for one principal must not be cached for others (MCP 2026-07-28, `cacheScope`). */
function privateScope(document: JsonDocument, result: Node): Edit[] {
  const scope = document.member(result, "cacheScope");
  return scope === ABSENT || document.raw(scope) === '"private"'
    ? []
    : [{ start: document.start(scope), end: document.end(scope), bytes: Buffer.from('"private"') }];
}
