/**
 * Every URL in a message's strings and keys, with the host that would be contacted, as facts for policy.
 * Must not decide which hosts are good, and must not look for bare host names.
 */
import RE2 from "re2";
import { parse } from "tldts";
import type { JsonDocument } from "../mcp/json.ts";
import type { UrlFacts } from "../policy/input.ts";
import { BELONGS, BREAK, isAlphanumeric } from "./bytes.ts";
import { pieceAt, type WalkedText, walkText } from "./text-walk.ts";
import { readUrl, type UrlReading, type UrlText } from "./url-readings.ts";

/** WHATWG special schemes, which need no slashes (`https:evil.com` is contacted), and schemes without a host. */
const SLASHLESS = ["https", "http", "wss", "ws", "ftp", "file"];
const HOSTLESS = new Set(["mailto", "data", "javascript", "vbscript", "tel", "sms"]);

/** The known schemes with `between` allowed between any two letters: browsers drop tabs and line breaks ("java\nscript:"). */
const schemes = (between: string) => [...SLASHLESS, ...HOSTLESS].map((scheme) => [...scheme, ""].join(between)).join("|");

/** On a document as sent, where a backslash is spelled twice and a line break `\n`. A `\u` or `\/` could hide anything, so they open it. */
const ESCAPED_BREAKS = "(?:\\\\[tnr])*";
const ESCAPED_SLASH = "(?:/|\\\\\\\\)";
const GATE = new RE2(`(?i)${ESCAPED_SLASH}${ESCAPED_BREAKS}${ESCAPED_SLASH}|(?:${schemes(ESCAPED_BREAKS)}):[^"\\s]|\\\\[u/]`);

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
/** Beginnings read for each URL that may be listed: repeats in a string are read, but not listed. */
const READ_PER_LISTED = 8;

/** At most `cap` URLs in document order, each once per string; `capped` when there were more. */
export function findUrls(document: JsonDocument, cap: number): { list: UrlFacts[]; capped: boolean } {
  const list: UrlFacts[] = [];
  if (!GATE.test(document.bytes)) return { list, capped: false };
  const walked = walkText(document);
  const seen = new Set<string>();
  let begun = 0;
  BEGIN.lastIndex = 0;
  for (let hit = BEGIN.exec(walked.text); hit !== null; hit = BEGIN.exec(walked.text)) {
    const begin = hit[0].toString("latin1");
    // One URL may hold another ("blob:https://…", "?next=http://…"): go on right behind what was recognised.
    BEGIN.lastIndex = hit.index + (begin.indexOf(":") + 1 || 1);
    const readings = readingsAt(walked, hit.index, begin);
    if (readings.length === 0) continue;
    begun += 1;
    if (begun > cap * READ_PER_LISTED) return { list, capped: true };
    const node = walked.nodes[pieceAt(walked, hit.index)] as number;
    for (const reading of readings) {
      const key = `${node} ${JSON.stringify(reading)}`;
      if (seen.has(key)) continue;
      if (list.length === cap) return { list, capped: true };
      seen.add(key);
      list.push(factsOf(document.pointer(node), reading));
    }
  }
  return { list, capped: false };
}

function readingsAt(walked: WalkedText, at: number, begin: string): UrlReading[] {
  const { text } = walked;
  const colon = begin.indexOf(":");
  const scheme = begin
    .slice(0, Math.max(colon, 0))
    .replaceAll(/[\t\r\n]/g, "")
    .toLowerCase();
  const { behind, cut } = textFrom(text, at + colon + 1, startsPiece(text, at));
  const alone = startsPiece(text, at) && !cut && !behind.includes(" ");
  const slashes = /^[\t\r\n/\\]*/.exec(behind)?.[0] ?? "";
  if (colon === -1) return relativeAt(text, at, { scheme, behind: behind.slice(slashes.length), cut, alone });
  if (SLASHLESS.includes(scheme)) {
    if (slashes === "" && (scheme === "file" || isAlphanumeric(text[at - 1]))) return [];
    return readUrl({ scheme, behind: behind.slice(scheme === "file" ? FILE_SLASHES : slashes.length), cut, alone });
  }
  if (HOSTLESS.has(scheme)) {
    if (isAlphanumeric(text[at - 1]) || (scheme === "data" && !behind.includes(","))) return [];
    return [{ scheme, host: "", credentials: false }];
  }
  return behind.startsWith("//") ? readUrl({ scheme, behind: behind.slice(2), cut, alone }) : [];
}

/** Protocol-relative URLs: at the start of a string or in a link's place; behind a space only with a host that could be public. */
function relativeAt(text: Buffer, at: number, url: UrlText): UrlReading[] {
  const before = text[at - 1] as number;
  const inPlace = startsPiece(text, at) || QUOTING.has(before);
  if (!inPlace && !SPACES.has(before)) return [];
  return readUrl(url).filter(({ host }) => inPlace || isPublic(host));
}

function startsPiece(text: Buffer, at: number): boolean {
  return text[at - 1] === BREAK || text[at - 1] === BELONGS;
}

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
