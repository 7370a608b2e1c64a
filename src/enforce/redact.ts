/**
 * Carries redactions out: new bytes for exactly the places that they mean, such that nothing of what they mean can be found again.
 * Must not decide what is redacted, and must give no edits at all when it cannot do all of it.
 */
import type { Detect } from "../detect/detect.ts";
import type { Finding, Findings } from "../detect/detector.ts";
import { fail, ok, type Result } from "../errors.ts";
import { ABSENT, type JsonDocument, type JsonLimits, type Node, readJson } from "../mcp/json.ts";
import type { Redaction } from "../policy/decision.ts";
import { applied, type Changes, originOf, type Piece } from "./changes.ts";
import { distinctKeys } from "./keys.ts";
import { type Mark, markFinding, markRedactions, mergeMarks, type Selection } from "./marks.ts";
import { type Ordinals, type RedactionKeys, standIns } from "./operators.ts";
import type { Edit } from "../mcp/json/splice.ts";

export type { RedactionKeys } from "./operators.ts";

export interface RedactWork {
  readonly document: JsonDocument;
  /** 0, or the entry of a list: paths start there and nothing outside of it is touched. */
  readonly base: Node;
  readonly findings: Findings;
  readonly redactions: readonly Redaction[];
  readonly detect: Detect;
  readonly limits: JsonLimits;
  readonly ordinals: Ordinals;
  readonly keys: RedactionKeys;
}

/** What is left of a text may read as something new ("12" + "34" after what stood between them is dropped); each round redacts that too. */
const MAX_ROUNDS = 5;

/** Edits of the document's bytes, each inside one value or key. Failures: see markRedactions; ERR_ENFORCE as well when redacting never comes to rest. */
export async function redact(work: RedactWork): Promise<Result<Edit[]>> {
  if (work.redactions.length === 0) return ok([]);
  const selection = markRedactions(work.document, work.base, work.findings, work.redactions);
  if (!selection.ok) return selection;
  let { marks } = selection.value;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const changes = distinctKeys(work.document, await render(work, mergeMarks(marks)));
    const arisen = searchAgain(work, selection.value, changes);
    if (!arisen.ok) return arisen;
    if (arisen.value.length === 0) return ok(toEdits(work.document, changes));
    marks = [...marks, ...arisen.value];
  }
  return fail({ code: "ERR_ENFORCE", detail: "what a redaction leaves is found again and again" });
}

async function render(work: RedactWork, marks: ReadonlyMap<Node, readonly Mark[]>): Promise<Changes> {
  const { document } = work;
  const texts = [...marks.values()].flat().filter((mark) => document.kind(mark.node) === "string");
  const removed = texts.map((mark) => ({ ...mark, text: decode(document, mark) }));
  const replaced = await standIns(removed, work.keys, work.ordinals);
  const bytes = new Map(texts.map((mark, index) => [mark, encode(replaced[index] as string)]));
  const piece = (mark: Mark): Piece => ({ mark, bytes: bytes.get(mark) ?? literalStandIn(document, mark.node) });
  return new Map([...marks].map(([node, own]) => [node, own.map(piece)]));
}

/** A value of the same type that says nothing, so that the message keeps to its schema. */
function literalStandIn(document: JsonDocument, node: Node): Buffer {
  return Buffer.from(document.kind(node) === "number" ? "0" : "false");
}

function decode(document: JsonDocument, { node, start, end }: Mark): string {
  const spelled = document.bytes.toString("utf8", start, end);
  return document.escaped(node) ? (JSON.parse(`"${spelled}"`) as string) : spelled;
}

function encode(text: string): Buffer {
  return Buffer.from(JSON.stringify(text).slice(1, -1));
}

function toEdits(document: JsonDocument, changes: Changes): Edit[] {
  return [...changes.values()]
    .flat()
    .map(({ mark, bytes }) => ({ start: mark.start, end: mark.end, bytes }))
    .filter(({ start, end, bytes }) => !bytes.equals(document.bytes.subarray(start, end)));
}

/** Searches the changed values and keys once more; answers marks for what would be redacted now and was not before. */
function searchAgain(work: RedactWork, selection: Selection, changes: Changes): Result<Mark[]> {
  const { document } = work;
  const nodes = [...changes].filter(([node, pieces]) => document.kind(node) === "string" && !pieces.every(({ mark }) => mark.whole));
  if (nodes.length === 0) return ok([]);
  const probe = readProbe(
    work,
    nodes.map(([node]) => node),
    changes,
  );
  if (!probe.ok) return probe;
  const found = work.detect(probe.value.document);
  if (found.capped) return fail({ code: "ERR_ENFORCE", detail: "a redacted message has more findings than can be listed" });
  const before = Map.groupBy(work.findings.list, (finding) => finding.node);
  const marks: Mark[] = [];
  for (const finding of found.list) {
    const node = probe.value.origin.get(finding.node);
    const operator = node === undefined ? undefined : selection.wouldRedact(node, finding.kind);
    if (node === undefined || operator === undefined) continue;
    const offset = probe.value.document.start(finding.node);
    const place = originOf(document, node, changes.get(node) ?? [], finding.rawStart - offset, finding.rawEnd - offset);
    const spared = !place.redacted && before.get(node)?.some((other) => sameKindWithin(other, finding.kind, place));
    if (!spared) marks.push(markFinding(document, { ...finding, node, rawStart: place.start, rawEnd: place.end }, operator));
  }
  return ok(marks);
}

function sameKindWithin(finding: Finding, kind: string, place: { start: number; end: number }): boolean {
  return finding.kind === kind && finding.rawStart < place.end && finding.rawEnd > place.start;
}

interface Probe {
  readonly document: JsonDocument;
  /** Node of the probe → node of the message. */
  readonly origin: ReadonlyMap<Node, Node>;
}

/** The changed texts as a document of their own: a key and its scalar value stay together, since a key may be what makes its value telling. */
function readProbe(work: RedactWork, nodes: readonly Node[], changes: Changes): Result<Probe> {
  const { document } = work;
  const holders = new Set(nodes.map((node) => (document.isKey(node) || !document.isKey(Math.max(0, node - 1)) ? node : node - 1)));
  const written = (node: Node): Buffer => applied(document, node, changes.get(node) ?? []);
  const parts: Buffer[] = [];
  for (const node of holders) {
    parts.push(Buffer.from(parts.length === 0 ? "[" : ","));
    if (!document.isKey(node)) parts.push(written(node));
    else
      parts.push(
        Buffer.from("{"),
        written(node),
        Buffer.from(":"),
        isScalar(document, node + 1) ? written(node + 1) : Buffer.from("null"),
        Buffer.from("}"),
      );
  }
  parts.push(Buffer.from("]"));
  const probe = readJson(Buffer.concat(parts), { ...work.limits, bytes: Infinity, nodes: Infinity, depth: 3 });
  if (!probe.ok) return fail({ code: "ERR_ENFORCE", detail: probe.failure.reason });
  const elements = probe.value.elements(0);
  const origin = new Map<Node, Node>();
  [...holders].forEach((node, index) => {
    const element = elements[index] ?? ABSENT;
    const [member] = probe.value.members(element);
    if (member === undefined) origin.set(element, node);
    else origin.set(member[0], node).set(member[1], node + 1);
  });
  return ok({ document: probe.value, origin });
}

function isScalar(document: JsonDocument, node: Node): boolean {
  return document.kind(node) === "string" || document.kind(node) === "number";
}
