/**
 * What `./sluice` and the installed `sluice` command run: checks the Node version, then hands over to the program in this process,
 * so that signals and exit codes are the program's own. Runs the built package when there is one, else the TypeScript source.
 * Must run under any Node from 18 on, to be able to say that a newer one is needed.
 */
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { nodeRange, satisfies } from "./node-range.mjs";

const root = new URL("../", import.meta.url);
const source = new URL("src/main.ts", root);
// A checkout always runs its source: a `dist` left over from an old build must not shadow it.
const fromSource = fs.existsSync(source);

if (!satisfies(process.versions.node)) {
  const remedy = fromSource ? "Run `npm run setup` once: it brings one into this folder." : "Install a newer one from https://nodejs.org/.";
  process.stderr.write(`sluice needs Node ${nodeRange}, this is ${process.versions.node}. ${remedy}\n`);
  process.exit(2);
}
if (fromSource && !fs.existsSync(new URL("node_modules/", root))) {
  process.stderr.write("sluice is not set up yet. Run `npm run setup` once in its folder.\n");
  process.exit(2);
}
if (fromSource && Number.parseInt(process.versions.node, 10) < 24) {
  // Node 22 announces type stripping as experimental on every start; every other warning is still shown.
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name !== "ExperimentalWarning") process.stderr.write(`${warning.name}: ${warning.message}\n`);
  });
}
const compiledCode = new URL(fromSource ? "src/compiled-code.js" : "dist/compiled-code.js", root);
// Without it a start only takes longer.
if (fs.existsSync(compiledCode)) (await import(compiledCode.href)).keepCompiledCode(fileURLToPath(root), process.env);
await import((fromSource ? source : new URL("dist/main.js", root)).href);
