/**
 * The load generator, as a child process: takes jobs from its parent, one at a time, and answers each with what it counted.
 * Raw sockets and prepared requests, so that it costs far less than what is measured; every answer is checked. Must not measure the
 * proxy's processes: that is its parent's work.
 */
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { type Check, createCheck } from "./check-answer.ts";
import { type Frame, Frames } from "./frames.ts";
import { Histogram } from "./histogram.ts";
import type { Job, Measured } from "./job.ts";
import { FIRST_ID, initialize, overwrite, type PreparedRequest, toolCall } from "./messages.ts";
import { endWithParent } from "./with-parent.ts";

/** A call that takes longer is lost. */
const LOST_MS = 30_000;

let nextId = FIRST_ID;

/** One connection with its own copies of the requests, which take turns. */
class Caller {
  readonly #socket: Socket;
  readonly #requests: readonly PreparedRequest[];
  readonly #varied: boolean;
  #turn: number;
  id = 0;
  since = 0;
  busy = false;

  constructor(socket: Socket, requests: readonly PreparedRequest[], varied: boolean, turn: number) {
    this.#socket = socket;
    this.#requests = requests;
    this.#varied = varied;
    this.#turn = turn;
  }

  /** `since`: when the call was due, in milliseconds. */
  call(since: number): void {
    const request = this.#requests[this.#turn++ % this.#requests.length] as PreparedRequest;
    nextId += 1;
    this.id = nextId;
    this.since = since;
    this.busy = true;
    overwrite(request.bytes, request.ids, this.id);
    if (this.#varied) overwrite(request.bytes, request.names, this.id);
    this.#socket.write(request.bytes);
  }
}

async function run(job: Job): Promise<Measured> {
  const histogram = new Histogram();
  const check: Check = createCheck(job);
  const callers: Caller[] = [];
  const sockets: Socket[] = [];
  const waiting: number[] = [];
  const idle: Caller[] = [];
  const problems: string[] = [];
  let lost = 0;
  const sessions = await openSessions(job);
  const open = job.perSecond !== undefined;
  let startedAt = 0;
  let endsAt = Number.POSITIVE_INFINITY;
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const next = (caller: Caller): void => {
    const now = performance.now();
    const due = open ? waiting.shift() : now;
    if (due !== undefined && (open || now < endsAt)) caller.call(due);
    else if (open) idle.push(caller);
    if (now >= endsAt && !callers.some(({ busy }) => busy)) finish();
  };
  const answered = (caller: Caller, frame: Frame): void => {
    histogram.add(performance.now() - caller.since);
    caller.busy = false;
    check.answer(caller.id, frame);
    next(caller);
  };
  const failed = (caller: Caller | undefined, why: string): void => {
    if (problems.length < 3) problems.push(why);
    if (caller?.busy !== true) return;
    caller.busy = false;
    lost += 1;
    if (!callers.some(({ busy }) => busy)) finish();
  };

  for (let at = 0; at < job.connections; at += 1) {
    const socket = await connected(job.port);
    const requests = requestsOf(job, sessions);
    const caller = new Caller(socket, requests, job.varied, at);
    const frames = new Frames((frame) => {
      answered(caller, frame);
    });
    socket.on("data", (chunk: Buffer) => {
      frames.push(chunk);
    });
    socket.on("error", (fault) => {
      failed(caller, `a connection broke (${fault.message})`);
    });
    socket.on("close", () => {
      failed(caller, "a connection was closed");
    });
    callers.push(caller);
    sockets.push(socket);
  }
  startedAt = performance.now();
  endsAt = startedAt + job.seconds * 1000;
  const late = setTimeout(finish, job.seconds * 1000 + LOST_MS);
  if (job.perSecond === undefined) for (const caller of callers) next(caller);
  else {
    idle.push(...callers);
    await pace(job.perSecond, job.seconds, (due) => {
      waiting.push(due);
      const caller = idle.pop();
      if (caller !== undefined) next(caller);
    });
    if (!callers.some(({ busy }) => busy)) finish();
  }
  await finished;
  clearTimeout(late);
  const seconds = (performance.now() - startedAt) / 1000;
  lost += callers.filter(({ busy }) => busy).length;
  for (const socket of sockets) socket.removeAllListeners("close").destroy();
  return {
    ...check.counts(),
    seconds,
    lost,
    sessions: sessions.length,
    problems: [...problems, ...check.problems()],
    p50Ms: histogram.quantile(0.5),
    p99Ms: histogram.quantile(0.99),
    maxMs: histogram.quantile(1),
  };
}

function requestsOf({ port, paths, bytes }: Job, sessions: readonly string[]): PreparedRequest[] {
  const all = sessions.length === 0 ? [undefined] : sessions;
  return paths.flatMap((path) => all.map((session) => toolCall({ port, path, bytes, ...(session === undefined ? {} : { session }) })));
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

/** Shakes hands for each session that the job wants, all with the first server. */
async function openSessions({ port, paths, sessions }: Job): Promise<string[]> {
  if (sessions === 0) return [];
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

/** Calls `due` at even distances, whatever became of the calls before. A thread of its own sleeps: timers here are a millisecond coarse. */
function pace(perSecond: number, seconds: number, due: (at: number) => void): Promise<void> {
  const code = `
    const { parentPort, workerData: { gap, count } } = require("node:worker_threads");
    const cell = new Int32Array(new SharedArrayBuffer(4));
    const start = performance.timeOrigin + performance.now();
    for (let n = 0; n < count; n++) {
      const at = start + n * gap;
      const wait = at - performance.timeOrigin - performance.now();
      if (wait > 0) Atomics.wait(cell, 0, 0, wait);
      parentPort.postMessage(at);
    }`;
  return new Promise((resolve, reject) => {
    const worker = new Worker(code, { eval: true, workerData: { gap: 1000 / perSecond, count: Math.round(perSecond * seconds) } });
    worker.on("message", (at: number) => {
      due(at - performance.timeOrigin);
    });
    worker.on("error", reject);
    worker.on("exit", () => {
      resolve();
    });
  });
}

endWithParent();
process.on("message", (job: Job) => {
  run(job).then(
    (measured) => process.send?.({ measured }),
    (fault: unknown) => process.send?.({ fault: String(fault) }),
  );
});
process.send?.({ port: 0 });
