/** Inputs for the shipped packs: made of what their rules, and the settings here, name. */
import * as fc from "fast-check";
import { packNames, readJson } from "../../packs/rules.ts";

type Settings = Record<string, Record<string, unknown>>;

const defaults = Object.fromEntries(packNames.map((pack) => [pack, readJson(pack, "settings.json")])) as Settings;
const changed = (changes: Settings): Settings =>
  Object.fromEntries(packNames.map((pack) => [pack, { ...defaults[pack], ...changes[pack] }]));

/** Settings by server name; `unknown` has none. */
export const SERVER_SETTINGS: Readonly<Record<string, Settings>> = {
  plain: defaults,
  strict: changed({
    egress: {
      mode: "allow_listed",
      allowed_hosts: ["ok.test", "10.0.0.1"],
      blocked_hosts: ["*.bad.test"],
      categories: { third_party: { pii: "redact", secret: "deny" }, internal: { pii: "redact", secret: "redact" } },
    },
    pii: { min_score: { other: 0.5 }, redact_with: { other: "mask", email: "hash" } },
    secrets: { exempt_kinds: ["stripe_key"], exempt_tools: ["read"], redact_with: "drop" },
    protocol_and_identity: {
      access: [
        { groups: ["staff"], tools: ["read", "a*"], prompts: ["greet"], resources: ["file:///docs/*"] },
        { principals: ["root"], scopes: ["mcp"], tools: ["*"], prompts: ["*"], resources: ["*"] },
      ],
      deny_tools: ["drop*"],
      deny_prompts: ["evil"],
      deny_resources: ["file:///etc/*"],
      methods_allow: ["custom/do"],
      unknown_methods: "allow",
    },
  }),
  open: changed({
    server_initiated: { sampling: "allow", elicitation: "allow", url_elicitation: "allow", roots: "allow" },
    protocol_and_identity: {
      access: [{ principals: ["*"], tools: ["*"], prompts: ["*"], resources: ["*"] }],
      unknown_methods: "allow",
      methods_allow: ["custom/do", "tools/call"],
      deny_resources: ["http://h.test/x"],
    },
  }),
};

const one = <T>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const maybe = (shape: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> => fc.record(shape, { requiredKeys: [] });
/** Mostly `usual`, sometimes of another type. */
const mostly = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 14, arbitrary: usual },
    fc.constantFrom<unknown>(null, false, true, 0, 7, "", "odd", [], {}, ["odd"], { odd: 1 }, [["odd"]]),
  );

const uri = mostly(one("file:///docs/a", "file:///etc/passwd", "http://h.test/x", "https://h.test/%2e", "file:///{a}", "urn:x", ""));
const name = mostly(one("read", "drop_all", "another", "greet", "evil", "odd\u200bname", ""));
const method = mostly(
  one(
    "tools/call",
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "completion/complete",
    "subscriptions/listen",
    "initialize",
    "ping",
    "tools/list",
    "prompts/list",
    "tasks/get",
    "custom/do",
    "custom/other",
    "sampling/createMessage",
    "roots/list",
    "elicitation/create",
    "notifications/progress",
    "notifications/initialized",
    "notifications/resources/updated",
    "notifications/elicitation/complete",
  ),
);
const mode = mostly(one("form", "url"));
const link = mostly(one("", "https://h.test/x"));
const question = mostly(
  maybe({
    method: mostly(one("sampling/createMessage", "roots/list", "elicitation/create", "odd")),
    params: mostly(maybe({ mode, url: link })),
  }),
);
const questions = mostly(fc.dictionary(one("a", "b"), question, { maxKeys: 2, noNullPrototype: true }));
const error = mostly(
  maybe({ code: mostly(one(-32042, -32000)), message: one("m"), data: mostly(maybe({ elicitations: mostly(one([], [{ url: "x" }])) })) }),
);
const entries = (part: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => mostly(fc.array(mostly(part), { maxLength: 2 }));

/** Members that only some messages have: present now and then. */
const rarely = (shape: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> =>
  fc.subarray(Object.entries(shape), { maxLength: 3 }).chain((chosen) => fc.record(Object.fromEntries(chosen)));

const ref = mostly(maybe({ type: one("ref/prompt", "ref/resource"), name, uri }));
const params = mostly(
  rarely({
    uri,
    mode,
    url: link,
    name,
    arguments: one({ text: "secret" }, {}),
    ref,
    notifications: mostly(maybe({ resourceSubscriptions: entries(uri) })),
    inputRequests: questions,
    inputResponses: mostly(one<unknown>({}, { a: 1 }, [], ["x"])),
    result: mostly(maybe({ inputRequests: questions })),
    error,
  }),
);
const result = mostly(
  rarely({
    content: entries(maybe({ type: one("text"), text: one("hello"), resource: mostly(maybe({ uri, text: one("t") })) })),
    contents: entries(maybe({ uri, text: one("t") })),
    messages: entries(maybe({ role: one("user"), content: mostly(maybe({ resource: mostly(maybe({ uri })) })) })),
    inputRequests: questions,
    result: mostly(maybe({ inputRequests: questions })),
    error,
  }),
);

const finding = mostly(
  fc.record({
    n: fc.nat(3),
    kind: mostly(one("email", "card", "jwt", "iban", "phone", "stripe_key", "aws_access_key", "ipv4")),
    category: mostly(one("pii", "secret")),
    path: mostly(one("/params/arguments/a", "/params/cursor", "/result/nextCursor", "/result/tools/0/description", "/id")),
    on: one("value", "key"),
    start: fc.nat(9),
    end: fc.nat(9),
    score: mostly(one(0.2, 0.9)),
  }),
);
const url = mostly(
  fc.record({
    path: mostly(
      one(
        "/params/arguments/a",
        "/params/uri",
        "/params/clientInfo/x",
        "/params/_meta/io.modelcontextprotocol~1clientInfo/x",
        "/params/notifications/resourceSubscriptions/0",
      ),
    ),
    scheme: mostly(one("https", "note", "git+ssh", "")),
    host: mostly(one("ok.test", "x.bad.test", "webhook.site", "10.0.0.1", "169.254.169.254", "[::1]", "example.com.", "name", "localhost")),
  }),
);

const message = mostly(
  maybe({
    method,
    kind: one("request"),
    id: fc.nat(9),
    size: fc.nat(999),
    params,
    result,
    error,
    omitted: entries(one("/params/arguments/a", "/request/params/x")),
    request: mostly(maybe({ method, params: mostly(maybe({ mode, url: link })) })),
  }),
);
const usual: fc.Arbitrary<object> = fc.record(
  {
    phase: mostly(one("request", "request", "notification", "response", "list_item", "probe")),
    direction: mostly(one("client_to_server", "server_to_client")),
    nonce: one("n"),
    server: mostly(
      maybe({
        name: mostly(one("plain", "strict", "strict", "open", "unknown")),
        trust: mostly(one("third_party", "internal", "partner")),
      }),
    ),
    principal: mostly(maybe({ id: mostly(one("root", "someone")), groups: entries(one("staff", "x")), scopes: entries(one("mcp", "x")) })),
    mcp: message,
    target: mostly(maybe({ kind: mostly(one("tool", "prompt", "resource", "template")), name, uri })),
    findings: mostly(fc.array(finding, { maxLength: 2 })),
    findings_capped: mostly(fc.constant(true)),
    urls: mostly(fc.array(url, { maxLength: 2 })),
    urls_capped: mostly(fc.constant(true)),
    flow: one({ labels: ["x"], counters: {} }),
  },
  { requiredKeys: ["nonce", "phase", "direction", "server", "mcp"] },
);

/** What the usual messages rarely come to: members that only matter with the right method, phase and caller. */
const chosen = fc
  .tuple(
    usual,
    fc.oneof(
      fc.record({ direction: one("client_to_server"), method: one("completion/complete"), params: fc.record({ ref }) }),
      fc.record({ direction: one("server_to_client"), method: one("elicitation/create"), params: maybe({ mode, url: link }) }),
    ),
  )
  .map(([message, { direction, ...mcp }]) => ({
    ...message,
    phase: "request",
    direction,
    server: { name: "strict", trust: "third_party" },
    principal: { id: "someone", groups: ["staff"] },
    mcp,
  }));

export const messages: fc.Arbitrary<object> = fc.oneof({ weight: 12, arbitrary: usual }, { weight: 1, arbitrary: chosen });
