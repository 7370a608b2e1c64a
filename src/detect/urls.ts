/**
 * Every URL in a message's strings and keys, with the host that would be contacted, as facts for policy.
 * Must not decide which hosts are good, and must not look for bare host names.
 */
import RE2 from "re2";
import { parse } from "tldts";
import type { JsonDocument } from "../mcp/json.ts";
import { pointersWithin } from "../mcp/json/pointers.ts";
import type { UrlFacts } from "../policy/input.ts";
import { BELONGS, BREAK, isAlphanumeric } from "./bytes.ts";
import { pieceAt, walkText } from "./text-walk.ts";
import { readUrl, type UrlReading, type UrlText } from "./url-readings.ts";

/** WHATWG special schemes, which need no slashes (`https:evil.com` is contacted), and schemes without a host. */
const SLASHLESS = ["https", "http", "wss", "ws", "ftp", "file"];
const HOSTLESS = new Set(["mailto", "data", "javascript", "vbscript", "tel", "sms"]);

/** The known schemes with `between` allowed between any two letters: browsers drop tabs and line breaks ("java\nscript:"). */
const schemes = (between: string) => [...SLASHLESS, ...HOSTLESS].map((scheme) => [...scheme, ""].join(between)).join("|");

/** On a document as sent, where a backslash is spelled twice and a line break `\n`. */
const ESCAPED_BREAKS = "(?:\\\\[tnr])*";
const ESCAPED_SLASH = "(?:/|\\\\\\\\)";
/** Matches every document as sent in which there could be a URL, unless a character is hidden by `\u` or `\/`. */
export const URL_GATE = `(?i:${ESCAPED_SLASH}${ESCAPED_BREAKS}${ESCAPED_SLASH}|(?:${schemes(ESCAPED_BREAKS)}):[^"\\s])`;
const GATE = new RE2(`${URL_GATE}|\\\\[u/]`);

/** Where a URL may begin in decoded text: a scheme and two slashes; a known scheme; two slashes. What stands in front is looked at later. */
const BREAKS = "[\\t\\r\\n]*";
const BEGIN = new RE2(
  `(?i)[a-z][a-z0-9+.-]+:${BREAKS}[/\\\\]${BREAKS}[/\\\\]|(?:${schemes(BREAKS)}):${BREAKS}[^\\s"'<>]|[/\\\\]${BREAKS}[/\\\\][^\\s/\\\\]`,
  "g",
);

/** A host further from its scheme than this many bytes is not looked for. */
const LONGEST = 512;
/** `file://host/path` has a host, `file:///path` none. */
const FILE_SLASHES = 2;
/**
 * Bounds of the work, for each URL that may be listed. URLs: repeats in a string are read, but not listed. Beginnings that are read,
 * whether or not they turn out to be one ("//a" behind a space). Places that look like a beginning: most are seen to be none from the
 * byte in front ("src//a"), but looking costs as well.
 */
const URLS_PER_LISTED = 8;
const READ_PER_LISTED = 24;
const SEEN_PER_LISTED = 64;
/** Code units of the paths of all URLs. */
const MOST_PATHS = 262_144;

/** At most `cap` URLs in document order, each once per string; `capped` when there were more, or when there was too much to look at. */
export function findUrls(document: JsonDocument, cap: number): { list: UrlFacts[]; capped: boolean } {
  const list: UrlFacts[] = [];
  if (!GATE.test(document.bytes)) return { list, capped: false };
  const walked = walkText(document);
  const { text } = walked;
  const pathOf = pointersWithin(document, MOST_PATHS);
  const listed = new Set<string>();
  const done = { urls: 0, read: 0, seen: 0 };
  BEGIN.lastIndex = 0;
  for (let hit = BEGIN.exec(text); hit !== null; hit = BEGIN.exec(text)) {
    const beginning = beginningAt(hit.index, hit[0].toString("latin1"));
    // One URL may hold another ("blob:https://…", "?next=http://…"): go on right behind what was recognised.
    BEGIN.lastIndex = Math.max(hit.index + 1, beginning.behind);
    if (++done.seen > cap * SEEN_PER_LISTED) return { list, capped: true };
    if (!mayBegin(text, beginning)) continue;
    if (++done.read > cap * READ_PER_LISTED) return { list, capped: true };
    const readings = readingsAt(text, beginning);
    if (readings.length === 0) continue;
    if (++done.urls > cap * URLS_PER_LISTED) return { list, capped: true };
    const node = walked.nodes[pieceAt(walked, hit.index)] as number;
    for (const reading of readings) {
      const key = `${node} ${JSON.stringify(reading)}`;
      if (listed.has(key)) continue;
      const path = list.length === cap ? undefined : pathOf(node);
      if (path === undefined) return { list, capped: true };
      listed.add(key);
      list.push(factsOf(path, reading));
    }
  }
  return { list, capped: false };
}

/** A place where a URL may begin: its byte, its scheme (empty: none, two slashes alone), and the byte behind the scheme's colon. */
interface Beginning {
  readonly at: number;
  readonly scheme: string;
  readonly behind: number;
}

function beginningAt(at: number, begin: string): Beginning {
  const colon = begin.indexOf(":");
  const scheme = begin
    .slice(0, Math.max(colon, 0))
    .replaceAll(/[\t\r\n]/g, "")
    .toLowerCase();
  return { at, scheme, behind: at + colon + 1 };
}

/** Rules out what can be ruled out from the bytes next to it, without reading on. */
function mayBegin(text: Buffer, { at, scheme, behind }: Beginning): boolean {
  const before = text[at - 1] as number;
  if (scheme === "") return isInPlace(text, at) || SPACES.has(before);
  if (SLASHLESS.includes(scheme)) return true;
  if (HOSTLESS.has(scheme)) return !isAlphanumeric(before);
  return text[behind] === SLASH && text[behind + 1] === SLASH;
}

function readingsAt(text: Buffer, { at, scheme, behind: from }: Beginning): UrlReading[] {
  const whole = startsPiece(text, at);
  const { behind, cut } = textFrom(text, from, whole);
  const alone = whole && !cut && !behind.includes(" ");
  const slashes = /^[\t\r\n/\\]*/.exec(behind)?.[0] ?? "";
  if (scheme === "") return relativeAt(text, at, { scheme, behind: behind.slice(slashes.length), cut, alone });
  if (SLASHLESS.includes(scheme)) {
    if (slashes === "" && (scheme === "file" || isAlphanumeric(text[at - 1]))) return [];
    return readUrl({ scheme, behind: behind.slice(scheme === "file" ? FILE_SLASHES : slashes.length), cut, alone });
  }
  if (HOSTLESS.has(scheme)) return scheme === "data" && !behind.includes(",") ? [] : [{ scheme, host: "", credentials: false }];
  return readUrl({ scheme, behind: behind.slice(2), cut, alone });
}

/** Protocol-relative URLs: at the start of a string or in a link's place; behind a space only with a host that could be public. */
function relativeAt(text: Buffer, at: number, url: UrlText): UrlReading[] {
  const inPlace = isInPlace(text, at);
  return readUrl(url).filter(({ host }) => inPlace || isPublic(host));
}

function isInPlace(text: Buffer, at: number): boolean {
  return startsPiece(text, at) || QUOTING.has(text[at - 1] as number);
}

function startsPiece(text: Buffer, at: number): boolean {
  return text[at - 1] === BREAK || text[at - 1] === BELONGS;
}

const SLASH = 0x2f;
const QUOTING = new Set(Buffer.from("\"'`(<[=,"));
const SPACES = new Set(Buffer.from(" \t\r\n"));

function isPublic(host: string): boolean {
  const { isIp, isIcann } = parse(host, { validateHostname: false });
  return isIp === true || isIcann === true;
}

/** What stands behind: to the end of the string for one that may be a URL as a whole, else to the first byte that ends a URL in text. */
function textFrom(text: Buffer, from: number, whole: boolean): { behind: string; cut: boolean } {
  const most = Math.min(text.length, from + LONGEST);
  let end = from;
  while (end < most && (text[end] as number) < BELONGS && (whole || !ENDS.has(text[end] as number))) end += 1;
  return { behind: text.toString("utf8", from, end), cut: end === most };
}

/** Space, quote, angle brackets, backquote. Tabs and line breaks are kept: browsers skip them in front of a host. */
const ENDS = new Set(Buffer.from(' "<>`'));

function factsOf(path: string, { scheme, host, port, credentials }: UrlReading): UrlFacts {
  const { domain } = parse(host, { allowPrivateDomains: false, validateHostname: false });
  return {
    path,
    scheme,
    host,
    ...(port !== undefined && { port }),
    ...(host !== "" && domain !== null && { domain }),
    ...(credentials && { has_credentials: true as const }),
  };
}
