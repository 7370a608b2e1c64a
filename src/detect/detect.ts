/**
 * The detect stage: finds sensitive data in a whole message, or in a plain text. Finds only: what becomes of a finding is policy's.
 * Must never log or throw what it found; whatever goes wrong inside (RE2 out of memory) is thrown, and the caller denies.
 */
import type { JsonDocument } from "../mcp/json.ts";
import { pointersWithin } from "../mcp/json/pointers.ts";
import { PII, SECRETS } from "./catalogue.ts";
import type { Detector, Finding, FindingCategory, Findings, Misses } from "./detector.ts";
import { createGate } from "./gate.ts";
import { type Hit, resolveOverlaps } from "./overlaps.ts";
import { type Place, Placer, walkText, wrapText } from "./text-walk.ts";

export type Detect = (document: JsonDocument) => Findings;

export interface Kind {
  readonly kind: string;
  readonly category: FindingCategory;
  readonly label: string;
  readonly description: string;
}

/** A finding in a plain text; offsets in UTF-16 code units of it. */
export interface TextFinding {
  readonly kind: string;
  readonly category: FindingCategory;
  readonly label: string;
  readonly start: number;
  readonly end: number;
}

const DETECTORS: readonly Detector[] = [...PII, ...SECRETS];
/** Code units of the paths of all findings of a message: they go into the policy's input and onto the record. */
const MOST_PATHS = 262_144;
/** Far more than text holds that is not made of near misses. At five microseconds each they are a tenth of a second. */
const MOST_MISSES = 20_000;
const NOTHING: Findings = Object.freeze({ list: Object.freeze([]), capped: false });
const NOT_EVEN_URLS: Findings = Object.freeze({ ...NOTHING, noUrls: true as const });

// Compiled once per process, by whoever imports this first.
const gate = createGate(DETECTORS);

/** What the catalogue holds, in its order. */
export function kinds(): readonly Kind[] {
  return DETECTORS.map(({ kind, category, label, description }) => ({ kind, category, label, description }));
}

const LABELS = new Map(DETECTORS.map(({ kind, label }) => [kind, label]));

/** Name of the replacement of a kind (`email` → `EMAIL`). A kind that the catalogue does not know is a fault. */
export function labelOf(kind: string): string {
  const label = LABELS.get(kind);
  if (label === undefined) throw new RangeError("unknown kind of finding");
  return label;
}

/**
 * A search that lists at most `maxFindings` findings of a message, the first in document order, and says when there were more; also
 * when the paths of so many would be too long.
 */
export function createDetect(options: { readonly maxFindings: number }): Detect {
  return (document) => detect(document, options.maxFindings);
}

/**
 * The gate is tried on the document's own bytes. That is the same as on its text as long as no string spells an ordinary character
 * by an escape; with `\u` or `\/` in sight, it is tried on the decoded text instead.
 */
function detect(document: JsonDocument, limit: number): Findings {
  const { bytes } = document;
  if (!hidesCharacters(bytes)) {
    const open = gate(bytes);
    const detectors = stillPossible(open.detectors, bytes);
    if (detectors.size === 0) return open.urls ? NOTHING : NOT_EVEN_URLS;
    const found = search(document, walkText(document), detectors, limit);
    return open.urls ? found : Object.freeze({ ...found, noUrls: true as const });
  }
  // What the gate says of URLs holds for a document as sent only.
  const walked = walkText(document);
  const open = gate(walked.text).detectors;
  return open.size === 0 ? NOTHING : search(document, walked, open, limit);
}

function stillPossible(open: ReadonlySet<Detector>, bytes: Buffer): ReadonlySet<Detector> {
  if (open.size === 0) return open;
  return new Set([...open].filter(({ possible }) => possible === undefined || possible(bytes)));
}

/** What can spell a character that a gate asks for; the other escapes spell quotes, backslashes and control characters. */
const ESCAPES_OF_ANYTHING = [Buffer.from("\\u"), Buffer.from("\\/")];
const BACKSLASH = 0x5c;

function hidesCharacters(bytes: Buffer): boolean {
  return bytes.includes(BACKSLASH) && ESCAPES_OF_ANYTHING.some((escape) => bytes.includes(escape));
}

function search(document: JsonDocument, walked: ReturnType<typeof walkText>, open: ReadonlySet<Detector>, limit: number): Findings {
  const { hits, full } = collect(walked.text, open, limit);
  const placer = new Placer(document, walked);
  const pathOf = pointersWithin(document, MOST_PATHS);
  const list: Finding[] = [];
  let capped = full;
  for (const hit of resolveOverlaps(hits)) {
    const place = placer.place(hit.start, hit.end);
    const path = list.length === limit ? undefined : pathOf(place.node);
    if (path === undefined) {
      capped = true;
      break;
    }
    list.push(finding(list.length, hit, place, path));
  }
  return Object.freeze({ list: Object.freeze(list), capped });
}

/** Every open detector's hits, in catalogue order; `full` when one of them had more than the limit, or all had too many near misses. */
function collect(text: Buffer, open: ReadonlySet<Detector>, limit: number): { hits: Hit[]; full: boolean } {
  const hits: Hit[] = [];
  const misses: Misses = { left: limit === Number.POSITIVE_INFINITY ? limit : MOST_MISSES };
  let full = false;
  for (const detector of DETECTORS) {
    if (!open.has(detector)) continue;
    const matches = detector.find(text, limit + 1, misses);
    if (matches.length > limit || misses.left < 0) full = true;
    for (const match of matches) hits.push({ detector, match, start: match.start, end: match.end });
  }
  return { hits, full };
}

function finding(n: number, hit: Hit, place: Place, path: string): Finding {
  const { kind, category } = hit.detector;
  const { score, domain, country, brand } = hit.match;
  const { node, on, start, end, rawStart, rawEnd } = place;
  // One by one: spreading what may be there costs as much as finding it.
  const placed: { -readonly [K in keyof Finding]: Finding[K] } = { n, kind, category, path, on, start, end, score, node, rawStart, rawEnd };
  if (domain !== undefined) placed.domain = domain;
  if (country !== undefined) placed.country = country;
  if (brand !== undefined) placed.brand = brand;
  return Object.freeze(placed);
}

/** Findings in a plain text, in order and without a limit: for short texts of our own making. */
export function findInText(text: string): TextFinding[] {
  const wrapped = wrapText(Buffer.from(text));
  const open = gate(wrapped).detectors;
  if (open.size === 0) return [];
  const { hits } = collect(wrapped, open, Number.POSITIVE_INFINITY);
  let bytes = 1;
  let units = 0;
  return resolveOverlaps(hits).map(({ detector: { kind, category, label }, start, end }) => {
    const from = units + wrapped.toString("utf8", bytes, start).length;
    const to = from + wrapped.toString("utf8", start, end).length;
    bytes = end;
    units = to;
    return { kind, category, label, start: from, end: to };
  });
}

/** The text with every finding replaced by its label in brackets: for rule messages, comments and names that are about to be shown. */
export function screenText(text: string): string {
  let screened = "";
  let from = 0;
  for (const { label, start, end } of findInText(text)) {
    screened += `${text.slice(from, start)}[${label}]`;
    from = end;
  }
  return screened + text.slice(from);
}
