/**
 * One worker process as the supervisor holds it: forked with the listening socket and a pipe for its watchdog, heard, and ended. Must
 * not decide when.
 */
import { type ChildProcess, fork } from "node:child_process";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Channel } from "./channel.ts";
import { WATCHDOG_FD, type ToSupervisor, type ToWorker, type WatchdogLine } from "./messages.ts";
import { processChannel } from "./process-channel.ts";

/** How a worker ended. */
export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Spaces for new objects, in MiB, smaller than Node would make them: under load a worker stays 140 MiB smaller and is no slower
 * (docs/decisions/0022-quick-start.md).
 */
const YOUNG = "--max-semi-space-size=16";
const SCRIPT = join(import.meta.dirname, `worker${extname(import.meta.filename)}`);
/** A watchdog's line names a few callers. What is longer is no line of a watchdog. */
const LONGEST_LINE = 65_536;

export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly channel: Channel;
  readonly ended: Promise<End>;

  /** `listenFd`: descriptor of the listening socket. */
  constructor(listenFd: number) {
    const stdio = ["ignore", "inherit", "inherit", "ipc", listenFd, "pipe"] as const;
    this.#child = fork(SCRIPT, {
      stdio: [...stdio],
      serialization: "advanced",
      execArgv: [...process.execArgv.filter((flag) => !flag.startsWith("--inspect")), YOUNG],
    });
    this.channel = processChannel(this.#child);
    this.ended = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => {
        resolve({ code, signal });
      });
      // It could not be started; or not be told something, which its end says as well.
      this.#child.on("error", () => {
        if (this.#child.pid === undefined) resolve({ code: null, signal: null });
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Says something. What cannot be said any more is no loss: the worker has ended, or does so now. */
  tell(message: ToWorker): void {
    this.channel.send(message).catch(() => undefined);
  }

  onMessage(taker: (message: ToSupervisor) => void): void {
    this.channel.take((message) => {
      taker(message as ToSupervisor);
    });
  }

  onWatchdog(taker: (line: WatchdogLine) => void): void {
    // Node's types end before it.
    const streams: readonly unknown[] = this.#child.stdio;
    const pipe = streams[WATCHDOG_FD] as Readable | null | undefined;
    pipe?.on("error", () => {});
    if (pipe === null || pipe === undefined) return;
    createInterface({ input: pipe }).on("line", (text) => {
      const line = text.length > LONGEST_LINE ? undefined : readLine(text);
      if (line !== undefined) taker(line);
    });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

function readLine(text: string): WatchdogLine | undefined {
  try {
    const { kind, principals } = JSON.parse(text) as Partial<WatchdogLine>;
    if ((kind !== "stalled" && kind !== "suspect") || !Array.isArray(principals)) return undefined;
    return { kind, principals: principals.filter((principal) => typeof principal === "string") };
  } catch {
    return undefined;
  }
}
