/**
 * The judging stages of the product on generated messages: those of the packs' cases, changed at random, so that every rule meets messages that
 * make it fire and messages that nearly do. Beside the packs stands a policy that reads the input in ways in which they do not.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import type { Config } from "../../src/config/config.ts";
import { draftConfig } from "../../src/config/load.ts";
import { createDetect } from "../../src/detect/detect.ts";
import { decisionIds } from "../../src/transaction.ts";
import { flowOf } from "../../src/enrich/enrich.ts";
import { createJudgement } from "../../src/judgement.ts";
import type { Message } from "../../src/mcp/message.ts";
import { methodFault } from "../../src/mcp/methods.ts";
import { readWholeMessage } from "../../src/mcp/read-message.ts";
import type { Decision } from "../../src/policy/decision.ts";
import type { Direction, PrincipalFacts } from "../../src/policy/input.ts";
import { loadPolicy, type Policy, type PolicyDeps } from "../../src/policy/policy.ts";
import { packageRoot } from "../../src/policy/sources/shipped.ts";
import { jsonLimits } from "../../src/stages.ts";
import { Conversation } from "../../src/state/conversation.ts";
import { MemoryStore } from "../../src/state/memory.ts";
import type { Exchange, Outcome, Transaction } from "../../src/transaction.ts";
import { readCases } from "../packs/case-files.ts";
import { policyFolder, temporaryFolder } from "../policy/policy-files.ts";

/** Every way to read an input that the packs do not use, each in a rule that fires now and then. Most say what they read. */
const HOUSE = `package policies.house

warn contains {"id": "house/walk"} if {
	walk(input.mcp.params.arguments, [_, value])
	value == "needle"
}
warn contains {"id": "house/whole", "msg": $"{input.mcp.params.arguments}"} if input.mcp.params.arguments.exact
warn contains {"id": "house/members"} if count(input.mcp.params.arguments) > 2
warn contains {"id": "house/length"} if count(input.mcp.params.name) > 5
warn contains {"id": "house/array"} if is_array(input.mcp.result.content)
warn contains {"id": "house/every"} if {
	input.mcp.result
	every part in input.mcp.result.content {
		part.type == "text"
	}
}
warn contains {"id": "house/first"} if input.mcp.result.content[0].type == "text"
warn contains {"id": "house/structured"} if input.mcp.result.structuredContent.id
warn contains {"id": "house/keys", "msg": $"{key}"} if {
	some key, value in input.mcp.params.arguments
	value == true
}
warn contains {"id": "house/dynamic"} if input.mcp.params.arguments[input.mcp.params.name]
warn contains {"id": "house/get"} if object.get(input.mcp.params, ["arguments", "limit"], 7) == 7
warn contains {"id": "house/marshalled", "msg": text} if text := json.marshal(input.mcp.params._meta)
warn contains {"id": "house/hint"} if input.tool.annotations.readOnlyHint == true
warn contains {"id": "house/defined", "msg": $"{input.target.definition.title}"} if input.target.definition
warn contains {"id": "house/schema"} if {
	input.phase == "request"
	some name, _ in input.tool.definition.inputSchema.properties
	input.mcp.params.arguments[name]
}
warn contains {"id": "house/described"} if {
	input.phase == "list_item"
	contains(input.mcp.item.description, "e")
}
warn contains {"id": "house/morning"} if input.now.hour < 12
warn contains {"id": "house/sunday"} if input.now.weekday == 7
warn contains {"id": "house/second"} if endswith(input.now.rfc3339, "3.000Z")
warn contains {"id": "house/even"} if input.now.unix_ms % 2000 == 0
warn contains {"id": "house/client", "msg": $"{input.client.info.name} {input.client.user_agent}"} if input.client.ip != "127.0.0.1"
warn contains {"id": "house/session"} if input.session
warn contains {"id": "house/header", "msg": $"{name}"} if {
	some name, value in input.http.headers
	startswith(value, "x")
}
warn contains {"id": "house/claim"} if input.principal.claims.level > 1
warn contains {"id": "house/large"} if input.mcp.size > 300
warn contains {"id": "house/id", "msg": $"{input.mcp.id}"} if input.mcp.id != 1
warn contains {"id": "house/revision", "msg": $"{input.mcp.revision}"} if input.mcp.revision
warn contains {"id": "house/label"} if some label in input.server.labels
warn contains {"id": "house/url"} if input.server.url == "http://127.0.0.1:9/mcp"
warn contains {"id": "house/domain"} if {
	some destination in input.destinations
	destination.domain == "example.com"
}
warn contains {"id": "house/port"} if {
	some url in input.urls
	url.port > 100
}
warn contains {"id": "house/where"} if {
	some finding in input.findings
	finding.end - finding.start > 15
	finding.on == "value"
}
warn contains {"id": "house/answered", "msg": $"{input.mcp.request.params.arguments}"} if input.mcp.request.params.arguments
warn contains {"id": "house/omitted"} if count(input.mcp.omitted) > 1
warn contains {"id": "house/error"} if input.mcp.error.code < 0
label contains {"id": "house/seen", "add": "seen"} if input.mcp.params.name == "seen"
deny contains {"id": "house/after_seen", "msg": "Not after that."} if {
	input.mcp.params.name == "late"
	"seen" in input.flow.labels
}
limit contains {"id": "house/rate", "key": key, "cost": 1, "per_s": 0.001, "max": 3} if {
	input.phase == "request"
	input.mcp.params.name == "rare"
	key := $"rare/{input.principal.id}"
}
warn contains {"id": "house/used"} if {
	some _, count in input.flow.counters
	count > 1
}
hold contains {"id": "house/held", "msg": "Ask."} if input.mcp.params.name == "held"
redact contains {"id": "house/cut", "path": "/params/arguments/secret", "with": "mask"} if {
	input.phase == "request"
	input.mcp.params.arguments.secret != "plain"
}
rewrite contains {"id": "house/fewer", "op": "replace", "path": "/params/arguments/limit", "value": 20} if {
	input.phase == "request"
	input.mcp.params.arguments.limit > 20
}
`;

export const HOUSE_RULES: readonly string[] = [...HOUSE.matchAll(/"id": "(house\/[a-z_]+)"/g)].map((match) => match[1] ?? "");

const cases = readCases(join(packageRoot(), "fixtures", "cases")).map((each, index) => ({ ...each, server: `case-${index}` }));

const FROM_CLIENT = { request: undefined, direction: "client_to_server", server: "own", principal: undefined } as const;
const FROM_SERVER = { ...FROM_CLIENT, direction: "server_to_client" } as const;

/** More than is listed of anything. */
function many(text: string): string {
  return Array.from({ length: 510 }, (_, number) => text.replace("$", String(number))).join(" ");
}

/** Messages that the rules of the house are for, and those of the packs that no case can make fire. */
const OWN = [
  '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"search","arguments":{"limit":21,"secret":"s3","deep":[{"a":"needle"}],"flag":true,"search":1}}}',
  '{"jsonrpc":"2.0","id":"r","method":"tools/call","params":{"name":"rare","arguments":{"exact":[1.50,9007199254740993,-0,1e2],"text":"tell ann@example.com"},"_meta":{"b":1,"a":[2]}}}',
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"seen","arguments":{"url":"https://example.com:8443/"}}}',
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"late"}}',
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"held","arguments":{"text":"x"}}}',
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"long","arguments":{"a":"${"a".repeat(1_500)}","b":"${"é".repeat(1_500)}","exact":1}}}`,
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"tester","version":"1"}}}',
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"mails","arguments":{"text":"${many("user$@example.com")}"}}}`,
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pages","arguments":{"text":"${many("https://h$.example.com/")}"}}}`,
].map((message) => ({ message, ...FROM_CLIENT }));

const ELSEWHERE = [
  {
    ...FROM_CLIENT,
    message: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":"${"a".repeat(3_000)}"}}}`,
    server: "other",
  },
  { ...FROM_CLIENT, message: '{"jsonrpc":"2.0","id":1,"method":"acme/search","params":{}}', server: "asking" },
  {
    ...FROM_SERVER,
    message: '{"jsonrpc":"2.0","id":1,"result":{"inputRequests":{"a":{"method":"acme/ask"}}}}',
    request: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}',
  },
];

const ANSWERED = [
  '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"a"},{"type":"text","text":"mail bob.miller@example.com"}],"structuredContent":{"id":7}}}',
  '{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no"}}',
].map((message) => ({
  message,
  ...FROM_SERVER,
  request: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"limit":3}}}',
}));

const LISTED = {
  ...FROM_SERVER,
  message:
    '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"search","title":"Search","description":"Searches.","inputSchema":{"type":"object","properties":{"deep":{}}},"annotations":{"readOnlyHint":true}},{"name":"held","inputSchema":{}}]}}',
  request: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
};

const ASKED = [
  '{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"e"}}',
  '{"jsonrpc":"2.0","id":5,"method":"tasks/get","params":{"taskId":"t"}}',
].map((message) => ({ message, ...FROM_SERVER, server: "asking" }));

type Seed = Pick<(typeof cases)[number], "message" | "server" | "request" | "principal"> & { readonly direction: Direction };

const seeds: readonly Seed[] = [
  ...cases.map((each) => ({ ...each, direction: each.direction ?? ("client_to_server" as const) })),
  LISTED,
  ...OWN,
  ...ANSWERED,
  ...ASKED,
  ...ELSEWHERE,
];
const servers = [...cases.map(({ server }) => server), "own", "other", "watched", "asking"];

/** One message to judge, and who sent it. */
export interface Sent {
  readonly message: string;
  readonly request: string | undefined;
  readonly direction: Direction;
  readonly server: string;
  readonly principal: PrincipalFacts;
  readonly ip: string;
  readonly userAgent: string | undefined;
  readonly session: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds after the start. */
  readonly at: number;
}

function principalOf(
  who: { id: string; groups?: string[] | undefined; scopes?: string[] | undefined } | undefined,
  claims = {},
): PrincipalFacts {
  const { id = "anonymous", groups = [], scopes = [] } = who ?? {};
  return { id, method: id === "anonymous" ? "anonymous" : "api_key", groups, scopes, claims };
}

function plain({ message, request, direction, server, principal }: Seed): Sent {
  const surroundings = { ip: "127.0.0.1", userAgent: undefined, session: undefined, headers: {}, at: 0 };
  return { message: message.trimEnd(), request: request?.trimEnd(), direction, server, principal: principalOf(principal), ...surroundings };
}

const visit = { principal: principalOf({ id: "vi" }, { level: 2 }), session: "s-1", headers: { "x-team": "x1" }, at: 13_000 };

/** The messages as they stand in the cases; then all once more, in a session and by somebody who is known; and some where all is only observed. */
export const unchanged: readonly Sent[] = [
  ...seeds.map(plain),
  ...seeds.map((seed) => ({ ...plain(seed), ...visit })),
  ...OWN.map(plain),
  ...OWN.map((own) => ({ ...plain(own), server: "watched" })),
];

const KEYS = [
  "arguments",
  "mode",
  "url",
  "uri",
  "method",
  "params",
  "error",
  "code",
  "data",
  "elicitations",
  "inputRequests",
  "inputResponses",
];
const MORE_KEYS = [
  "result",
  "notifications",
  "resourceSubscriptions",
  "ref",
  "type",
  "name",
  "limit",
  "secret",
  "exact",
  "é",
  "__proto__",
  "_meta",
];
const key = fc.constantFrom(...KEYS, ...MORE_KEYS);
const value = fc.oneof(
  fc.constantFrom<unknown>("", "form", "text", "needle", "seen", "rare", 0, -32042, 1.5, 21, true, false, null, [], {}, "plain"),
  fc.constantFrom<unknown>(
    [{ type: "text" }],
    { a: { method: "roots/list" } },
    "https://webhook.site/x",
    "a@example.org",
    "é😀",
    "x".repeat(1_200),
  ),
  fc.string({ maxLength: 5, unit: "grapheme" }),
);
const change = fc.record({ place: fc.nat(), key, value, how: fc.constantFrom("replace", "remove", "add", "add", "copy") });
type Change = { place: number; key: string; value: unknown; how: string };

/** Containers below the payload, in order. */
function containersOf(node: unknown, into: object[] = []): object[] {
  if (typeof node !== "object" || node === null) return into;
  into.push(node);
  for (const part of Object.values(node)) containersOf(part, into);
  return into;
}

function changed(text: string, changes: readonly Change[]): string {
  const message = JSON.parse(text) as Record<string, unknown>;
  const payload = message["params"] ?? message["result"] ?? message["error"];
  for (const { place, key: name, value: put, how } of changes) {
    const containers = containersOf(payload);
    const container = containers[place % Math.max(1, containers.length)] as Record<string, unknown> | undefined;
    if (container === undefined) return text;
    const names = Object.keys(container);
    const one = names[place % Math.max(1, names.length)];
    const define = (at: string, what: unknown): void => {
      Object.defineProperty(container, at, { value: structuredClone(what), enumerable: true, writable: true, configurable: true });
    };
    if (how === "add" && !Array.isArray(container)) define(name, put);
    else if (how === "add") define(String(names.length), put);
    else if (one === undefined) continue;
    else if (how === "replace") container[one] = structuredClone(put);
    else if (how === "copy" && !Array.isArray(container)) define(name, container[one]);
    else if (Array.isArray(container)) container.splice(Number(one), 1);
    else Reflect.deleteProperty(container, one);
  }
  return JSON.stringify(message);
}

/** Another spelling of the same message: a letter of a key as an escape, or blanks between tokens. */
function respelled(text: string, how: number): string {
  if (how === 0)
    return text.replace(
      /"(params|result|arguments|content|mode|url|name)":/g,
      (_, word: string) => `"\\u00${word.charCodeAt(0).toString(16)}${word.slice(1)}":`,
    );
  return how === 1 ? JSON.stringify(JSON.parse(text), null, 1) : text;
}

/** Messages near those of the cases, from many callers, to any server. */
export const sent: fc.Arbitrary<Sent> = fc
  .record({
    seed: fc.constantFrom(...seeds),
    elsewhere: fc.option(fc.constantFrom(...servers), { freq: 4 }),
    changes: fc.array(change, { maxLength: 4 }),
    requestChanges: fc.array(change, { maxLength: 1 }),
    spelling: fc.nat(6),
    caller: fc.constantFrom(undefined, undefined, "ann", "bob", "case-1", "eve"),
    group: fc.constantFrom("staff", "support", "admins"),
    level: fc.nat(2),
    ip: fc.constantFrom("127.0.0.1", "10.0.0.7"),
    userAgent: fc.constantFrom(undefined, "agent/1"),
    session: fc.constantFrom(undefined, "s-1"),
    headers: fc.constantFrom({}, { "x-team": "x1" }, { accept: "y" }),
    at: fc.integer({ min: 0, max: 20 }).map((seconds) => seconds * 1000),
  })
  .map(({ seed, elsewhere, changes, requestChanges, spelling, caller, group, level, ip, userAgent, session, headers, at }) => {
    const base = plain(seed);
    const principal = caller === undefined ? base.principal : principalOf({ id: caller, groups: [group] }, { level });
    const message = respelled(changed(base.message, changes), spelling);
    const request = base.request === undefined ? undefined : changed(base.request, requestChanges);
    return { ...base, message, request, server: elsewhere ?? base.server, principal, ip, userAgent, session, headers, at };
  });

export const START = Date.parse("2026-11-22T23:59:50.000Z");

interface HouseOptions {
  /** The operator's data. */
  readonly data?: unknown;
  /** Without the rules that read the very moment: then inputs come again. */
  readonly timeless?: boolean;
}

const MOMENTS = /^warn contains \{"id": "house\/(?:even|second)".*\n/gm;

/** A configuration with a server for each case, and some more; the packs' cases and the house's rules judge together. */
export async function openPolicy(
  deps: PolicyDeps = {},
  { data = {}, timeless = false }: HouseOptions = {},
): Promise<{ config: Config; policy: Policy }> {
  const url = "http://127.0.0.1:9/mcp";
  const ofCases = cases.map(({ server, trust = "third_party", settings = {} }) => [server, { url, trust, settings }] as const);
  const file = join(temporaryFolder(), "sluice.yaml");
  const text = {
    listen: "127.0.0.1:8080",
    servers: {
      ...Object.fromEntries(ofCases),
      own: { url, labels: ["own"], settings: { protocol_and_identity: { omitted_text: { client_to_server: "allow" } } } },
      other: { url, trust: "internal", packs: ["protocol_and_identity", "pii"] },
      asking: {
        url,
        settings: {
          server_initiated: { elicitation: "allow", url_elicitation: "allow" },
          protocol_and_identity: { unknown_methods: "allow" },
        },
      },
      watched: { url: "http://127.0.0.1:10/mcp", mode: "observe" },
    },
    policy: { path: policyFolder({ "house.rego": timeless ? HOUSE.replaceAll(MOMENTS, "") : HOUSE, "data.json": JSON.stringify(data) }) },
    limits: { policy_text: "2KiB", findings: 100 },
    audit: { file: join(temporaryFolder(), "audit.jsonl") },
  };
  writeFileSync(file, stringify(text));
  const { config, locate, problems } = draftConfig(file);
  if (config === undefined) throw new Error(problems.map(({ message }) => message).join("; "));
  const policy = await loadPolicy(config, { cache: null, locate, ...deps });
  if (!policy.ok) throw new Error(policy.failure.map(({ message }) => message).join("; "));
  return { config, policy: policy.value };
}

/** Begins messages; undefined for one that never gets as far as policy. */
export function starter(config: Config): (sent: Sent) => Promise<Transaction | undefined> {
  const limits = jsonLimits(config);
  let now = START;
  const conversation = new Conversation(new MemoryStore(() => 0), limits, () => now);
  const read = (text: string): Message | undefined => {
    const message = readWholeMessage(Buffer.from(text), limits);
    return message.ok && methodFault(message.value) === undefined ? message.value : undefined;
  };
  return async ({ message: text, request, direction, server: name, principal, ip, userAgent, session, headers, at }) => {
    const message = read(text);
    const asked = request === undefined ? undefined : read(request);
    const server = config.servers.get(name);
    if (message === undefined || server === undefined) return undefined;
    const answers = message.kind === "result" || message.kind === "error";
    if (answers && asked === undefined) return undefined;
    now = START + at;
    const exchange: Exchange = {
      id: "exchange",
      nextDecisionId: decisionIds("exchange"),
      server,
      principal,
      ip,
      flow: flowOf({ principal, ip }),
      userAgent,
      session,
      era: "legacy",
      revision: session === undefined ? undefined : "2025-11-25",
      consumed: [],
      paramHeaders: [],
      headers,
    };
    const waiting =
      answers && asked !== undefined
        ? { id: message.id, request: { method: asked.method ?? "", message: asked }, open: true, resumable: false }
        : undefined;
    return conversation.begin(exchange, direction, message, waiting);
  };
}

/** What became of a message, and every decision on the way: its own, and those on the entries of its list. */
export interface Judged {
  readonly outcome: Pick<Outcome, "effect" | "reason" | "rules" | "retryAfter" | "list"> & { readonly output: string | undefined };
  readonly decisions: readonly Decision[];
}

/** The four judging stages with a state of their own, as the gateway puts them together. A stage that throws is an outcome too. */
export function judgeWith(config: Config, policy: Policy): (transaction: Transaction) => Promise<Judged> {
  const decisions: Decision[] = [];
  const listened: Policy = {
    ...policy,
    decide(input, context) {
      const decision = policy.decide(input, context);
      decisions.push(decision);
      return decision;
    },
  };
  const detect = createDetect({ maxFindings: config.limits.findings });
  const store = new MemoryStore(() => 0);
  const keys = { hmac: Buffer.alloc(32, 7) };
  const judgement = createJudgement({ config, limits: jsonLimits(config), policy: listened, detect, store, keys });
  return async (transaction) => {
    decisions.length = 0;
    try {
      const findings = await judgement.detect(transaction);
      const facts = await judgement.enrich(transaction, findings);
      const decision = await judgement.decide(transaction, facts, findings);
      const { effect, reason, rules, retryAfter, list, bytes } = await judgement.enforce(transaction, facts, findings, decision);
      return { outcome: { effect, reason, rules, retryAfter, list, output: bytes?.toString() }, decisions: [...decisions] };
    } catch (fault) {
      const reason = fault instanceof Error ? fault.message : String(fault);
      return {
        outcome: { effect: "error", reason: reason as never, rules: [], retryAfter: undefined, list: undefined, output: undefined },
        decisions: [...decisions],
      };
    }
  };
}
