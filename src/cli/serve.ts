/**
 * `sluice serve`: runs the supervisor and its workers until it is told to stop. SIGHUP reloads, SIGINT and SIGTERM stop.
 * Must not start on any problem, and must never leave a running gateway without a checked configuration.
 */
import { isDeepStrictEqual } from "node:util";
import type { Config } from "../config/config.ts";
import { configForUpstream, type LoadedConfig, loadConfig } from "../config/load.ts";
import type { Locate } from "../config/document.ts";
import type { Problem } from "../config/problem.ts";
import { type Result, ok } from "../errors.ts";
import type { PolicyBundle } from "../policy/activate.ts";
import type { Supervisor } from "../workers/supervisor.ts";
import { stopSignal } from "./stop-signal.ts";
import { EXIT, type ExitCode, outliveReaders, printProblems, type Streams } from "./streams.ts";

export interface ServeOptions {
  readonly config?: string;
  readonly upstream?: string;
  readonly listen?: string;
  /** Absent: one. */
  readonly workers?: number;
}

export async function serve(options: ServeOptions, streams: Streams): Promise<ExitCode> {
  const { stdout, stderr } = streams;
  if (options.config === undefined && options.upstream === undefined) {
    stderr.write("error: say what to serve: --config FILE, or --upstream URL for one server\nRun it with --help for an example.\n");
    return EXIT.usage;
  }
  const load = (): Promise<Result<LoadedConfig, Problem[]>> => loadFrom(options);
  const hungUp = earlyHangUp();
  const loaded = await load();
  if (!loaded.ok) {
    printProblems(loaded.failure, stderr);
    return EXIT.usage;
  }
  const { config, locate, warnings } = loaded.value;
  printProblems(warnings, stderr);
  // Loaded last: a wrong configuration is answered at once.
  const [{ openSupervisor }, { createLogger }] = await Promise.all([import("../workers/supervisor.ts"), import("../observe/logger.ts")]);
  const stopped = stopSignal();
  const opened = await openSupervisor(config, { workers: options.workers ?? 1, log: createLogger(config.log.level) });
  // The workers boot meanwhile.
  const policy = await obtainPolicy(config, locate, { tried: false });
  const started = opened.ok && policy.ok ? await opened.value.serve(config, policy.value) : undefined;
  if (!opened.ok || !policy.ok || started?.ok !== true) {
    const problems = [policy, opened, started].flatMap((step) => (step === undefined || step.ok ? [] : step.failure));
    printProblems(problems, stderr);
    if (opened.ok) await opened.value.close();
    return EXIT.usage;
  }
  printProblems(policy.value.warnings, stderr);
  const supervisor = opened.value;
  outliveReaders(streams);
  const stopReloading = reloadOnHangUp(supervisor, config, load, streams);
  if (hungUp()) process.emit("SIGHUP");
  stdout.write(connectLines(config, started.value));
  await stopped;
  stopReloading();
  stderr.write("Stopping.\n");
  await supervisor.close();
  return EXIT.fine;
}

/** A SIGHUP that comes before there is anything to reload must not end the process. Answers whether one came, and listens no more. */
function earlyHangUp(): () => boolean {
  let came = false;
  const onHangUp = (): void => {
    came = true;
  };
  process.on("SIGHUP", onHangUp);
  return () => {
    process.off("SIGHUP", onHangUp);
    return came;
  };
}

/**
 * The policy of a configuration, as the workers take it. They hold it to the load gate themselves: it is tried here as well when they are
 * serving, and what is wrong with it should not reach them.
 */
async function obtainPolicy(config: Config, locate: Locate, how: { tried: boolean }): Promise<Result<PolicyBundle, Problem[]>> {
  const { loadBundle } = await import("../policy/bundle.ts");
  return loadBundle(config, { locate }, how);
}

async function loadFrom({ config, upstream, listen }: ServeOptions): Promise<Result<LoadedConfig, Problem[]>> {
  if (config !== undefined) return loadConfig(config);
  const made = configForUpstream(upstream ?? "", listen);
  return made.ok ? ok({ config: made.value, locate: () => undefined, warnings: [] }) : made;
}

/** Where clients connect, a line for each server. */
function connectLines(config: Config, url: string): string {
  const base = url.replace(/\/$/u, "");
  const width = Math.max(...[...config.servers.keys()].map((name) => name.length));
  const lines = [...config.servers.values()].map(({ name, disabled, mode }) => {
    const note = disabled ? "  (disabled)" : mode === "observe" ? "  (observe: nothing is blocked)" : "";
    return `  ${name.padEnd(width)}  ${base}/${name}/mcp${note}\n`;
  });
  return `Sluice is ready. Clients connect to\n${lines.join("")}`;
}

/** At each SIGHUP, one after the other: opens the audit file anew and reloads. What is wrong keeps the running configuration and policy. */
function reloadOnHangUp(
  supervisor: Supervisor,
  started: Config,
  load: () => Promise<Result<LoadedConfig, Problem[]>>,
  { stdout, stderr }: Streams,
): () => void {
  const reload = async (): Promise<void> => {
    supervisor.reopenAudit();
    const loaded = await load();
    const policy = loaded.ok ? await obtainPolicy(loaded.value.config, loaded.value.locate, { tried: true }) : loaded;
    const reloaded = loaded.ok && policy.ok ? await supervisor.reload(withFixed(started, loaded.value.config), policy.value) : policy;
    supervisor.reloaded(reloaded.ok ? "ok" : "failed");
    if (!loaded.ok || !policy.ok || !reloaded.ok) {
      printProblems(reloaded.ok ? [] : reloaded.failure, stderr);
      stderr.write("Not reloaded: the running configuration and policy stay.\n");
      return;
    }
    printProblems([...loaded.value.warnings, ...policy.value.warnings], stderr);
    const waiting = needRestart(started, loaded.value.config);
    if (waiting.length > 0) stderr.write(`Restart to make the new ${waiting.join(", ")} take effect.\n`);
    stdout.write(`Reloaded: policy revision ${policy.value.revision}\n`);
  };
  let last: Promise<void> = Promise.resolve();
  const onHangUp = (): void => {
    last = last.then(reload).catch((error: unknown) => {
      const name = error instanceof Error ? error.name : typeof error;
      stderr.write(`Not reloaded: internal fault (${name}). The running configuration and policy stay.\n`);
    });
  };
  process.on("SIGHUP", onHangUp);
  return () => process.off("SIGHUP", onHangUp);
}

/**
 * A new configuration with what is fixed when the process starts, also for workers that come later: the socket, the audit file and the log
 * are opened once.
 */
function withFixed({ listen, tls, audit, log, limits }: Config, next: Config): Config {
  return {
    ...next,
    listen,
    tls,
    log,
    audit: { ...next.audit, file: audit.file },
    limits: { ...next.limits, body_ms: limits.body_ms },
  };
}

/** What of a new configuration does not take effect, by name: what `withFixed` keeps as it was. */
function needRestart(started: Config, next: Config): string[] {
  const kept = withFixed(started, next);
  const differ = <T extends object>(one: T, other: T): (keyof T & string)[] =>
    (Object.keys(one) as (keyof T & string)[]).filter((key) => !isDeepStrictEqual(one[key], other[key]));
  return differ(kept, next).flatMap((key) =>
    key === "audit" || key === "limits" ? differ<object>(kept[key], next[key]).map((inner) => `${key}.${String(inner)}`) : [key],
  );
}
