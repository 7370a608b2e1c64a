/** The writer of policy inputs against the plainest way to cut a value down, and against the bytes of the message. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Finding } from "../../src/detect/detector.ts";
import type { Facts } from "../../src/enrich/enrich.ts";
import { createMoment } from "../../src/enrich/moment.ts";
import { compileInput, type InputOptions, type ListItem } from "../../src/enrich/policy-input.ts";
import { readJson } from "../../src/mcp/json.ts";
import { readWholeMessage } from "../../src/mcp/read-message.ts";
import type { InputText } from "../../src/policy/input-text.ts";
import { type Reads, union, WHOLE } from "../../src/policy/reads/reads.ts";
import { decisionIds, type Exchange, type Transaction } from "../../src/transaction.ts";
import { prune } from "../policy/reads/prune.ts";
import { render, spelledJson } from "../properties/spelled-json.ts";

const LIMITS = { bytes: 1 << 20, depth: 64, nodes: 10_000, string: 1 << 20 };
const DEFINITION = '{"name":"t","description":"A tool é.","annotations":{"readOnlyHint":true,"n":1.50},"inputSchema":{"type":"object"}}';
const SERVER = {
  name: "demo",
  url: "https://mcp.example.com/mcp",
  trust: "partner",
  labels: ["é"],
  disabled: false,
  mode: "enforce",
  packs: undefined,
  settings: {},
  headers: { authorization: "never in an input" },
  authorization: "strip",
  ca: undefined,
} as const;
const options: InputOptions = { policyText: 4_096, moment: createMoment("UTC"), server: SERVER };

const exchange: Exchange = {
  id: "x",
  nextDecisionId: decisionIds("x"),
  server: SERVER,
  principal: { id: "ann \ud83d\ude00", method: "api_key", scopes: ["s"], groups: [], claims: { level: 2, of: [{ a: null }] } },
  ip: "127.0.0.1",
  flow: "ann",
  userAgent: 'agent "1"',
  session: "s-1",
  era: "legacy",
  revision: "2025-11-25",
  consumed: [],
  paramHeaders: [],
  headers: { "x-team": "x" },
};
const facts: Facts = {
  phase: "request",
  method: "tools/call",
  target: { kind: "tool", name: "t" },
  definition: DEFINITION,
  urls: [{ path: "/params/arguments/u", scheme: "https", host: "example.com", port: 8443, domain: "example.com" }],
  urlsCapped: true,
  destinations: [{ kind: "email", path: "/params/arguments/m", domain: "example.com" }],
  destinationsCapped: false,
  labels: ["seen"],
  counters: { "rare/ann": 2 },
};
const finding: Finding = {
  n: 0,
  kind: "email",
  category: "pii",
  path: "/params/arguments/m",
  on: "value",
  start: 0,
  end: 15,
  score: 0.9,
  domain: "example.com",
  node: 3,
  rawStart: 1,
  rawEnd: 16,
};

function transactionOf(text: string, request?: string): Transaction {
  const read = (body: string) => {
    const message = readWholeMessage(Buffer.from(body), LIMITS);
    // A key that is only nearly one of the protocol's: such a message never gets here.
    if (!message.ok) fc.pre(!message.failure.detail?.startsWith("look-alike"));
    if (!message.ok) throw new Error(message.failure.detail ?? message.failure.code);
    return message.value;
  };
  const answers = request === undefined ? undefined : { method: "tools/call", message: read(request) };
  return { exchange, decisionId: "d", direction: "client_to_server", message: read(text), answers, now: 1_700_000_000_123 };
}

function write(reads: Reads, transaction: Transaction, known: Facts = facts): string {
  const input = compileInput(reads).message(transaction, known, { list: [finding], capped: true }, options);
  if (!input.ok) throw new Error(input.failure.code);
  return objectText(input.value);
}

/** The engine puts the nonce in front. */
const objectText = (input: InputText): string => `{"nonce":"n"${input.toString()}`;

/** JSON.parse is not to be trusted with keys of one escaped letter (nodejs/node#63785), and these tests make many. */
function parse(text: string): unknown {
  const read = readJson(Buffer.from(text), LIMITS);
  if (!read.ok) throw new Error(read.failure.reason);
  const document = read.value;
  const valueOf = (node: number): unknown => {
    const kind = document.kind(node);
    if (kind === "object") return Object.fromEntries(document.members(node).map(([key, member]) => [document.text(key), valueOf(member)]));
    if (kind === "array") return document.elements(node).map(valueOf);
    return document.value(node);
  };
  return valueOf(0);
}

const call = (args: string, more = ""): string =>
  `{"jsonrpc":"2.0","id":"i\\u0064","method":"tools/call","params":{"name":"t","arguments":${args}${more}}}`;

/** Some of what a value has, chosen by `choose`: also members that are not there, and whole values at any place. */
function someOf(value: unknown, choose: () => number, depth = 0): Reads {
  const chance = choose();
  if (depth > 3 && chance < 0.15) return WHOLE;
  if (depth > 3 && chance < 0.2) return {};
  if (depth > 3 && chance < 0.25) return { each: {}, length: true };
  if (Array.isArray(value)) return value.length === 0 || chance < 0.3 ? {} : { each: someOf(value[0], choose, depth + 1) };
  if (typeof value !== "object" || value === null) return chance < 0.6 ? WHOLE : { members: { absent: WHOLE } };
  const each = chance > 0.8 ? someOf(Object.values(value).at(-1), choose, depth + 1) : undefined;
  const members = Object.fromEntries(
    [...Object.entries(value), ["absent", 1] as const]
      .filter(() => choose() < 0.8)
      .map(([key, part]) => {
        const member = someOf(part, choose, depth + 1);
        return [key, each === undefined ? member : union(member, each)];
      }),
  );
  return { ...(Object.keys(members).length === 0 ? {} : { members }), ...(each === undefined ? {} : { each }) };
}

const args = spelledJson(true).map((tree) => render(tree).text);
const chances = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));

describe("the policy input", () => {
  test("of any message is the whole one cut down to what is read", () => {
    fc.assert(
      fc.property(args, args, fc.boolean(), chances, (first, second, answer, stream) => {
        const transaction = answer
          ? transactionOf(`{"jsonrpc":"2.0","id":1,"result":{"content":${first},"more":${second}}}`, call(second))
          : transactionOf(call(first, `,"_meta":{"io.modelcontextprotocol/clientInfo":${second}}`));
        const whole = parse(write(WHOLE, transaction));
        const reads = union(
          someOf(whole, () => stream.next().value as number),
          { members: { nonce: WHOLE } },
        );
        expect(parse(write(reads, transaction))).toEqual(prune(reads, whole));
      }),
      { numRuns: 300 },
    );
  });

  test("holds a part that is read whole byte for byte", () => {
    const reads: Reads = { members: { mcp: { members: { params: { members: { arguments: { members: { a: WHOLE } } } } } } } };
    fc.assert(
      fc.property(args, args, (read, unread) => {
        const text = write(reads, transactionOf(call(`{"b":${unread},"\\u0061" : ${read}}`)));
        expect(text).toBe(`{"nonce":"n","mcp":{"params":{"arguments":{"a":${read}}}}}`);
      }),
    );
  });

  test("is the same text for messages that differ in what is not read", () => {
    const reads: Reads = {
      members: {
        target: { members: { name: WHOLE } },
        mcp: { members: { params: { members: { arguments: { members: { a: WHOLE } } } } } },
      },
    };
    const one = write(reads, transactionOf(call('{"a":1,"b":"x"}')));
    expect(write(reads, transactionOf(call('{"long":"y","a":1}')))).toBe(one);
    expect(write(reads, transactionOf(call('{"a":1.0}')))).not.toBe(one);
  });

  test("keeps of a long message what is read but for its long strings, and says what was left out whether or not that is read", () => {
    const long = "x".repeat(3_000);
    const transaction = transactionOf(call(`{"a":"${long}","b":["${long}","short"],"c":"é"}`));
    const of = (reads: Reads): unknown => (JSON.parse(write({ members: { mcp: reads } }, transaction)) as { mcp: unknown }).mcp;
    expect(of({ members: { params: { members: { arguments: WHOLE } } } })).toEqual({
      params: { arguments: { a: "", b: ["", "short"], c: "é" } },
    });
    expect(of({ members: { params: { members: { arguments: { members: { a: WHOLE, c: WHOLE } } } } } })).toEqual({
      params: { arguments: { a: "", c: "é" } },
    });
    expect(of({ members: { omitted: WHOLE, size: WHOLE } })).toEqual({
      omitted: ["/params/arguments/a", "/params/arguments/b/0"],
      size: transaction.message.document.bytes.length,
    });
  });

  test("is refused for a message that is too long without its long strings, whatever is read", () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`key${at}`, "value"]));
    const transaction = transactionOf(call(JSON.stringify(many)));
    for (const reads of [WHOLE, {}])
      expect(compileInput(reads).message(transaction, facts, { list: [], capped: false }, options)).toMatchObject({
        ok: false,
        failure: { code: "ERR_TOO_LARGE" },
      });
  });

  test("copies annotations from the definition that was listed, to the last digit", () => {
    const reads: Reads = { members: { tool: { members: { annotations: WHOLE } } } };
    expect(write(reads, transactionOf(call("{}")))).toBe('{"nonce":"n","tool":{"annotations":{"readOnlyHint":true,"n":1.50}}}');
    const { definition: _, ...unseen } = facts;
    expect(write(reads, transactionOf(call("{}")), { ...unseen, definition: undefined })).toBe('{"nonce":"n","tool":{}}');
  });

  test("follows a definition that changes", () => {
    const writer = compileInput({ members: { tool: { members: { definition: WHOLE } } } });
    const transaction = transactionOf(call("{}"));
    for (const definition of [DEFINITION, '{"name":"t"}', DEFINITION, '{"name":"t","description":"changed"}']) {
      const input = writer.message(transaction, { ...facts, definition }, { list: [], capped: false }, options);
      expect(input).toEqual({ ok: true, value: `,"tool":{"definition":${definition}}}` });
    }
  });

  test("of a list entry has paths that start at the entry, and the entry as its definition", () => {
    const list = `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"},${DEFINITION}]}}`;
    const read = readJson(Buffer.from(list), LIMITS);
    if (!read.ok) throw new Error(read.failure.reason);
    const document = read.value;
    const item: ListItem = {
      document,
      node: document.at("/result/tools/1"),
      method: "tools/call",
      target: { kind: "tool", name: "t" },
      findings: [{ ...finding, path: "/result/tools/1/description" }],
      findingsCapped: false,
      urls: [{ path: "/result/tools/1/annotations/u", scheme: "https", host: "example.com" }],
      urlsCapped: false,
    };
    const transaction = transactionOf(list, '{"jsonrpc":"2.0","id":1,"method":"tools/list"}');
    const whole = JSON.parse(objectText(compileInput(WHOLE).item(transaction, facts, item, options))) as Record<string, unknown>;
    const definition: unknown = JSON.parse(DEFINITION);
    expect(whole).toMatchObject({
      phase: "list_item",
      mcp: { method: "tools/call", kind: "item", item: definition, size: Buffer.byteLength(DEFINITION) },
      target: { kind: "tool", name: "t", definition },
      tool: { name: "t", definition, annotations: { readOnlyHint: true, n: 1.5 } },
      findings: [{ n: 0, path: "/description" }],
      urls: [{ path: "/annotations/u" }],
    });
    fc.assert(
      fc.property(chances, (stream) => {
        const reads = union(
          someOf(whole, () => stream.next().value as number),
          { members: { nonce: WHOLE } },
        );
        expect(JSON.parse(objectText(compileInput(reads).item(transaction, facts, item, options)))).toEqual(prune(reads, whole));
      }),
    );
  });

  test("holds nothing but its documented members", () => {
    const whole = JSON.parse(write(WHOLE, transactionOf(call("{}")))) as { findings: object[]; server: object };
    expect(Object.keys(whole.findings[0] ?? {})).toEqual(["n", "kind", "category", "path", "on", "start", "end", "score", "domain"]);
    expect(Object.keys(whole.server)).toEqual(["name", "url", "trust", "labels"]);
  });
});
