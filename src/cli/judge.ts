/**
 * `sluice judge`: sends messages through the real path without a network and prints what becomes of each.
 * Must not judge anything itself: what it prints is what the gateway would do.
 */
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { loadConfig } from "../config/load.ts";
import { ioReason } from "../config/io-reason.ts";
import { didYouMean } from "../config/suggest.ts";
import type { JudgeInput } from "../judge.ts";
import type { Direction } from "../policy/input.ts";
import { EXIT, type ExitCode, printProblems, type Streams } from "./streams.ts";

export interface JudgeOptions {
  readonly config: string;
  readonly server?: string;
  readonly direction: Direction;
  readonly lines?: boolean;
  readonly request?: string;
  readonly principal?: string;
  readonly groups?: string[];
  readonly scopes?: string[];
}

const REFUSED: ReadonlySet<string> = new Set(["deny", "hold", "error"]);

/** Judges the messages of `file` (`-`: standard input). Exit code 1 when one was denied, held or in error. */
export async function judge(file: string, options: JudgeOptions, streams: Streams): Promise<ExitCode> {
  const { stdout, stderr } = streams;
  const usage = (message: string): ExitCode => {
    stderr.write(`error: ${message}\n`);
    return EXIT.usage;
  };
  const loaded = await loadConfig(options.config);
  if (!loaded.ok) {
    printProblems(loaded.failure, stderr);
    return EXIT.usage;
  }
  const { config, locate, warnings } = loaded.value;
  printProblems(warnings, stderr);

  const server = chooseServer(options.server, [...config.servers.keys()]);
  if (!server.ok) return usage(server.message);
  const input = await readBytes(file, streams);
  if (!input.ok) return usage(input.message);
  const request = options.request === undefined ? undefined : await readBytes(options.request, streams);
  if (request?.ok === false) return usage(request.message);

  // Loaded last: a wrong argument is answered at once.
  const { createJudge } = await import("../judge.ts");
  const created = await createJudge(config, { locate });
  if (!created.ok) {
    printProblems(created.failure, stderr);
    return EXIT.usage;
  }
  let refused = false;
  for (const bytes of options.lines === true ? splitLines(input.bytes) : [withoutLineBreak(input.bytes)]) {
    const verdict = await created.value.judgeLine({
      bytes,
      server: server.name,
      direction: options.direction,
      ...(request === undefined ? {} : { request: request.bytes }),
      principal: callerOf(options),
    });
    refused ||= REFUSED.has(verdict.effect);
    stdout.write(`${JSON.stringify(verdict)}\n`);
  }
  return refused ? EXIT.found : EXIT.fine;
}

/** Who is calling: a holder of an API key when one is named, else nobody in particular. */
function callerOf({ principal, groups, scopes }: JudgeOptions): NonNullable<JudgeInput["principal"]> {
  if (principal === undefined && groups === undefined && scopes === undefined) return {};
  return { id: principal ?? "anonymous", method: "api_key", groups: groups ?? [], scopes: scopes ?? [] };
}

function chooseServer(named: string | undefined, known: readonly string[]): { ok: true; name: string } | { ok: false; message: string } {
  const [only] = known;
  if (named === undefined) {
    if (known.length === 1 && only !== undefined) return { ok: true, name: only };
    return { ok: false, message: `several servers are configured: say which one with --server (${known.join(", ")})` };
  }
  if (known.includes(named)) return { ok: true, name: named };
  return { ok: false, message: `there is no server "${named}" in the configuration. ${didYouMean(named, known) ?? ""}`.trimEnd() };
}

async function readBytes(file: string, { stdin }: Streams): Promise<{ ok: true; bytes: Buffer } | { ok: false; message: string }> {
  try {
    return { ok: true, bytes: file === "-" ? await buffer(stdin) : await readFile(file) };
  } catch (error) {
    return { ok: false, message: `${file} cannot be read: ${ioReason(error)}` };
  }
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** The line break at the end belongs to the file, not to the message. */
function withoutLineBreak(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== LINE_FEED) return bytes;
  return bytes.subarray(0, bytes.at(-2) === CARRIAGE_RETURN ? -2 : -1);
}

/** Lines without their line break; lines of white space alone are no messages. */
function* splitLines(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, start);
    const end = found === -1 ? bytes.length : found + 1;
    const line = withoutLineBreak(bytes.subarray(start, end));
    if (line.some((byte) => byte > 0x20)) yield line;
    start = end;
  }
}
