/**
 * `npm run chaos`: real clients of both eras work through Sluice while faults are injected at random, from a seed that is printed; at the
 * end every message has to be accounted for. Starts everything that it needs on loopback and leaves nothing running.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { sumOf } from "../test/support/metrics.ts";
import { Children } from "./bench/children.ts";
import { canMeasure } from "./bench/process-tree.ts";
import { readAuditLog } from "./chaos/audit-files.ts";
import { openCrowd } from "./chaos/clients.ts";
import { Injector } from "./chaos/injector.ts";
import { checkLaws, endings } from "./chaos/laws.ts";
import { Ledger } from "./chaos/ledger.ts";
import { growthOf, type Heap, heapGrowthOf } from "./chaos/memory.ts";
import { connectionsTo, groupMembers, type Sample, sample } from "./chaos/processes.ts";
import { Random } from "./chaos/random.ts";
import { columns, countFaults, lawTable } from "./chaos/report.ts";
import { drawSchedule, SPARED_FROM } from "./chaos/schedule.ts";
import { Files, makeKeys, openServers, startSluice } from "./chaos/stage.ts";

const HELP = `Lets real clients work through Sluice while faults are injected at random, and accounts for every message in the end.

usage: npm run chaos -- [options]

  --seconds N   how long faults are injected (default 300)
  --seed N      repeat the faults of a run (default: a new one, printed)
  --workers N   workers of Sluice (default 2)
  --clients N   clients at a time (default 16)
  --json FILE   write the account as JSON
  --keep        keep the folder with configuration, audit files and log (kept anyway when a law is broken)
  --quiet       no progress lines
  --help

Examples:
  npm run chaos
  npm run chaos -- --seconds 60 --seed 7

Exit codes: 0 every law holds, 1 one is broken, 2 wrong usage.
`;

function usage(problem: string): never {
  process.stderr.write(`${problem}\nRun it with --help for an example.\n`);
  process.exit(2);
}

function readOptions() {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        seconds: { type: "string" },
        seed: { type: "string" },
        workers: { type: "string" },
        clients: { type: "string" },
        json: { type: "string" },
        keep: { type: "boolean" },
        quiet: { type: "boolean" },
        help: { type: "boolean" },
      },
    }));
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const whole = (option: string, text: string | undefined, otherwise: number, most: number): number => {
    const number = Number(text ?? otherwise);
    return Number.isInteger(number) && number >= 1 && number <= most
      ? number
      : usage(`--${option} wants a whole number from 1 to ${most}.`);
  };
  return {
    seconds: whole("seconds", values.seconds, 300, 86_400),
    seed: whole("seed", values.seed, 1 + Math.floor(Math.random() * 999_999), 2 ** 32 - 1),
    workers: whole("workers", values.workers, 2, 64),
    clients: whole("clients", values.clients, 16, 500),
    json: values.json,
    keep: values.keep === true,
    quiet: values.quiet === true,
  };
}

/** This process asks so often whether it gets its turn, and takes so long a wait for a sign that nobody does. */
const TICK_MS = 200;
const STARVED_MS = 1_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** On a connection of its own: none stays behind. */
function scrape(base: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = get(`${base}/metrics`, { agent: false, timeout: 5_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (more: string) => {
        text += more;
      });
      response.once("end", () => {
        resolve(text);
      });
      response.once("error", reject);
    });
    asking.once("timeout", () => asking.destroy(new Error("no metrics in time")));
    asking.once("error", reject);
  });
}

const options = readOptions();
if (!canMeasure()) usage("The run reads processes from /proc, which only Linux has.");
const random = new Random(options.seed);
const ledger = new Ledger();
const folder = mkdtempSync(join(tmpdir(), "sluice-chaos-"));
const children = new Children();
let kept = options.keep;
process.once("exit", () => {
  if (!kept) rmSync(folder, { recursive: true, force: true });
});
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.once(signal, () => process.exit(code));
}
// The SDK's servers explain themselves on the console.
console.warn = () => {};
// SDK peers reject promises that nobody holds when a connection breaks under them: the wire keeps the account.
let unheld = 0;
process.on("unhandledRejection", () => {
  unheld += 1;
});

say(
  `seed ${options.seed}, ${options.seconds} s, ${options.workers} workers, ${options.clients} clients; ${cpus().length} cores, Node ${process.versions.node}`,
);

const schedule = drawSchedule(random.fork(), options.seconds);
const stage = await openServers(ledger);
const keys = makeKeys(20 + options.clients * (2 + Math.ceil(options.seconds / 2)));
let nextKey = 4;
const freshKey = () => {
  const key = keys[nextKey++];
  if (key === undefined) throw new Error("there are no keys left");
  return key;
};
const [hasty, many, first, second] = keys.slice(0, 4) as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0], (typeof keys)[0]];
const files = new Files(folder, keys, stage.fronts);
const sluice = await startSluice(children, files, options.workers);
let over = false;
void sluice.ended.then(() => {
  if (!over) {
    kept = true;
    process.stderr.write(`Sluice ended by itself (seed ${options.seed}): see ${folder}\n`);
    process.exit(1);
  }
});

const beganMs = ledger.now();
const injector = new Injector({ ledger, stage, sluice, files, keys: { hasty, many, stalling: [first, second] } });
process.once("exit", () => {
  injector.release();
});
const crowd = openCrowd(stage, { ledger, base: sluice.base, keys: freshKey, random: random.fork(), slots: options.clients });

const samples: Sample[] = [];
const sampling = setInterval(() => {
  samples.push(sample(sluice.pid, ledger.now()));
}, 1_000);
let due = ledger.now() + TICK_MS;
const ticking = setInterval(() => {
  const now = ledger.now();
  if (now - due > STARVED_MS) injector.starved(due, now);
  due = now + TICK_MS;
}, TICK_MS);
const heaps: Heap[] = [];
const weighing = setInterval(() => {
  // A worker that is just ended takes its answer along.
  const atMs = ledger.now();
  void scrape(sluice.base).then(
    (text) => heaps.push({ atMs, bytes: sumOf(text, "nodejs_heap_size_used_bytes"), workers: sumOf(text, "sluice_workers") }),
    () => undefined,
  );
}, 2_000);
const progress = (): void => {
  const { answered, denied, errored, broken, gone, open } = endings(ledger.sendings);
  const seconds = Math.round((ledger.now() - beganMs) / 1000);
  const memory = [...(samples.at(-1)?.resident.values() ?? [])].map((bytes) => `${(bytes / 1024 / 1024).toFixed(0)}`).join("+");
  say(
    `${String(seconds).padStart(4)} s  sent ${ledger.sendings.length}: ${answered} answered, ${denied} denied, ${errored} errors, ${broken} broken, ${gone} left, ${open} open; ${injector.diary.length} faults; ${memory} MiB, heaps ${((heaps.at(-1)?.bytes ?? 0) / 1024 / 1024).toFixed(0)} MiB`,
  );
};
const progressing = options.quiet ? undefined : setInterval(progress, 10_000);

const endMs = beganMs + options.seconds * 1000;
await Promise.all([injector.play(schedule, beganMs, () => ledger.now() > endMs), sleep(options.seconds * 1000)]);
await crowd.leave();
const growth = [...growthOf(samples, sluice.pid), ...heapGrowthOf(heaps, beganMs + SPARED_FROM * options.seconds * 1000)];
clearInterval(weighing);

/** Waits until nothing is held any more; answers what still is. */
async function atRest(): Promise<{ held: Record<string, number>; metrics: string }> {
  const port = Number(new URL(sluice.base).port);
  const until = ledger.now() + 25_000;
  for (;;) {
    const metrics = await scrape(sluice.base);
    const held = {
      calls: sumOf(metrics, "sluice_calls_in_flight"),
      bytes: sumOf(metrics, "sluice_buffered_bytes"),
      slots: sumOf(metrics, "sluice_upstream_slots_in_use"),
      "connections of clients": connectionsTo(port),
      "connections to servers": Object.values(stage.fronts).reduce((sum, { open }) => sum + open, 0),
    };
    if (Object.values(held).every((count) => count === 0) || ledger.now() > until) return { held, metrics };
    await sleep(250);
  }
}

const { held, metrics } = await atRest();
clearInterval(sampling);
clearInterval(ticking);
clearInterval(progressing);
over = true;
process.kill(sluice.pid, "SIGTERM");
await Promise.race([sluice.ended, sleep(15_000)]);
await sleep(500);
const left = groupMembers(sluice.pid);
await sluice.stop();
await stage.close();

const audit = readAuditLog(folder);
const laws = checkLaws({
  ledger,
  audit,
  diary: injector.diary,
  metrics,
  expectedReloads: injector.expected,
  growth,
  held,
  left,
  workers: options.workers,
});
const faults = countFaults(injector, Object.values(stage.fronts));
const broken = laws.filter((law) => law.broken.length > 0);
const { visits } = crowd;
say("");
say(columns([["times", "fault"], ...faults.map(({ fault, times }) => [String(times).padStart(5), fault])]));
for (const [fault, why] of injector.skipped) say(`skipped: ${fault} (${why})`);
say("");
say(
  `${visits.clients} clients (${visits.failedConnects} could not connect), ${visits.deeds} things done (${visits.failedDeeds} in vain), ${visits.impatient} given up, ${unheld} unheld`,
);
say("");
say(lawTable(laws));
kept ||= broken.length > 0;
if (options.json !== undefined) {
  const { seed, seconds, workers, clients } = options;
  const account = {
    seed,
    seconds,
    workers,
    clients,
    endings: endings(ledger.sendings),
    visits,
    faults,
    skipped: [...injector.skipped],
    laws,
  };
  writeFileSync(options.json, `${JSON.stringify(account, undefined, 2)}\n`);
}
say("");
say(
  broken.length === 0
    ? `Every law holds (seed ${options.seed}).`
    : `${broken.length} laws are broken. Again: npm run chaos -- --seed ${options.seed} --seconds ${options.seconds} --workers ${options.workers} --clients ${options.clients}`,
);
if (kept) {
  writeFileSync(
    join(folder, "sendings.jsonl"),
    ledger.sendings.map((sending) => `${JSON.stringify({ ...sending, arrivals: ledger.arrivals.get(sending.marker) })}\n`).join(""),
  );
  writeFileSync(join(folder, "faults.jsonl"), injector.diary.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  say(`Kept: ${folder}`);
}
process.exit(broken.length === 0 ? 0 : 1);
