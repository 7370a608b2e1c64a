/**
 * Starts a demonstration server as a child process on a free loopback port and waits until it answers. Must leave no process behind.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

export interface ChildServer {
  readonly port: number;
  stop(): Promise<void>;
}

const READY_MS = 20_000;
const POLL_MS = 50;

/**
 * Runs `node <args>` with PORT set. It holds the other end of the child's standard input, which ends with this process however that
 * ends; the preloaded `end-with-parent` makes the child notice. Its output is dropped: it can hold what was sent to it.
 */
export async function startChildServer(args: readonly string[]): Promise<ChildServer> {
  const port = await freePort();
  const child = spawn(process.execPath, args, { stdio: ["pipe", "ignore", "ignore"], env: { ...process.env, PORT: String(port) } });
  const stop = (): Promise<void> => stopChild(child);
  process.once("exit", () => {
    child.kill("SIGKILL");
  });
  try {
    await waitFor(child, port);
  } catch (fault) {
    await stop();
    throw fault;
  }
  return { port, stop };
}

/** A port that is free on loopback at this moment; `preferred` when that one is. */
export async function freePort(preferred = 0): Promise<number> {
  const probe = createServer();
  try {
    await listenOn(probe, preferred);
  } catch (fault) {
    if (preferred === 0) throw fault;
    return freePort();
  }
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  return typeof address === "object" && address !== null ? address.port : preferred;
}

async function listenOn(server: ReturnType<typeof createServer>, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}

async function waitFor(child: ChildProcess, port: number): Promise<void> {
  for (const deadline = Date.now() + READY_MS; Date.now() < deadline; ) {
    if (child.exitCode !== null) throw new Error(`a demonstration server ended at once (exit code ${child.exitCode})`);
    try {
      await fetch(`http://127.0.0.1:${port}/mcp`, { method: "GET", signal: AbortSignal.timeout(1000) });
      return;
    } catch {
      // Not listening yet.
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
  throw new Error("a demonstration server did not start in time");
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 2000);
  await ended;
  clearTimeout(late);
}
