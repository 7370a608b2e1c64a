/**
 * Every key of the configuration file, once: its type, its default and its documentation. Validation, the JSON schema for editors and
 * the table in docs/configuration.md all come from here.
 * Must not look at more than one value at a time: what depends on two keys, on files or on the environment is in checks.ts.
 */
import { z } from "zod";
import { count, duration, listenAddress, moment, seconds, size } from "./grammar.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const MINUTE = 60_000;

/** One segment of a URL path, and one label in metrics. */
export const SERVER_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/u;
/** Paths that Sluice answers itself. */
export const RESERVED_SERVER_NAMES: ReadonlySet<string> = new Set(["healthz", "readyz", "metrics"]);

const name = (what: string) =>
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@:/-]{0,127}$/u, {
    error: `${what} starts with a letter or digit and holds only letters, digits and . _ @ : / -`,
  });

const names = (what: string) => z.array(name(what)).default([]);

const file = z.string().min(1, { error: "expected the path of a file" });

const secretRef = z.union([z.strictObject({ file }), z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/u) })]);

const header = z.union([z.string(), secretRef], {
  error: "expected text, {env: NAME} for an environment variable or {file: PATH} for a file that holds the secret",
});

const mode = z.enum(["enforce", "observe"]);
const packs = z.array(z.string());
const settings = z.record(z.string(), z.unknown());

export const apiKeySchema = z.strictObject({
  id: name("an id").describe("Name of the key's holder: `input.principal.id` in policies, and in the audit record."),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/u, { error: "expected 64 hexadecimal digits: the SHA-256 of the key, as `sluice key new` prints it" })
    .toLowerCase()
    .describe("SHA-256 of the key in hexadecimal. `sluice key new` makes a key and this line."),
  groups: names("a group").describe("`input.principal.groups` in policies."),
  scopes: names("a scope").describe("`input.principal.scopes` in policies."),
  expires: moment.optional().describe("Date (midnight UTC) or date and time from which the key is refused. Absent: never."),
});

const authn = z.strictObject({
  anonymous: z.literal(true).optional().describe("Ask for no credentials. Only on a loopback `listen`."),
  api_keys: z
    .array(apiKeySchema)
    .min(1, { error: "lists no key" })
    .optional()
    .describe("Keys that clients send as `Authorization: Bearer KEY` or `X-API-Key: KEY`."),
});

const server = z.strictObject({
  url: z.string().describe("The MCP endpoint. https, unless it is on this machine. Without user, password or fragment."),
  trust: z
    .enum(["internal", "partner", "third_party"])
    .default("third_party")
    .describe("How far policies trust the server: `input.server.trust`."),
  labels: names("a label").describe("Free labels: `input.server.labels` in policies."),
  disabled: z.boolean().default(false).describe("Answer 503 instead of forwarding. Its files and variables are not checked."),
  mode: mode
    .optional()
    .describe("`observe` records what policies would do to this server's messages, and lets them pass. Absent: `policy.mode`."),
  packs: packs.optional().describe("Shipped packs that apply to this server, out of `policy.packs`. Absent: all of those. `[]`: none."),
  settings: settings.default({}).describe("Settings of packs for this server, by pack; merged over `policy.settings`."),
  headers: z
    .record(z.string(), header)
    .default({})
    .describe(
      "Headers added on the way to the server. A secret is `{env: NAME}` or `{file: PATH}`; in `Authorization`, one without a scheme is sent as `Bearer`.",
    ),
  authorization: z
    .enum(["strip", "passthrough"])
    .default("strip")
    .describe("What becomes of the client's own `Authorization`. An API key of Sluice is never passed on."),
  allow_plain_http: z
    .boolean()
    .default(false)
    .describe("Accept an http URL on another machine: everybody on the way can read and change the messages."),
  ca: file.optional().describe("PEM file with the certificates of a private CA for this server."),
});

const policy = z.strictObject({
  path: file
    .optional()
    .describe("Folder of your Rego and data, or a bundle made by `sluice build` (`.tar.gz`). Absent: the shipped packs alone."),
  packs: packs.optional().describe("Shipped packs to load. Absent: all. `[]`: none."),
  mode: mode.default("enforce").describe("`observe` records what policies would do and lets everything pass that can be judged."),
  settings: settings.default({}).describe("Settings of packs, by pack; merged over their defaults."),
});

const limits = z.strictObject({
  body: size("4MiB", KIB, 256 * MIB).describe("One message: a request body, or a JSON answer."),
  event: size("4MiB", KIB, 256 * MIB).describe("One server-sent event."),
  depth: count(64, 4, 1000).describe("Nesting of a message."),
  nodes: count(200_000, 100, 10_000_000).describe("Values and keys in a message."),
  string: size("2MiB", KIB, 256 * MIB).describe("One string in a message."),
  findings: count(1000, 1, 100_000).describe(
    "Findings of one message that are kept; policies see `input.findings_capped` when there were more.",
  ),
  policy_text: size("1MiB", KIB, 64 * MIB).describe(
    "A larger message enters the policy input without its long strings. A client's message that loses strings is then denied unless the setting protocol_and_identity.omitted_text allows it.",
  ),
  policy_memory: size("64MiB", 16 * MIB, 4096 * MIB).describe("Memory of one policy engine."),
  upstream_ms: duration("60s", 100, 60 * MINUTE).describe(
    "Time for the first byte of a server's answer, and between two bytes of one that is read as a whole (JSON).",
  ),
  body_ms: duration("30s", 100, 60 * MINUTE).describe(
    "Time for a whole request body, and for a client to take an answer, or on a stream an event, that is there.",
  ),
  idle_ms: duration("0ms", 0, 24 * 60 * MINUTE).describe("Time between two bytes of a stream; 0: no limit."),
  connect_ms: duration("10s", 100, 2 * MINUTE).describe("Time to connect to a server, and to wait for a free connection to it."),
  stall_ms: duration("1500ms", 200, 10 * MINUTE).describe(
    "How long a worker may stand still before it is ended and replaced. Nothing of the message that it stood at is forwarded.",
  ),
  quarantine_s: seconds("5m", 1, 24 * 3600).describe("How long a caller is refused whose messages ended a worker twice."),
  drain_s: seconds("10s", 0, 3600).describe("How long calls under way may take when Sluice is told to stop."),
  connections: count(256, 1, 65_536).describe("Calls that may be under way with one server; of streams, four times as many."),
  in_flight: count(2000, 1, 1_000_000).describe(
    "Calls under way at a time with all servers together, open streams apart. More are answered 503 before their body is read.",
  ),
  buffered: size("128MiB", KIB, 64 * 1024 * MIB).describe(
    "Bytes of messages held at a time, both directions together. New calls are answered 503 when it is reached; those under way may go twice as far. The process needs several times as much.",
  ),
  lag_ms: duration("1s", 10, MINUTE).describe("New calls are answered 503 while the event loop is late by so much all the time."),
});

export const configSchema = z.strictObject({
  listen: listenAddress.prefault("127.0.0.1:8080").describe('Address and port for clients: `host:port` or `"[::1]:8080"` (quoted).'),
  tls: z
    .strictObject({
      cert: file.describe("PEM file with the certificate and its chain."),
      key: file.describe("PEM file with the private key."),
    })
    .optional()
    .describe("Serve https."),
  allowed_origins: z
    .array(z.string())
    .default([])
    .describe("Origins whose browser pages may call, such as `https://console.example.com`. Requests without `Origin` are not affected."),
  allowed_hosts: z.array(z.string()).default([]).describe("Values of `Host` accepted besides the listen address: a name, or `name:port`."),
  time_zone: z.string().default("UTC").describe("Zone of `input.now.hour` and `input.now.weekday`, such as `Europe/Berlin`."),
  authn: authn.prefault({ anonymous: true }).describe("Who may call: exactly one of the two keys."),
  servers: z
    .record(z.string(), server)
    .meta({ propertyNames: { pattern: SERVER_NAME.source, not: { enum: [...RESERVED_SERVER_NAMES] } }, minProperties: 1 })
    .describe("The MCP servers, by name. Clients connect to `http://LISTEN/NAME/mcp`."),
  policy: policy.prefault({}).describe("Your policies and the shipped packs."),
  audit: z
    .strictObject({
      file: file
        .default("./sluice-audit.jsonl")
        .describe("JSON lines, one record per message, created with mode 0600; reopened on SIGHUP."),
      on_error: z.enum(["deny", "allow"]).default("deny").describe("What becomes of a message whose record cannot be written."),
    })
    .prefault({})
    .describe("The audit log."),
  limits: limits.prefault({}).describe("Bounds. Sizes in bytes or as `4MiB`, times in milliseconds (`_s`: seconds) or as `30s`."),
  log: z
    .strictObject({
      level: z.enum(["trace", "debug", "info", "warn", "error", "silent"]).default("info").describe("What goes to standard error."),
    })
    .prefault({})
    .describe("The program's own log. Never holds message text."),
});

/** The file's content after defaults and units, before paths and cross-checks. */
export type Written = z.output<typeof configSchema>;
export type WrittenServer = Written["servers"][string];
