/**
 * The load generator, as a child process: takes jobs from its parent, one at a time, and answers each with what it counted.
 * Must not measure the proxy's processes: that is its parent's work.
 */
import { performance } from "node:perf_hooks";
import { Caller, connected, type Notes } from "./caller.ts";
import { createCheck } from "./check-answer.ts";
import { Frames } from "./frames.ts";
import { Histogram } from "./histogram.ts";
import type { Job, Measured } from "./job.ts";
import { initialize, type PreparedRequest, toolCall } from "./messages.ts";
import { pace } from "./pace.ts";
import { endWithParent } from "./with-parent.ts";

/** A call that takes longer is lost. */
const LOST_MS = 30_000;
const SHOWN = 3;

async function run(job: Job): Promise<Measured> {
  const notes: Notes = { histogram: new Histogram(), check: createCheck(job), lost: [] };
  const { sessions, opened } = await sessionsFor(job);
  const callers: Caller[] = [];
  for (let at = 0; at < job.connections; at += 1) {
    callers.push(new Caller(await connected(job.port), requestsOf(job, sessions), job.varied, at, notes));
  }
  const end = (): void => {
    for (const caller of callers) caller.end();
  };
  const late = setTimeout(end, job.seconds * 1000 + LOST_MS);
  const startedAt = performance.now();
  if (job.perSecond === undefined) await closedLoop(callers, startedAt + job.seconds * 1000);
  else await openLoop(callers, job.perSecond, job.seconds);
  const seconds = (performance.now() - startedAt) / 1000;
  clearTimeout(late);
  end();
  const { histogram, check, lost } = notes;
  return {
    ...check.counts(),
    seconds,
    lost: lost.length,
    opened,
    problems: [...lost.slice(0, SHOWN), ...check.problems()],
    p50Ms: histogram.quantile(0.5),
    p99Ms: histogram.quantile(0.99),
    maxMs: histogram.quantile(1),
  };
}

/** Each connection calls again as soon as it is answered. */
async function closedLoop(callers: readonly Caller[], endsAt: number): Promise<void> {
  const callOn = async (caller: Caller): Promise<void> => {
    for (let now = performance.now(); now < endsAt && !caller.gone; now = performance.now()) await caller.call(now);
  };
  await Promise.all(callers.map(callOn));
}

/** Calls are due at even distances. One that finds all connections busy waits for the next that is free, and its time runs. */
async function openLoop(callers: readonly Caller[], perSecond: number, seconds: number): Promise<void> {
  const idle = [...callers];
  const waiting: number[] = [];
  const calls: Promise<void>[] = [];
  const callOn = async (caller: Caller, due: number): Promise<void> => {
    for (let next: number | undefined = due; next !== undefined; next = waiting.shift()) await caller.call(next);
    idle.push(caller);
  };
  await pace(perSecond, seconds, (due) => {
    const caller = idle.pop();
    if (caller === undefined) waiting.push(due);
    else calls.push(callOn(caller, due));
  });
  await Promise.all(calls);
}

function requestsOf({ port, paths, bytes }: Job, sessions: readonly string[]): PreparedRequest[] {
  const all = sessions.length === 0 ? [undefined] : sessions;
  return paths.flatMap((path) => all.map((session) => toolCall({ port, path, bytes, ...(session === undefined ? {} : { session }) })));
}

/** Sessions stay: only the first job with a proxy pays for its handshakes. */
const known = new Map<string, readonly string[]>();

/** The sessions for the job, and how many of them are new. */
async function sessionsFor(job: Job): Promise<{ sessions: readonly string[]; opened: number }> {
  const key = `${job.port} ${job.sessions}`;
  const kept = known.get(key);
  if (kept !== undefined) return { sessions: kept, opened: 0 };
  const sessions = job.sessions === 0 ? [] : await openSessions(job);
  known.set(key, sessions);
  return { sessions, opened: sessions.length };
}

/** Shakes hands for each session, all with the first server. */
async function openSessions({ port, paths, sessions }: Job): Promise<string[]> {
  const given: string[] = [];
  const socket = await connected(port);
  const request = initialize(port, paths[0] ?? "/");
  await new Promise<void>((resolve, reject) => {
    const frames = new Frames(({ head }) => {
      const session = /\nmcp-session-id: *(\S+)/i.exec(head)?.[1];
      if (session === undefined) {
        reject(new Error(`no session was given: ${head.split("\r\n", 1)[0]}`));
        return;
      }
      given.push(session);
      if (given.length === sessions) resolve();
      else socket.write(request);
    });
    socket.on("data", (chunk: Buffer) => {
      frames.push(chunk);
    });
    socket.on("close", () => {
      reject(new Error("the connection was closed in a handshake"));
    });
    socket.write(request);
  });
  socket.destroy();
  return given;
}

endWithParent();
process.on("message", (job: Job) => {
  run(job).then(
    (measured) => process.send?.({ measured }),
    (fault: unknown) => process.send?.({ fault: String(fault) }),
  );
});
process.send?.({ port: 0 });
