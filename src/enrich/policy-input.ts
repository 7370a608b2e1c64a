/**
 * Writes the policy input of one message, or of one entry of a list, as the text that the engine reads: of all that is known only what the policy
 * reads. What stood in the message is copied from its bytes, never re-serialised: policy reads exactly what is forwarded. Must not gather facts.
 */
import type { ServerConfig } from "../config/config.ts";
import type { Finding, Findings } from "../detect/detector.ts";
import { fail, ok, type Result } from "../errors.ts";
import { ABSENT, type JsonDocument, type Node } from "../mcp/json.ts";
import type { MessageTarget } from "../mcp/methods.ts";
import type {
  ClientFacts,
  FindingFacts,
  FlowFacts,
  McpFacts,
  Now,
  Phase,
  PolicyInput,
  ServerFacts,
  Target,
  ToolFacts,
  UrlFacts,
} from "../policy/input.ts";
import { type InputText, InputTextBuilder } from "../policy/input-text.ts";
import type { Reads } from "../policy/reads/reads.ts";
import type { Transaction } from "../transaction.ts";
import { Definitions } from "./definitions.ts";
import type { Facts } from "./enrich.ts";
import { compileFields, copied, fact, type Fields, lastingFact, record, records, type Standing, standing } from "./input-fields.ts";
import { shortened } from "./shortened.ts";

export interface InputOptions {
  /** `limits.policy_text`, in bytes. */
  readonly policyText: number;
  /** A moment, in unix milliseconds, as policy sees it. */
  readonly moment: (unixMs: number) => Now;
  /** The server as the newest configuration has it: the exchange may be older. */
  readonly server: ServerConfig;
}

/** One entry of a list result, judged on its own. */
export interface ListItem {
  /** The message as it will leave, and the entry in it. */
  readonly document: JsonDocument;
  readonly node: Node;
  /** The method that would use the entry, e.g. `tools/call`. */
  readonly method: string;
  readonly target: MessageTarget;
  /** What was found in the entry; paths are the message's. */
  readonly findings: readonly Finding[];
  readonly findingsCapped: boolean;
  readonly urls: readonly UrlFacts[];
  readonly urlsCapped: boolean;
}

export interface InputWriter {
  /** The input of a message. ERR_TOO_LARGE: it cannot be made small enough. */
  message(transaction: Transaction, facts: Facts, findings: Findings, options: InputOptions): Result<InputText>;
  /** The input of an entry of a list. */
  item(transaction: Transaction, facts: Facts, item: ListItem, options: InputOptions): InputText;
}

/** All that an input is written from. */
interface Source {
  readonly transaction: Transaction;
  readonly facts: Facts;
  readonly options: InputOptions;
  readonly phase: Phase;
  readonly method: string | undefined;
  readonly kind: McpFacts["kind"];
  readonly size: number;
  /** JSON text. */
  readonly id: string | undefined;
  readonly params: Standing | undefined;
  readonly result: Standing | undefined;
  readonly error: Standing | undefined;
  readonly item: Standing | undefined;
  /** The request that is answered. */
  readonly request: { readonly method: string; readonly params: Standing | undefined } | undefined;
  readonly omitted: readonly string[];
  readonly target: MessageTarget | undefined;
  readonly definition: () => Standing | undefined;
  /** Paths are the input's. */
  readonly findings: readonly Finding[];
  readonly findingsCapped: boolean;
  readonly urls: readonly UrlFacts[];
  readonly urlsCapped: boolean;
}

const FINDING: Fields<Finding, FindingFacts> = {
  n: fact(({ n }) => n),
  kind: fact(({ kind }) => kind),
  category: fact(({ category }) => category),
  path: fact(({ path }) => path),
  on: fact(({ on }) => on),
  start: fact(({ start }) => start),
  end: fact(({ end }) => end),
  score: fact(({ score }) => score),
  domain: fact(({ domain }) => domain),
  country: fact(({ country }) => country),
  brand: fact(({ brand }) => brand),
};

const NOW: Fields<Source, Now> = {
  unix_ms: fact(({ transaction }) => transaction.now),
  rfc3339: fact(({ transaction, options }) => options.moment(transaction.now).rfc3339),
  weekday: fact(({ transaction, options }) => options.moment(transaction.now).weekday),
  hour: fact(({ transaction, options }) => options.moment(transaction.now).hour),
};

const CLIENT: Fields<Source, ClientFacts> = {
  ip: fact(({ transaction }) => transaction.exchange.ip),
  user_agent: fact(({ transaction }) => transaction.exchange.userAgent),
  info: copied(({ transaction }) => clientInfo(transaction.message.document, transaction.message.payload)),
};

const FLOW: Fields<Source, FlowFacts> = {
  labels: fact(({ facts }) => facts.labels),
  counters: fact(({ facts }) => facts.counters),
};

const MCP: Fields<Source, McpFacts> = {
  revision: fact(({ transaction }) => transaction.exchange.revision),
  method: fact(({ method }) => method),
  kind: fact(({ kind }) => kind),
  size: fact(({ size }) => size),
  id:
    (reads, key) =>
    (out, { id }) => {
      if (id === undefined) return;
      out.key(key);
      out.value(reads.whole || reads.length ? id : id.startsWith('"') ? '""' : id === "null" ? id : "0");
    },
  params: copied(({ params }) => params),
  result: copied(({ result }) => result),
  error: copied(({ error }) => error),
  item: copied(({ item }) => item),
  request: record<Source>(
    { method: fact(({ request }) => request?.method), params: copied(({ request }) => request?.params) },
    ({ request }) => request !== undefined,
  ),
  omitted: fact(({ omitted }) => (omitted.length === 0 ? undefined : omitted)),
};

const TARGET: Fields<Source, Target> = {
  kind: fact(({ target }) => target?.kind),
  name: fact(({ target }) => target?.name),
  uri: fact(({ target }) => target?.uri),
  definition: copied(({ definition }) => definition()),
};

const TOOL: Fields<Source, ToolFacts> = {
  name: fact(({ target }) => target?.name),
  definition: copied(({ definition }) => definition()),
  annotations: copied(({ definition }) => {
    const defined = definition();
    return defined === undefined ? undefined : standing(defined.document, defined.document.member(defined.node, "annotations"));
  }),
};

/** Every member of the input but the nonce, which the engine adds. */
const INPUT: Fields<Source, Omit<PolicyInput, "nonce">> = {
  phase: fact(({ phase }) => phase),
  direction: fact(({ transaction }) => transaction.direction),
  now: record(NOW),
  server: lastingFact(
    ({ options }) => options.server,
    ({ name, url, trust, labels }): ServerFacts => ({ name, url, trust, labels: [...labels] }),
  ),
  principal: lastingFact(
    ({ transaction }) => transaction.exchange.principal,
    (principal) => principal,
  ),
  client: record(CLIENT),
  session: record(
    { id: fact(({ transaction }) => transaction.exchange.session) },
    ({ transaction }) => transaction.exchange.session !== undefined,
  ),
  flow: record(FLOW),
  mcp: record(MCP),
  target: record(TARGET, ({ target }) => target !== undefined),
  tool: record(TOOL, ({ target }) => target?.kind === "tool"),
  findings: records(FINDING, ({ findings }) => findings),
  findings_capped: fact(({ findingsCapped }) => (findingsCapped ? true : undefined)),
  urls: fact(({ urls }) => urls),
  urls_capped: fact(({ urlsCapped }) => (urlsCapped ? true : undefined)),
  destinations: fact(({ facts }) => facts.destinations),
  destinations_capped: fact(({ facts }) => (facts.destinationsCapped ? true : undefined)),
  http: record<Source>({ headers: fact(({ transaction }) => transaction.exchange.headers) }),
};

/** Compiles the writer of the inputs of a policy that reads `reads`. */
export function compileInput(reads: Reads): InputWriter {
  const write = compileFields(reads, INPUT);
  const definitions = new Definitions();
  const text = (source: Source): InputText => {
    const out = new InputTextBuilder();
    write(out, source);
    return out.finish();
  };
  return {
    message(transaction, facts, findings, options) {
      const { message, answers } = transaction;
      const { document, kind, payload } = message;
      const body = shortened(document, payload, options.policyText);
      if (body === null)
        return fail({ code: "ERR_TOO_LARGE", detail: "the message is larger than limits.policy_text even without its long strings" });
      const asked = answers?.message;
      const params = asked === undefined ? undefined : shortened(asked.document, asked.payload, options.policyText);
      if (params === null) return fail({ code: "ERR_TOO_LARGE", detail: "the request that is answered is too large to judge its answer" });
      const requestOmitted = params?.omitted.map((pointer) => `/request${pointer}`) ?? NONE;
      return ok(
        text({
          transaction,
          facts,
          options,
          phase: facts.phase,
          method: facts.method,
          kind,
          size: document.bytes.length,
          id: message.id?.raw,
          params: kind === "request" || kind === "notification" ? body : undefined,
          result: kind === "result" ? body : undefined,
          error: kind === "error" ? body : undefined,
          item: undefined,
          request: answers === undefined ? undefined : { method: answers.method, params },
          omitted: body === undefined ? requestOmitted : [...body.omitted, ...requestOmitted],
          target: facts.target,
          definition: () => (facts.definition === undefined ? undefined : standing(definitions.read(facts.definition), 0)),
          findings: findings.list,
          findingsCapped: findings.capped,
          urls: facts.urls,
          urlsCapped: facts.urlsCapped,
        }),
      );
    },
    item(transaction, facts, { document, node, ...item }, options) {
      const prefix = document.pointer(node).length;
      const whole = standing(document, node);
      return text({
        ...item,
        transaction,
        facts,
        options,
        phase: "list_item",
        kind: "item",
        size: document.end(node) - document.start(node),
        id: undefined,
        params: undefined,
        result: undefined,
        error: undefined,
        item: whole,
        request: undefined,
        omitted: NONE,
        definition: () => whole,
        findings: item.findings.map((finding) => ({ ...finding, path: finding.path.slice(prefix) })),
        urls: item.urls.map((url) => ({ ...url, path: url.path.slice(prefix) })),
      });
    },
  };
}

const NONE: readonly string[] = [];

/** `clientInfo` of `initialize` or of a modern request's `_meta`, as sent. */
function clientInfo(document: JsonDocument, payload: Node): Standing | undefined {
  if (payload === ABSENT) return undefined;
  const meta = document.member(payload, "_meta");
  const modern = meta === ABSENT ? ABSENT : document.member(meta, "io.modelcontextprotocol/clientInfo");
  return standing(document, modern === ABSENT ? document.member(payload, "clientInfo") : modern);
}
