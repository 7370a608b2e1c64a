/** `sluice build`: compiles the policies of a configuration to one bundle file. Must not write a bundle that failed any check. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { ioReason } from "../config/io-reason.ts";
import { loadConfig } from "../config/load.ts";
import { buildBundle } from "../policy/policy.ts";
import { EXIT, type ExitCode, printProblems, type Streams } from "./streams.ts";

export interface BuildOptions {
  readonly config: string;
  readonly output: string;
}

export async function build({ config: file, output }: BuildOptions, { stdout, stderr }: Streams): Promise<ExitCode> {
  if (!output.endsWith(".tar.gz")) {
    stderr.write("error: the bundle's name must end in .tar.gz, so that policy.path can name it\n");
    return EXIT.usage;
  }
  const loaded = await loadConfig(file);
  if (!loaded.ok) {
    printProblems(loaded.failure, stderr);
    return EXIT.usage;
  }
  const { config, locate, warnings } = loaded.value;
  const built = await buildBundle(config, { locate });
  if (!built.ok) {
    printProblems([...warnings, ...built.failure], stderr);
    return EXIT.found;
  }
  printProblems([...warnings, ...built.value.warnings], stderr);
  // Renamed into place: a gateway that reloads meanwhile reads the old bundle or the new one.
  const draft = `${output}.${process.pid}.tmp`;
  try {
    writeFileSync(draft, built.value.bundle);
    renameSync(draft, output);
  } catch (error) {
    rmSync(draft, { force: true });
    stderr.write(`error: ${output} cannot be written: ${ioReason(error)}\n`);
    return EXIT.usage;
  }
  stdout.write(`${output}: ${built.value.bundle.length} bytes\n`);
  return EXIT.fine;
}
