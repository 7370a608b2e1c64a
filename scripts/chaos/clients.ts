/**
 * Real SDK clients of both eras that do what agents do, at random: each connects, works for a few seconds, leaves, and another takes its
 * place. Expects nothing of an answer but that it comes: the wire under them keeps the account.
 */
import { AWS_KEY, CUSTOMER, type Era, type Form, type SdkClient, type SdkServer, URIS } from "../../test/support/sdk-peer.ts";
import { connectV1 } from "../../test/support/sdk-v1.ts";
import { connectV2 } from "../../test/support/sdk-v2.ts";
import type { Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";
import type { Key, ServerName, Stage } from "./stage.ts";
import { openWire, type Wire } from "./wire.ts";

interface Kind {
  readonly name: string;
  readonly server: ServerName;
  readonly era: Era;
  readonly form: Form;
  readonly connect: (url: string, wire: Wire) => Promise<SdkClient>;
}

const v1 = (url: string, wire: Wire) => connectV1(url, { fetch: wire.fetch });
const legacyV2 = (url: string, wire: Wire) => connectV2(url, "legacy", { fetch: wire.fetch });
const modernV2 = (url: string, wire: Wire) => connectV2(url, { pin: "2026-07-28" }, { fetch: wire.fetch });
const autoV2 = (url: string, wire: Wire) => connectV2(url, "auto", { fetch: wire.fetch });

export const KINDS: readonly Kind[] = [
  { name: "SDK 1, legacy, JSON", server: "v1-json", era: "legacy", form: "json", connect: v1 },
  { name: "SDK 1, legacy, SSE", server: "v1-sse", era: "legacy", form: "sse", connect: v1 },
  { name: "SDK 1 with 2, legacy, SSE", server: "v2-sse", era: "legacy", form: "sse", connect: v1 },
  { name: "SDK 2, legacy, JSON", server: "v2-json", era: "legacy", form: "json", connect: legacyV2 },
  { name: "SDK 2, legacy, SSE", server: "v2-sse", era: "legacy", form: "sse", connect: legacyV2 },
  { name: "SDK 2, modern, JSON", server: "v2-json", era: "modern", form: "json", connect: modernV2 },
  { name: "SDK 2, modern, SSE", server: "v2-sse", era: "modern", form: "sse", connect: modernV2 },
  { name: "SDK 2, negotiating, SSE", server: "v2-sse", era: "modern", form: "sse", connect: autoV2 },
];

/** A client waits so long for one thing; then it leaves. Far longer than Sluice lets anything take. */
const PATIENCE_MS = 20_000;

interface Turn {
  readonly client: SdkClient;
  readonly server: SdkServer;
  readonly random: Random;
  readonly alone: Alone;
}

interface Deed {
  readonly weight: number;
  readonly fits?: (kind: Kind) => boolean;
  readonly run: (turn: Turn) => Promise<unknown>;
}

const legacy = ({ era }: Kind): boolean => era === "legacy";
const streams = ({ form }: Kind): boolean => form === "sse";
/** A legacy server without streams cannot ask during a call. */
const asks = ({ era, form }: Kind): boolean => era === "modern" || form === "sse";

const DEEDS: readonly Deed[] = [
  { weight: 8, run: ({ client }) => client.call("echo", { message: "hello" }) },
  { weight: 3, run: ({ client, random }) => client.call("echo", { message: "words and words ".repeat(200 + random.below(3000)) }) },
  { weight: 2, run: ({ client }) => client.call("echo", { message: "hello", code_name: "heron" }) },
  { weight: 2, run: ({ client }) => client.call("echo", { message: "hello", forbidden: true }) },
  { weight: 2, run: ({ client }) => client.call("echo", { message: AWS_KEY }) },
  { weight: 2, run: ({ client }) => client.call("hidden") },
  { weight: 3, run: ({ client }) => client.call("customer") },
  { weight: 2, run: ({ client }) => client.sdk.listTools() },
  { weight: 1, run: ({ client }) => client.sdk.listPrompts() },
  { weight: 1, run: ({ client }) => client.sdk.listResources() },
  { weight: 1, run: ({ client }) => client.sdk.readResource({ uri: URIS.readme }) },
  { weight: 1, run: ({ client }) => client.sdk.readResource({ uri: URIS.contact }) },
  { weight: 1, run: ({ client }) => client.sdk.readResource({ uri: URIS.vault }) },
  { weight: 1, run: ({ client }) => client.sdk.getPrompt({ name: "invoice" }) },
  { weight: 1, run: ({ client }) => client.sdk.getPrompt({ name: "greet", arguments: { room: "attic" } }) },
  {
    weight: 1,
    run: ({ client }) => client.sdk.complete({ ref: { type: "ref/prompt", name: "greet" }, argument: { name: "room", value: "l" } }),
  },
  { weight: 2, run: ({ client, random }) => client.call("endless", {}, { signal: AbortSignal.timeout(50 + random.below(300)) }) },
  { weight: 3, fits: asks, run: ({ client }) => client.call("ask_sampling") },
  { weight: 2, fits: asks, run: ({ client }) => client.call("ask_elicitation") },
  { weight: 1, fits: asks, run: ({ client }) => client.call("ask_roots") },
  { weight: 2, fits: streams, run: waitWithProgress },
  { weight: 2, fits: legacy, run: ({ client }) => client.call("log") },
  { weight: 1, fits: legacy, run: ({ client }) => client.ping() },
  { weight: 1, fits: legacy, run: subscribe },
  { weight: 2, fits: (kind) => legacy(kind) && streams(kind), run: ({ client }) => client.call("interrupted") },
  { weight: 1, fits: ({ era }) => era === "modern", run: listen },
];

/** A server has one gate for those who wait: one client at a time. */
class Alone {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}

function waitWithProgress({ client, server, alone }: Turn): Promise<unknown> {
  return alone.run(async () => {
    const release = (): void => server.ledger.release();
    // The progress may be lost: the server must not wait for ever.
    const late = setInterval(release, 500);
    try {
      await client.call("wait", {}, { onprogress: release });
    } finally {
      clearInterval(late);
    }
  });
}

async function subscribe({ client, server }: Turn): Promise<void> {
  await client.subscribe(URIS.readme);
  server.resourceUpdated(URIS.readme);
  await client.unsubscribe(URIS.readme);
}

async function listen({ client, server }: Turn): Promise<void> {
  const subscription = await client.listen({ toolsListChanged: true });
  server.toolsChanged();
  await new Promise((resolve) => setTimeout(resolve, 100));
  await subscription.close();
}

/** What clients do, counted; for the report. */
export interface Visits {
  clients: number;
  deeds: number;
  failedDeeds: number;
  failedConnects: number;
  /** Times that a client gave up waiting. */
  impatient: number;
}

export interface Crowd {
  readonly visits: Visits;
  /** Lets those who are there finish what they do, and nobody new in. */
  leave(): Promise<void>;
}

/** Starts `slots` clients at a time. `keys`: a fresh one for each. */
export function openCrowd(
  { servers }: Stage,
  { ledger, base, keys, random, slots }: { ledger: Ledger; base: string; keys: () => Key; random: Random; slots: number },
): Crowd {
  const visits: Visits = { clients: 0, deeds: 0, failedDeeds: 0, failedConnects: 0, impatient: 0 };
  const alone = new Map(Object.values(servers).map((server) => [server, new Alone()]));
  let leaving = false;

  const visit = async (kind: Kind, own: Random): Promise<void> => {
    const { id, secret } = keys();
    const server = servers[kind.server];
    const wire = openWire(ledger, id, kind.server, secret, [CUSTOMER.card, CUSTOMER.email]);
    visits.clients += 1;
    try {
      let client: SdkClient;
      const connecting = kind.connect(`${base}/${kind.server}/mcp`, wire);
      try {
        client = await patiently(connecting, visits);
      } catch {
        visits.failedConnects += 1;
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        connecting.then(
          (late) => late.close(),
          () => undefined,
        );
        return;
      }
      const turn = { client, server, random: own, alone: alone.get(server) ?? new Alone() };
      const deeds = DEEDS.filter(({ fits }) => fits === undefined || fits(kind)).flatMap((deed) => Array<Deed>(deed.weight).fill(deed));
      const until = performance.now() + own.between(2_000, 12_000);
      while (!leaving && performance.now() < until) {
        // Some do several things at a time.
        const some = Array.from({ length: own.below(4) === 0 ? 3 : 1 }, () => own.pick(deeds));
        visits.deeds += some.length;
        const done = await Promise.allSettled(some.map((deed) => patiently(deed.run(turn), visits)));
        visits.failedDeeds += done.filter(({ status }) => status === "rejected").length;
        await new Promise((resolve) => setTimeout(resolve, own.between(20, 250)));
      }
      if (kind.era === "legacy") await patiently(client.terminate(), visits).catch(() => undefined);
      await patiently(client.close(), visits).catch(() => undefined);
    } finally {
      wire.close();
    }
  };
  const slot = async (own: Random, at: number): Promise<void> => {
    for (let round = at; !leaving; round += 1) {
      await visit(KINDS[round % KINDS.length] as Kind, own);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const running = Promise.all(Array.from({ length: slots }, (_, at) => slot(random.fork(), at)));
  return {
    visits,
    async leave() {
      leaving = true;
      await running;
    },
  };
}

function patiently<T>(work: Promise<T>, visits: Visits): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      visits.impatient += 1;
      reject(new Error("too late"));
    }, PATIENCE_MS);
  });
  // What comes later is nobody's business any more.
  work.catch(() => undefined);
  return Promise.race([work, late]).finally(() => {
    clearTimeout(timer);
  });
}
