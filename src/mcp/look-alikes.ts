/**
 * Finds keys that some other reader would take for a protocol key although they are spelled otherwise. Sluice compares keys exactly; a
 * peer that does not would act on a message that was never judged.
 * Looks only where the protocol reads keys: what an API puts into `arguments`, `structuredContent` or a schema is its own.
 *
 * Readers that are known to be lenient: Go's encoding/json folds case (GHSA-wvj2-96wp-fq3f: `name` and `Name`; GHSA-q382-vc8q-7jhj:
 * `paramſ`, `name\u0000`); the Python SDK's models take a field's own name in place of its alias (`input_responses`, and `meta` for
 * `_meta`, where the protocol version of a request stands).
 */
import { type JsonDocument, type Node } from "./json.ts";
import { fold, foldAscii, glance, shapeOf } from "./key-folding.ts";

/** A key that must not pass: where it is, and the protocol key that it resembles; `ANY_KEY` when there is too much to fold. */
export interface LookAlike {
  readonly key: Node;
  readonly of: string;
}

/** One place where the protocol reads keys. */
interface Level {
  /** The protocol's keys, by their length in bytes. */
  readonly keys: readonly (readonly Key[] | undefined)[];
  /** The protocol key of each folded spelling. */
  readonly folded: ReadonlyMap<string, string>;
  /** The shapes of the folded spellings: nearly every key of somebody else's is ruled out by its own. */
  readonly shapes: ReadonlySet<number>;
  /** Letters in the longest folded spelling. */
  readonly longest: number;
}

interface Key {
  readonly name: string;
  readonly bytes: Buffer;
  /** What is read in its value: an object, or each object of an array. */
  inside: Inside | undefined;
}

/** `level` holds for the value itself, or (`each`) for every member's value; an object beside `unlessBeside` is free-form. */
interface Inside {
  readonly level: Level;
  readonly each?: true;
  readonly unlessBeside?: string;
}

const META_PREFIX = "io.modelcontextprotocol/";
const ANY_KEY = "any key";
/**
 * Bytes of a key beyond ASCII, and of all of them, that are folded; what is longer is refused. Normalising takes quadratic time for runs
 * of marks, and some hundred nanoseconds a letter for all others.
 */
const MOST_FOLDED = 256;
const MOST_FOLDED_IN_ALL = 65_536;

const META_NAMES = "protocolVersion clientInfo clientCapabilities logLevel subscriptionId serverInfo related-task model-immediate-response";
const META = level(`progressToken traceparent tracestate baggage ${META_NAMES.replaceAll(/(?<= |^)/g, META_PREFIX)}`);
const IMPLEMENTATION = level("name title version description websiteUrl icons");
const ANNOTATIONS = level("title readOnlyHint destructiveHint idempotentHint openWorldHint audience priority lastModified");
const ICON = level("src mimeType sizes theme");
const RESOURCE = level("uri mimeType text blob _meta");
const BLOCK = level(
  "type text data mimeType uri name title description size annotations icons resource content structuredContent isError id input toolUseId _meta",
);
const TURN = level("role content _meta");
const ARGUMENT = level("name title description required value");
/** An entry of a list: a tool, prompt, resource, template or root. */
const ITEM = level(
  "name title description inputSchema outputSchema annotations execution icons uri uriTemplate mimeType size arguments _meta",
);
const REFERENCE = level("type name title uri");
const CONTEXT = level("arguments");
const SUBSCRIPTIONS = level("toolsListChanged promptsListChanged resourcesListChanged resourceSubscriptions taskIds");
const TASK = level("taskId status statusMessage createdAt lastUpdatedAt ttl ttlMs pollInterval pollIntervalMs _meta");
const COMPLETION = level("values total hasMore");
const ERROR = level("code message data");
const PARAMS = level(
  `_meta name arguments uri cursor ref argument context level notifications inputResponses requestState protocolVersion capabilities
  clientInfo task taskId status statusMessage createdAt lastUpdatedAt ttl pollInterval progressToken progress total message requestId reason
  messages modelPreferences systemPrompt includeContext temperature maxTokens stopSequences metadata tools toolChoice mode requestedSchema
  url elicitationId data logger`,
  { meta: "_meta" },
);
const RESULT = level(
  `_meta content structuredContent isError tools resources resourceTemplates prompts contents messages description completion
  inputRequests requestState resultType nextCursor cacheScope ttlMs protocolVersion supportedVersions capabilities serverInfo instructions
  tasks task taskId status statusMessage createdAt lastUpdatedAt ttl pollInterval roots action role model stopReason result error`,
);
const EMBEDDED_REQUEST = level("method params");
const ENVELOPE = level("jsonrpc id method params result error");

const FOLDED_PREFIX = fold(META_PREFIX);
const META_FIRST = FOLDED_PREFIX.charCodeAt(0);

contain(META, { [`${META_PREFIX}clientInfo`]: IMPLEMENTATION, [`${META_PREFIX}serverInfo`]: IMPLEMENTATION });
contain(IMPLEMENTATION, { icons: ICON });
contain(RESOURCE, { _meta: META });
contain(BLOCK, { annotations: ANNOTATIONS, icons: ICON, resource: RESOURCE, content: BLOCK, _meta: META });
contain(TURN, { content: BLOCK, _meta: META });
contain(ITEM, { annotations: ANNOTATIONS, icons: ICON, arguments: ARGUMENT, _meta: META });
contain(TASK, { _meta: META });
contain(PARAMS, {
  _meta: META,
  ref: REFERENCE,
  argument: ARGUMENT,
  context: CONTEXT,
  notifications: SUBSCRIPTIONS,
  clientInfo: IMPLEMENTATION,
  task: TASK,
  messages: TURN,
  tools: ITEM,
  inputResponses: { level: RESULT, each: true },
});
contain(RESULT, {
  _meta: META,
  tools: ITEM,
  prompts: ITEM,
  resources: ITEM,
  resourceTemplates: ITEM,
  roots: ITEM,
  contents: RESOURCE,
  messages: TURN,
  completion: COMPLETION,
  serverInfo: IMPLEMENTATION,
  tasks: TASK,
  task: TASK,
  error: ERROR,
  result: RESULT,
  // The answer to an elicitation has an `action`, and its `content` is the person's form.
  content: { level: BLOCK, unlessBeside: "action" },
  inputRequests: { level: EMBEDDED_REQUEST, each: true },
});
contain(EMBEDDED_REQUEST, { params: PARAMS });
contain(ENVELOPE, { params: PARAMS, result: RESULT, error: ERROR });

/** The first look-alike in a JSON-RPC message, in document order of the levels; undefined when there is none. */
export function findLookAlike(document: JsonDocument): LookAlike | undefined {
  return inObject({ document, room: MOST_FOLDED_IN_ALL }, 0, ENVELOPE);
}

/** A document that is looked through, and how many bytes of its keys may still be folded. */
interface Search {
  readonly document: JsonDocument;
  room: number;
}

function level(keys: string, also: Record<string, string> = {}): Level {
  const names = keys.split(/\s+/);
  const byLength: Key[][] = [];
  for (const name of names) (byLength[name.length] ??= []).push({ name, bytes: Buffer.from(name), inside: undefined });
  const folded = new Map([...names.map((name) => [fold(name), name] as const), ...Object.entries(also)]);
  const longest = Math.max(...[...folded.keys()].map((key) => key.length));
  const shapes = new Set([...folded.keys()].map((key) => shapeOf(glance(Buffer.from(key), 0, key.length, longest))));
  return { keys: byLength, folded, shapes, longest };
}

function contain(outer: Level, levels: Record<string, Level | Inside>): void {
  for (const key of outer.keys.flatMap((some) => some ?? [])) {
    const inner = levels[key.name];
    if (inner !== undefined) key.inside = "level" in inner ? inner : { level: inner };
  }
}

function inValue(search: Search, value: Node, inner: Level): LookAlike | undefined {
  const { document } = search;
  const kind = document.kind(value);
  if (kind === "object") return inObject(search, value, inner);
  if (kind !== "array") return undefined;
  for (const element of document.elements(value)) {
    const found = document.kind(element) === "object" ? inObject(search, element, inner) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function inObject(search: Search, object: Node, here: Level): LookAlike | undefined {
  const { document } = search;
  const end = document.next(object);
  for (let key = object + 1; key < end; key = document.next(key + 1)) {
    const known = keyOf(document, key, here);
    if (known === undefined) {
      const of = resembles(search, key, here);
      if (of !== undefined) return { key, of };
    } else if (known.inside !== undefined) {
      const found = inMember(search, object, key + 1, known.inside);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** The protocol's key that this is, however it is escaped. Compares bytes: this runs for every key of every message. */
function keyOf(document: JsonDocument, key: Node, here: Level): Key | undefined {
  if (document.escaped(key)) {
    const name = document.text(key);
    return here.keys[name.length]?.find((known) => known.name === name);
  }
  const start = document.start(key) + 1;
  const known = here.keys[document.end(key) - 1 - start];
  if (known === undefined) return undefined;
  for (const one of known) if (standsAt(document.bytes, start, one.bytes)) return one;
  return undefined;
}

function standsAt(bytes: Buffer, start: number, name: Buffer): boolean {
  for (let at = 0; at < name.length; at += 1) if (bytes[start + at] !== name[at]) return false;
  return true;
}

function inMember(search: Search, object: Node, value: Node, inside: Inside): LookAlike | undefined {
  const { document } = search;
  if (inside.each) {
    for (const [, member] of document.members(value)) {
      const found = inValue(search, member, inside.level);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const free = inside.unlessBeside !== undefined && document.kind(value) === "object" && document.member(object, inside.unlessBeside) >= 0;
  return free ? undefined : inValue(search, value, inside.level);
}

function resembles(search: Search, key: Node, here: Level): string | undefined {
  const { document } = search;
  if (!document.escaped(key)) return resemblesBytes(search, document.bytes, document.start(key) + 1, document.end(key) - 1, here);
  const name = Buffer.from(document.text(key));
  return resemblesBytes(search, name, 0, name.length, here);
}

function resemblesBytes(search: Search, bytes: Buffer, start: number, end: number, here: Level): string | undefined {
  const seen = glance(bytes, start, end, here.longest);
  const mayBePrefixed = here === META && (seen.first === META_FIRST || seen.first === 0);
  if (seen.letters > here.longest && !mayBePrefixed) return undefined;
  if (seen.wide) {
    search.room -= end - start;
    if (end - start > MOST_FOLDED || search.room < 0) return ANY_KEY;
    return knownAs(fold(bytes.toString("utf8", start, end)), bytes, start, here);
  }
  if (!here.shapes.has(shapeOf(seen)) && !mayBePrefixed) return undefined;
  return knownAs(foldAscii(bytes, start, end, here.longest), bytes, start, here);
}

function knownAs(folded: string, bytes: Buffer, start: number, here: Level): string | undefined {
  const known = here.folded.get(folded);
  if (known !== undefined || here !== META || !folded.startsWith(FOLDED_PREFIX)) return known;
  return bytes.toString("latin1", start, start + META_PREFIX.length) === META_PREFIX ? undefined : META_PREFIX;
}
