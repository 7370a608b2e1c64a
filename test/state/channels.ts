/** Channels between real processes, and within one. Holds no expectations. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Channel } from "../../src/workers/channel.ts";

/** One end of the IPC pipe of `peer`: a child, or this process itself when it is one. */
export function processChannel(peer: ChildProcess | NodeJS.Process): Channel {
  return {
    send: (message) =>
      new Promise((resolve, reject) => {
        const handed = (fault: Error | null): void => {
          if (fault === null) resolve();
          else reject(fault);
        };
        if (peer.send === undefined || !peer.connected) reject(new Error("gone"));
        else peer.send(message, undefined, {}, handed);
      }),
    take: (taker) => {
      peer.on("message", taker);
    },
  };
}

/** Two ends that clone what is sent, as processes do. `cut` makes both reject from then on; `sent` counts messages of each end. */
export function channelPair(): {
  worker: Channel;
  supervisor: Channel;
  cut: () => void;
  sent: { worker: unknown[]; supervisor: unknown[] };
} {
  let whole = true;
  const takers: { worker: ((message: unknown) => void)[]; supervisor: ((message: unknown) => void)[] } = { worker: [], supervisor: [] };
  const sent: { worker: unknown[]; supervisor: unknown[] } = { worker: [], supervisor: [] };
  const end = (own: "worker" | "supervisor", other: "worker" | "supervisor"): Channel => ({
    send: async (message) => {
      if (!whole) throw new Error("gone");
      sent[own].push(message);
      const clone: unknown = structuredClone(message);
      setImmediate(() => {
        if (whole) for (const taker of takers[other]) taker(clone);
      });
    },
    take: (taker) => {
      takers[own].push(taker);
    },
  });
  return {
    worker: end("worker", "supervisor"),
    supervisor: end("supervisor", "worker"),
    cut: () => {
      whole = false;
    },
    sent,
  };
}

/** A worker process that calls its store as told. */
export interface StoreProcess {
  readonly child: ChildProcess;
  readonly channel: Channel;
  /** Calls a method of the process's store; answers its value, or "failed: <code>". */
  call(method: string, ...args: unknown[]): Promise<unknown>;
  /** Calls a method in a process that kills itself the moment it is done. */
  last(method: string, ...args: unknown[]): Promise<void>;
  end(): Promise<void>;
}

/** `kind`: which store the process has. */
export function forkStore(kind: "remote" | "mirrored"): StoreProcess {
  const child = fork(fileURLToPath(new URL("store-process.ts", import.meta.url)), [kind], { serialization: "advanced" });
  const waiting = new Map<number, (value: unknown) => void>();
  const channel = processChannel(child);
  let last = 0;
  child.on("message", (message: { kind?: string; n?: number; value?: unknown }) => {
    if (message.kind !== "test-done" || message.n === undefined) return;
    waiting.get(message.n)?.(message.value);
    waiting.delete(message.n);
  });
  return {
    child,
    channel,
    async call(method, ...args) {
      const n = (last += 1);
      const answer = new Promise<unknown>((resolve) => waiting.set(n, resolve));
      await channel.send({ kind: "test-call", n, method, args });
      return answer;
    },
    async last(method, ...args) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      await channel.send({ kind: "test-last", n: 0, method, args });
      await ended;
    },
    async end() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await ended;
      }
    },
  };
}
