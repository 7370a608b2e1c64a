/**
 * What `npm start`, `npm test`, `npm run check`, `npm run bench` and `npm run chaos` call: set-up first, then the program under the Node that set-up prepared.
 * Must run under any Node from 18 on with nothing installed.
 */
import path from "node:path";
import { passThrough } from "./pass-through.mjs";
import { root, setUp, tools } from "./setup.mjs";

const [task, ...args] = process.argv.slice(2);
const node = path.join(tools, "bin", "node");
const serves = args.some((arg) => /^--(config|upstream)(=|$)/.test(arg));

const tasks = {
  start: { scope: "serve", command: path.join(root, "sluice"), args: [serves ? "serve" : "tour", ...args] },
  test: { scope: "test", command: node, args: [path.join(root, "node_modules", "vitest", "vitest.mjs"), "run", ...args] },
  generate: { scope: "test", command: node, args: [path.join(root, "scripts", "generate.ts"), ...args] },
  check: { scope: "test", command: node, args: [path.join(root, "scripts", "check.mjs"), ...args] },
  chaos: { scope: "test", command: node, args: [path.join(root, "scripts", "chaos.ts"), ...args] },
  bench: { scope: "serve", command: node, args: [path.join(root, "scripts", "bench.ts"), ...args] },
};

const chosen = Object.hasOwn(tasks, task ?? "") ? tasks[task] : undefined;
if (chosen === undefined) {
  process.stderr.write(
    `usage: node scripts/run.mjs ${Object.keys(tasks).join("|")} [arguments]    example: npm start -- --config my.yaml\n`,
  );
  process.exit(2);
}
if (!(await setUp(chosen.scope))) process.exit(1);
const env = { ...process.env, PATH: `${path.join(tools, "bin")}${path.delimiter}${process.env.PATH ?? ""}` };
process.exit(await passThrough(chosen.command, chosen.args, { cwd: root, env }));
