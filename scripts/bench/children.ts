/**
 * Starts the processes of the benchmark, on the cores that they belong on, and sees to it that none is left behind. Must not know what
 * they do.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { join } from "node:path";

export interface Child {
  readonly pid: number;
  readonly port: number;
  /** Sends one message and waits for the answer. */
  ask(message: object): Promise<Record<string, unknown>>;
  tell(message: object): void;
  stop(): Promise<void>;
}

/** Cores as `taskset` names them; undefined: anywhere. */
export interface Cores {
  readonly proxy: string | undefined;
  readonly load: string | undefined;
  readonly upstream: string | undefined;
  /** In words, for the report. */
  readonly note: string;
}

const STOP_MS = 10_000;

/** The proxy alone on its core, or on one core for each worker; generator and upstream elsewhere. */
export function coresFor(workers: number): Cores {
  const nowhere = { proxy: undefined, load: undefined, upstream: undefined };
  if (spawnSync("taskset", ["-c", "0", "true"]).status !== 0) return { ...nowhere, note: "not pinned: taskset is missing or not allowed" };
  const cores = availableParallelism();
  if (cores < workers + 1) return { ...nowhere, note: `not pinned: ${cores} cores are too few for ${workers} workers and the load` };
  const proxy = workers === 1 ? "0" : `0-${workers - 1}`;
  const load = String(workers);
  const upstream = String(cores > workers + 1 ? workers + 1 : workers);
  return { proxy, load, upstream, note: `proxy on core ${proxy}, load on ${load}, upstream on ${upstream}` };
}

export function pinned(cores: string | undefined, command: string, args: readonly string[]): [string, string[]] {
  return cores === undefined ? [command, [...args]] : ["taskset", ["-c", cores, command, ...args]];
}

export class Children {
  readonly #living = new Set<ChildProcess>();
  readonly #groups = new Set<number>();
  #keeper: Child | undefined;

  constructor() {
    process.once("exit", () => {
      this.#kill();
    });
  }

  /** Runs `scripts/bench/<name>.ts` and waits until it is ready. */
  async start(name: string, cores: string | undefined, args: readonly string[] = []): Promise<Child> {
    const script = join(import.meta.dirname, `${name}.ts`);
    const child = spawn(...pinned(cores, process.execPath, [script, ...args]), { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#living.add(child);
    child.once("exit", () => this.#living.delete(child));
    const heard = async (): Promise<Record<string, unknown>> => {
      const ended = new AbortController();
      const gone = (): void => ended.abort();
      child.once("exit", gone);
      try {
        const [message] = (await once(child, "message", { signal: ended.signal })) as [Record<string, unknown>];
        return message;
      } catch (fault) {
        throw new Error(`the ${name} process ended`, { cause: fault });
      } finally {
        child.off("exit", gone);
      }
    };
    const { port } = await heard();
    return {
      pid: child.pid as number,
      port: Number(port),
      ask: (message) => {
        const answer = heard();
        child.send(message);
        return answer;
      },
      tell: (message) => void child.send(message),
      stop: () => endOf(child, "SIGKILL", (signal) => child.kill(signal)),
    };
  }

  /** Runs any command in a process group of its own; it and all that it starts are ended by `stop`, with SIGTERM first. */
  async startGroup(
    command: string,
    args: readonly string[],
    { cores, cwd, env }: { cores: string | undefined; cwd: string; env: NodeJS.ProcessEnv },
  ): Promise<{ child: ChildProcess; stop(): Promise<void> }> {
    this.#keeper ??= await this.start("keeper", undefined);
    const keeper = this.#keeper;
    const child = spawn(...pinned(cores, command, args), { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const pid = child.pid;
    if (pid === undefined) throw new Error(`${command} cannot be started`);
    this.#groups.add(pid);
    keeper.tell({ start: pid });
    return {
      child,
      stop: async () => {
        await endOf(child, "SIGTERM", (signal) => process.kill(signal === "SIGTERM" ? pid : -pid, signal));
        killGroup(pid);
        this.#groups.delete(pid);
        keeper.tell({ end: pid });
      },
    };
  }

  #kill(): void {
    for (const group of this.#groups) killGroup(group);
    for (const child of this.#living) child.kill("SIGKILL");
  }
}

/** What is left of a group after its leader has ended: nothing, when that ended in good order. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing was left.
  }
}

async function endOf(child: ChildProcess, first: NodeJS.Signals, send: (signal: NodeJS.Signals) => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  send(first);
  const late = setTimeout(() => {
    send("SIGKILL");
  }, STOP_MS);
  await ended;
  clearTimeout(late);
}
