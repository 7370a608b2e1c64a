/**
 * What must hold at the end of a run, whatever was injected. Each law compares what the two ends of the wire saw with what Sluice says
 * about itself: audit log, answers, metrics. Pure. Must not hold text of a message.
 */
import type { AuditRecord } from "../../src/audit/record.ts";
import { sumOf } from "../../test/support/metrics.ts";
import type { AuditLog } from "./audit-files.ts";
import type { Entry } from "./injector.ts";
import type { Ending, Ledger, Sending } from "./ledger.ts";
import { type Growth, isFlat } from "./memory.ts";

export interface Law {
  readonly law: string;
  readonly numbers: string;
  /** What breaks it, by markers and decision ids; empty: it holds. */
  readonly broken: readonly string[];
}

export interface Evidence {
  readonly ledger: Ledger;
  readonly audit: AuditLog;
  readonly diary: readonly Entry[];
  /** The last scrape, taken at rest. */
  readonly metrics: string;
  readonly expectedReloads: { readonly done: number; readonly refused: number };
  readonly growth: readonly Growth[];
  /** After the clients left: calls, bytes, slots and connections that are still held. */
  readonly held: Readonly<Record<string, number>>;
  /** Processes of Sluice that outlived it. */
  readonly left: readonly number[];
  readonly workers: number;
}

/** Longer than anything may take, on a busy machine too: Sluice's own limits are far below. */
export const HANG_MS = 40_000;
/** A fault is to blame for what broke shortly before or after it. */
const SLACK_MS = 1_500;
/** What the metrics of a worker that is killed may lack. */
const UNSAID_MS = 2_500;

const FORWARDING: ReadonlySet<AuditRecord["effect"]> = new Set(["allow", "redact", "rewrite"]);
const RELOADS = /^(reload, good|audit file moved)/;
/** Whatever the watchdog may take for a standing loop counts: also a machine that leaves no processor to it. */
const ENDS_WORKER = /^(kill|worker stopped|stalling|the machine)/;

export function checkLaws(evidence: Evidence): Law[] {
  const byDecision = new Map(evidence.audit.records.map((record) => [record.decision_id, record]));
  return [
    everySendingEnds(evidence),
    brokenIsExplained(evidence),
    deniedNeverArrives(evidence, byDecision),
    nothingArrivesTwice(evidence),
    arrivalsAreOnRecord(evidence),
    oneRecordPerMessage(evidence, byDecision),
    decisionsAreOnRecord(evidence, byDecision),
    idsAreUnique(evidence),
    auditIsReadable(evidence),
    noAlarm(evidence),
    metricsAgree(evidence),
    workersEndOnlyByFaults(evidence),
    reloadsCameOut(evidence),
    memoryIsFlat(evidence),
    nothingIsHeld(evidence),
    nothingIsLeft(evidence),
  ];
}

const name = ({ marker, method, server, note }: Sending): string =>
  `${marker} (${method}, ${server}${note === undefined ? "" : `, ${note}`})`;

export function endings(sendings: readonly Sending[]): Record<Ending | "open", number> {
  const counts = { answered: 0, denied: 0, errored: 0, broken: 0, gone: 0, open: 0 };
  for (const { ending } of sendings) counts[ending ?? "open"] += 1;
  return counts;
}

function everySendingEnds({ ledger }: Evidence): Law {
  const { answered, denied, errored, broken, gone, open } = endings(ledger.sendings);
  const late = ledger.sendings.filter(({ startedMs, endedMs }) => endedMs === undefined || endedMs - startedMs > HANG_MS);
  return {
    law: "sent = answered + denied + errored, and nothing hangs",
    numbers: `${ledger.sendings.length} = ${answered} + ${denied} + ${errored + broken + gone} (${errored} told, ${broken} broken, ${gone} left)${open === 0 ? "" : `; ${open} open`}`,
    broken: late.map(
      (sending) =>
        `${name(sending)} took ${sending.endedMs === undefined ? "for ever" : `${Math.round(sending.endedMs - sending.startedMs)} ms`}`,
    ),
  };
}

function during(diary: readonly Entry[], fits: RegExp, { startedMs, endedMs }: Pick<Sending, "startedMs" | "endedMs">): boolean {
  const until = endedMs ?? Number.POSITIVE_INFINITY;
  return diary.some(({ fault, startMs, endMs }) => fits.test(fault) && startMs - SLACK_MS <= until && endMs + SLACK_MS >= startedMs);
}

function brokenIsExplained({ ledger, diary }: Evidence): Law {
  const broken = ledger.sendings.filter(({ ending }) => ending === "broken");
  const odd = broken.filter((sending) => !during(diary, ENDS_WORKER, sending));
  return {
    law: "a connection breaks only when its worker was ended",
    numbers: `${broken.length} broken, ${broken.length - odd.length} explained`,
    broken: odd.map((sending) => `${name(sending)} at ${Math.round(sending.endedMs ?? 0)} ms`),
  };
}

function deniedNeverArrives({ ledger }: Evidence, byDecision: ReadonlyMap<string, AuditRecord>): Law {
  const kept = ledger.sendings.filter(({ decisionId }) => {
    const record = decisionId === undefined ? undefined : byDecision.get(decisionId);
    if (record === undefined) return false;
    if (record.kind === "refused") return true;
    return record.kind === "message" && record.direction === "client_to_server" && !FORWARDING.has(record.effect);
  });
  return {
    law: "what was refused or denied never arrived",
    numbers: `${kept.length} kept back`,
    broken: kept
      .filter(({ marker }) => ledger.arrivals.has(marker))
      .map((sending) => `${name(sending)}, decision ${sending.decisionId ?? ""}`),
  };
}

function nothingArrivesTwice({ ledger }: Evidence): Law {
  const twice = [...ledger.arrivals].filter(([, times]) => times.length > 1);
  return {
    law: "nothing arrived twice",
    numbers: `${ledger.arrivals.size} arrived, and ${ledger.own} answers of Sluice's own`,
    broken: twice.map(([marker, times]) => `${marker}: ${times.length} times`),
  };
}

/** What ties sendings to records: a caller is one client, so that an id names one message. */
function keyOf(principal: string, kind: string, rpcId: number | undefined): string {
  return kind === "request" ? `${principal} request ${rpcId ?? "?"}` : `${principal} ${kind}`;
}

function sendingKey({ principal, kind, rpcId }: Sending): string {
  return keyOf(principal, kind, rpcId);
}

function recordKey({ principal, kind, message_kind, rpc_id }: AuditRecord): string {
  if (kind === "transport") return keyOf(principal.id, "transport", undefined);
  const sort = message_kind === "result" || message_kind === "error" ? "answer" : (message_kind ?? "?");
  return keyOf(principal.id, sort, rpc_id);
}

function groupBy<T>(list: readonly T[], key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of list) {
    const group = groups.get(key(one));
    if (group === undefined) groups.set(key(one), [one]);
    else group.push(one);
  }
  return groups;
}

/** Records of what clients sent, one for each message or transport request. */
function fromClients(records: readonly AuditRecord[]): AuditRecord[] {
  return records.filter(({ kind, direction }) => (kind === "message" || kind === "transport") && direction === "client_to_server");
}

function arrivalsAreOnRecord({ ledger, audit }: Evidence): Law {
  const forwarded = groupBy(
    fromClients(audit.records).filter(({ effect }) => FORWARDING.has(effect)),
    recordKey,
  );
  const arrived = groupBy(
    ledger.sendings.filter(({ marker }) => ledger.arrivals.has(marker)),
    sendingKey,
  );
  const missing = [...arrived].filter(([key, sendings]) => sendings.length > (forwarded.get(key)?.length ?? 0));
  const count = [...forwarded.values()].reduce((sum, { length }) => sum + length, 0);
  return {
    law: "what arrived is on record as forwarded",
    numbers: `${[...arrived.values()].reduce((sum, { length }) => sum + length, 0)} arrived, ${count} recorded as forwarded`,
    broken: missing.map(([key, sendings]) => `${key}: ${sendings.map(name).join(", ")}`),
  };
}

function oneRecordPerMessage({ ledger, audit, diary }: Evidence, byDecision: ReadonlyMap<string, AuditRecord>): Law {
  const records = groupBy(fromClients(audit.records), recordKey);
  const sendings = groupBy(ledger.sendings, sendingKey);
  const broken: string[] = [];
  let judged = 0;
  for (const [key, sent] of sendings) {
    let [must, may] = [0, 0];
    for (const sending of sent) {
      const record = sending.decisionId === undefined ? undefined : byDecision.get(sending.decisionId);
      if (record?.kind === "refused") continue;
      const uncertain = sending.ending === "broken" || sending.ending === "gone" || sending.ending === undefined;
      if (uncertain || during(diary, /^audit unwritable/, sending)) may += 1;
      else must += 1;
    }
    const found = records.get(key)?.length ?? 0;
    judged += found;
    if (found < must || found > must + may)
      broken.push(`${key}: ${found} records for ${must}${may === 0 ? "" : ` to ${must + may}`} messages`);
  }
  for (const [key, found] of records) if (!sendings.has(key)) broken.push(`${key}: ${found.length} records of a message that nobody sent`);
  const refused = audit.records.filter(({ kind }) => kind === "refused").length;
  return { law: "one record for each message", numbers: `${judged} judged, ${refused} refused before`, broken };
}

function decisionsAreOnRecord({ ledger, diary }: Evidence, byDecision: ReadonlyMap<string, AuditRecord>): Law {
  const told = ledger.sendings.filter(({ decisionId }) => decisionId !== undefined);
  const unknown = told.filter(({ decisionId }) => !byDecision.has(decisionId ?? ""));
  const odd = unknown.filter((sending) => !during(diary, /^audit unwritable/, sending));
  return {
    law: "every decision that a client was told is on record",
    numbers: `${told.length} told, ${unknown.length - odd.length} while no record could be written`,
    broken: odd.map((sending) => `${name(sending)}, decision ${sending.decisionId ?? ""}`),
  };
}

function idsAreUnique({ audit }: Evidence): Law {
  const twice = [...groupBy(audit.records, ({ decision_id }) => decision_id)].filter(([, { length }]) => length > 1);
  return { law: "decision ids are unique", numbers: `${audit.records.length} records`, broken: twice.map(([id]) => id) };
}

function auditIsReadable({ audit, diary, workers }: Evidence): Law {
  const full = diary.filter(({ fault }) => fault === "audit unwritable").length;
  // Each worker may have torn one line when the file was full.
  const allowed = full * workers;
  return {
    law: "the audit log is readable line by line",
    numbers: `${audit.files} files, ${audit.torn.length} lines torn by a full disk (at most ${allowed})`,
    broken: audit.torn.length <= allowed ? [] : audit.torn,
  };
}

function noAlarm({ ledger }: Evidence): Law {
  return {
    law: "answers are whole, and hold nothing that was redacted",
    numbers: `${ledger.sendings.length} followed`,
    broken: ledger.alarms,
  };
}

function metricsAgree({ ledger, audit, metrics, diary }: Evidence): Law {
  const counted = sumOf(metrics, "sluice_messages_total");
  const unwritten = sumOf(metrics, "sluice_audit_failures_total");
  const messages = audit.records.filter(({ kind }) => kind === "message");
  const ends = diary.filter(({ fault }) => ENDS_WORKER.test(fault));
  const unsaid = messages.filter(({ time }) => {
    const atMs = Date.parse(time) - ledger.beganAt;
    return ends.some(({ startMs, endMs }) => atMs >= startMs - UNSAID_MS - SLACK_MS && atMs <= endMs + SLACK_MS);
  }).length;
  const fits = counted <= messages.length + unwritten && counted >= messages.length - unsaid;
  return {
    law: "metrics agree with the audit log",
    numbers: `${counted} counted, ${messages.length} recorded, ${unwritten} could not be; workers that were ended may have kept at most ${unsaid} to themselves`,
    broken: fits ? [] : ["sluice_messages_total"],
  };
}

function workersEndOnlyByFaults({ metrics, diary }: Evidence): Law {
  const ended = (reason: string): number => sumOf(metrics, "sluice_worker_deaths_total", { reason });
  const [killed, stalled, crashed, unresponsive] = ["killed", "stalled", "crashed", "unresponsive"].map(ended) as [
    number,
    number,
    number,
    number,
  ];
  const kills = diary.filter(({ fault }) => fault.startsWith("kill")).length;
  const stalls = diary.filter(({ fault }) => /^(stalling|worker stopped|the machine)/.test(fault)).length;
  const broken = [
    ...(crashed === 0 ? [] : [`${crashed} crashed`]),
    ...(unresponsive === 0 ? [] : [`${unresponsive} unresponsive`]),
    // A worker that was killed while it stood still counts as either.
    ...(killed + stalled > kills + stalls ? [`${killed + stalled} ended for ${kills + stalls} faults`] : []),
    ...(killed + stalled < kills ? [`${killed + stalled} ended for ${kills} kills`] : []),
  ];
  return {
    law: "workers end by injected faults only",
    numbers: `${killed} killed, ${stalled} stood still, ${crashed} crashed, ${unresponsive} unresponsive`,
    broken,
  };
}

/** A worker that ends while it prepares a reload makes all refuse it: then what runs stays, and the operator asks again. */
function reloadsCameOut({ metrics, diary, expectedReloads: { done, refused } }: Evidence): Law {
  const [ok, failed] = ["ok", "failed"].map((outcome) => sumOf(metrics, "sluice_policy_reloads_total", { outcome })) as [number, number];
  const disturbed = diary.filter(
    ({ fault, startMs, endMs }) => RELOADS.test(fault) && during(diary, ENDS_WORKER, { startedMs: startMs, endedMs: endMs }),
  ).length;
  const fits = ok + failed === done + refused && ok <= done && done - ok <= disturbed;
  return {
    law: "each reload came out as it had to",
    numbers: `${ok} of ${done} done, ${failed} refused, ${refused} of them wrong; ${disturbed} while a worker was ended`,
    broken: fits ? [] : ["sluice_policy_reloads_total"],
  };
}

const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);

function memoryIsFlat({ growth }: Evidence): Law {
  const line = ({ who, pid, fromBytes, toBytes, seconds }: Growth): string =>
    `${who}${pid === 0 ? "" : ` ${pid}`} ${mib(fromBytes)} → ${mib(toBytes)} MiB in ${seconds.toFixed(0)} s`;
  return {
    law: "memory is flat",
    numbers: growth.length === 0 ? "not measured: the run was too short" : growth.map(line).join(", "),
    broken: growth.filter((each) => !isFlat(each)).map(line),
  };
}

function nothingIsHeld({ held }: Evidence): Law {
  const parts = Object.entries(held);
  return {
    law: "nothing is held once the clients have left",
    numbers: parts.map(([what, count]) => `${count} ${what}`).join(", "),
    broken: parts.filter(([, count]) => count !== 0).map(([what, count]) => `${count} ${what}`),
  };
}

function nothingIsLeft({ left }: Evidence): Law {
  return { law: "no process is left behind", numbers: `${left.length} left`, broken: left.map((pid) => `process ${pid}`) };
}
