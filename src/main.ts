/** The process: hands the command line to the program and turns its answer into the exit code. Must not know any command. */
import { run } from "./cli/program.ts";

/** A fault of the program itself (sysexits.h EX_SOFTWARE): never one of the documented answers. */
const FAULT = 70;

// `sluice judge … | head` closes the pipe early: that is the reader's choice, not a fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : FAULT);
});

try {
  process.exitCode = await run(process.argv.slice(2), process);
} catch (error) {
  process.stderr.write(`sluice: internal fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = FAULT;
}
