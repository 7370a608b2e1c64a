/**
 * The command line: commands, options and help. Each command's own module is loaded when it runs, so that help is quick and one broken
 * part does not take the others with it.
 * Must not do a command's work.
 */
import { availableParallelism } from "node:os";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import type { BuildOptions } from "./build.ts";
import type { CheckOptions } from "./check.ts";
import type { JudgeOptions } from "./judge.ts";
import type { KeyOptions } from "./key.ts";
import type { ServeOptions } from "./serve.ts";
import { EXIT, type Streams } from "./streams.ts";
import type { TourOptions } from "./tour.ts";
import type { VersionOptions } from "./version.ts";

const CONFIG = ["-c, --config <file>", "configuration file (docs/configuration.md)"] as const;

const list = (text: string): string[] =>
  text.split(",").map((part) => {
    const item = part.trim();
    if (item === "") throw new InvalidArgumentError("Write the names with commas between them: a,b.");
    return item;
  });

const MOST_WORKERS = 64;

const workers = (text: string): number => {
  if (text === "auto") return Math.min(availableParallelism(), MOST_WORKERS);
  const number = /^\d{1,3}$/u.test(text) ? Number(text) : 0;
  if (number < 1 || number > MOST_WORKERS) throw new InvalidArgumentError(`Write a number from 1 to ${MOST_WORKERS}, or auto.`);
  return number;
};

/** Not `requiredOption`: that one is checked before unknown options are, and would hide that `--confg` was meant for it. */
function requireConfig(_program: Command, command: Command): void {
  if (command.opts()["config"] === undefined) command.error("error: required option '-c, --config <file>' not specified");
}

/** Runs one command line (without node and script) and answers its exit code. */
export async function run(args: readonly string[], streams: Streams): Promise<number> {
  let code: number = EXIT.fine;
  const program = buildProgram(streams, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
  }
  return code;
}

function buildProgram(streams: Streams, done: (code: number) => void): Command {
  const program = new Command("sluice")
    .description("Policy-as-code security firewall for the Model Context Protocol: your Rego judges every message, in both directions.")
    .configureOutput({ writeOut: (text) => streams.stdout.write(text), writeErr: (text) => streams.stderr.write(text) })
    .exitOverride()
    .showHelpAfterError("Run it with --help for an example.")
    .addHelpText("after", EXAMPLES.program);

  program
    .command("serve")
    .summary("stand between clients and servers")
    .description(
      "Serves the configured MCP servers behind Sluice, in worker processes that are replaced when they end. SIGHUP reloads the configuration and the policies; SIGINT and SIGTERM let calls under way finish and stop.",
    )
    .addOption(new Option(...CONFIG).conflicts(["upstream", "listen"]))
    .option("-u, --upstream <url>", "put this one server behind all shipped policies, without a configuration file")
    .option("-l, --listen <host:port>", "with --upstream: address for clients (default 127.0.0.1:8080)")
    .option("-w, --workers <n|auto>", "processes that serve; auto: one for each processor (default 1)", workers)
    .addHelpText("after", EXAMPLES.serve)
    .action(async (options: ServeOptions) => done(await (await import("./serve.ts")).serve(options, streams)));

  program
    .command("check")
    .summary("say everything that is wrong with configuration and policies")
    .description(
      "Reads the configuration and compiles the policies, and reports everything that is wrong at once, each with file:line:column.",
    )
    .option(...CONFIG)
    .hook("preAction", requireConfig)
    .addHelpText("after", EXAMPLES.check)
    .action(async (options: CheckOptions) => done(await (await import("./check.ts")).check(options, streams)));

  program
    .command("judge")
    .summary("say what would become of a message")
    .description(
      "Sends one JSON-RPC message (or one per line) through the real path, without a network, and prints one JSON line for each.",
    )
    .argument("<file>", "file with the message; - for standard input")
    .option(...CONFIG)
    .hook("preAction", requireConfig)
    .option("-s, --server <name>", "the server that it goes to or comes from (needed when several are configured)")
    .addOption(
      new Option("-d, --direction <direction>", "where it is going")
        .choices(["client_to_server", "server_to_client"])
        .default("client_to_server"),
    )
    .option("-p, --principal <id>", "who is calling: the id of an API key (absent: anonymous)")
    .option("--groups <names>", "the caller's groups, with commas between them", list)
    .option("--scopes <names>", "the caller's scopes, with commas between them", list)
    .option("--lines", "one message per line, all in one flow")
    .option("--request <file>", "the request that a result answers (absent: a plain tools/call)")
    .addHelpText("after", EXAMPLES.judge)
    .action(async (file: string, options: JudgeOptions) => done(await (await import("./judge.ts")).judge(file, options, streams)));

  program
    .command("build")
    .summary("compile policies to a bundle")
    .description("Compiles the policies of a configuration to one OPA bundle, which policy.path can name instead of the folder.")
    .option(...CONFIG)
    .hook("preAction", requireConfig)
    .requiredOption("-o, --output <file>", "the bundle, a .tar.gz file")
    .addHelpText("after", EXAMPLES.build)
    .action(async (options: BuildOptions) => done(await (await import("./build.ts")).build(options, streams)));

  const key = program.command("key").summary("make API keys").description("API keys for clients.").addHelpText("after", EXAMPLES.key);
  key
    .command("new")
    .description("Makes an API key, shows it once, and prints the lines for the configuration.")
    .option("--id <id>", "name of its holder: input.principal.id in policies")
    .option("--groups <names>", "groups, with commas between them", list)
    .option("--scopes <names>", "scopes, with commas between them", list)
    .option("--expires <date>", "date from which it is refused, such as 2027-01-31")
    .addHelpText("after", EXAMPLES.key)
    .action(async (options: KeyOptions) => done((await import("./key.ts")).newKey(options, streams)));

  program
    .command("tour")
    .summary("see it work")
    .description("Starts two demonstration servers behind Sluice and shows what the shipped policies do, then keeps serving.")
    .addHelpText("after", EXAMPLES.tour)
    .option("--once", "end after the last step instead of serving on")
    .action(async (options: TourOptions) => done(await (await import("./tour.ts")).tour(options, streams)));

  program
    .command("version")
    .summary("print versions")
    .description("Prints the versions of Sluice, Node and OPA, and with --config the revision of the policies.")
    .option(...CONFIG)
    .addHelpText("after", EXAMPLES.version)
    .action(async (options: VersionOptions) => done(await (await import("./version.ts")).version(options, streams)));

  return program;
}

const EXAMPLES = {
  program: `
Example: put a server behind the shipped policies, then connect a client to http://127.0.0.1:8080/upstream/mcp
  $ sluice serve --upstream https://mcp.example.com/mcp

Exit codes: 0 fine, 1 found something, 2 wrong usage or configuration.`,
  serve: `
Examples:
  $ sluice serve --upstream https://mcp.example.com/mcp
  $ sluice serve --config sluice.yaml --workers auto
  $ sluice serve --config sluice.yaml      # servers: {github: {url: https://api.githubcopilot.com/mcp/}}
  Clients connect to http://127.0.0.1:8080/NAME/mcp, where NAME is upstream or the server's name.`,
  check: `
Example, as a step of CI:
  $ sluice check --config sluice.yaml
  sluice.yaml:4:5: error: unknown key "trsut". Did you mean "trust"? [config/unknown-key]

Exit codes: 0 nothing wrong (warnings at most), 1 the policies are wrong, 2 the configuration is.`,
  judge: `
Example: would this call leave?
  $ echo '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hi"}}}' |
      sluice judge --config sluice.yaml --server github -

Exit codes: 0 all may pass (changed or not), 1 one was denied, held or in error, 2 wrong usage or configuration.`,
  build: `
Example:
  $ sluice build --config sluice.yaml --output bundle.tar.gz`,
  key: `
Example:
  $ sluice key new --id ci --groups deployers --expires 2027-01-31`,
  tour: `
Example:
  $ sluice tour`,
  version: `
Example:
  $ sluice version --config sluice.yaml`,
} as const;
