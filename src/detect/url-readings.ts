/**
 * What host the text of a URL leads to: the WHATWG reading (what a browser or `fetch` contacts), and beside it the readings of
 * parsers that disagree. Must not guess which of them the receiver uses.
 */

export interface UrlReading {
  readonly scheme: string;
  readonly host: string;
  readonly port?: number;
  readonly credentials: boolean;
}

const SPECIAL = new Set(["http", "https", "ws", "wss", "ftp", "file"]);

/** A URL in running text ends at white space, quotes, angle brackets and control characters. */
const END = /[\s"<>`\u0000-\u0020]/u;
/** Punctuation around URLs in text. In an authority it means that the URL ended before it, unless an `@` follows. */
const PUNCTUATION = /[)\]},;|'*]/;
const TRAILING = /[.,:;!?'*)\]}]+$/;
const DELIMITER = /[/\\?#]/;
const LONGEST_HOST = 255;
const DROPPED_BY_BROWSERS = /[\t\r\n]/g;

/** The text behind a URL's scheme and slashes. `scheme` is empty for a protocol-relative URL. */
export interface UrlText {
  readonly scheme: string;
  readonly behind: string;
  /** Whether `behind` was cut off before the end of its string. */
  readonly cut: boolean;
  /** Whether the string holds nothing but this URL, so that somebody may hand all of it to a URL parser. */
  readonly alone: boolean;
}

export function readUrl({ scheme, behind, cut, alone }: UrlText): UrlReading[] {
  const first = until(behind, END);
  // So long an authority names no host that anybody could allow: the real one may stand behind an `@` further on.
  if (cut && first.length === behind.length && !DELIMITER.test(first)) {
    return [{ scheme, host: first.slice(0, LONGEST_HOST).toLowerCase(), credentials: true }];
  }
  const texts = [first];
  // Browsers drop tabs and line breaks inside an authority; to everybody else the URL ends there.
  if (alone && !DELIMITER.test(first)) texts.push(until(behind.replaceAll(DROPPED_BY_BROWSERS, ""), END));
  const authorities = new Set(texts.flatMap((text) => authoritiesOf(scheme, text)));
  return [...authorities].map((authority) => readAuthority(scheme, authority)).filter((reading) => reading !== undefined);
}

function until(text: string, end: RegExp): string {
  const at = text.search(end);
  return at === -1 ? text : text.slice(0, at);
}

function authoritiesOf(scheme: string, text: string): string[] {
  const backslashEnds = scheme === "" || SPECIAL.has(scheme);
  const authority = until(text, backslashEnds ? /[/\\?#]/ : /[/?#]/);
  const found = trimmed(authority);
  // `http://evil.com\@good.com`: evil.com to a browser, good.com to RFC 3986.
  const strict = until(text, /[/?#]/);
  if (strict.lastIndexOf("@") > authority.length) found.push(...trimmed(strict.slice(strict.lastIndexOf("@"))));
  // `http://a@good.com@evil.com`: the last `@` counts, the first one to some.
  const names = authority.split("@");
  if (names.length > 2) found.push(`${names[0]}@${names[1]}`);
  return found;
}

/** The authority without punctuation that belongs to the text around; also whole, when an `@` behind the punctuation makes it user info. */
function trimmed(authority: string): string[] {
  const literal = /(?:^|@)\[[0-9a-f:.%]*\](?::[0-9]*)?/i.exec(authority);
  if (literal !== null) return [authority.slice(0, literal.index + literal[0].length)];
  const at = authority.search(PUNCTUATION);
  const short = (at === -1 ? authority : authority.slice(0, at)).replace(TRAILING, "");
  return at !== -1 && authority.includes("@", at) ? [short, authority.replace(TRAILING, "")] : [short];
}

function readAuthority(scheme: string, authority: string): UrlReading | undefined {
  if (authority === "")
    return scheme === "" || (SPECIAL.has(scheme) && scheme !== "file") ? undefined : { scheme, host: "", credentials: false };
  const credentials = authority.includes("@");
  // A scheme of somebody's own has no rules for hosts; whoever resolves it will most likely do as for http.
  const url = `${SPECIAL.has(scheme) && scheme !== "file" ? scheme : "http"}://${authority}`;
  if (!URL.canParse(url)) return unparsed(scheme, authority, credentials);
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "").replace(/\.+$/, "");
  return { scheme, host, credentials, ...(port !== "" && { port: Number(port) }) };
}

/** No URL to a browser (a bad port, a forbidden character), but perhaps to another parser: the host as it stands. */
function unparsed(scheme: string, authority: string, credentials: boolean): UrlReading | undefined {
  const host = authority
    .slice(authority.lastIndexOf("@") + 1)
    .replace(/:[^:\]]*$/, "")
    .toLowerCase();
  return host === "" ? undefined : { scheme, host, credentials };
}
