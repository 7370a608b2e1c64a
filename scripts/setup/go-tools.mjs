/**
 * OPA and Regal: the one on PATH when it is new enough, else built from a Go module that is pinned with its hashes under
 * scripts/tools/<name> (go.mod, go.sum). Must not download binaries: a checksum that nobody here can verify is worth nothing.
 */
import fs from "node:fs";
import path from "node:path";
import { compareVersions } from "../node-range.mjs";
import { findOnPath, networkFault, run, SetupError } from "./command.mjs";
import { hashOf, readStamp, writeStamp } from "./stamps.mjs";

const TOOLS = {
  opa: {
    title: "OPA",
    module: "github.com/open-policy-agent/opa",
    // 1.21.3 fixes stripped bundle signatures (GHSA-g2pf-6v5v-qcc8).
    atLeast: "1.21.3",
    site: "https://www.openpolicyagent.org/docs/#running-opa",
    ldflags: "-s -w",
  },
  regal: {
    title: "Regal",
    module: "github.com/open-policy-agent/regal",
    atLeast: "0.42.0",
    site: "https://www.openpolicyagent.org/projects/regal",
    ldflags: "-s -w -X github.com/open-policy-agent/regal/pkg/version.Version=",
  },
};

/** Step: brings the tool named `opa` or `regal`; `.tools/bin/<name>` exists afterwards unless the one on PATH is used. */
export async function bringGoTool(name, { root, tools, progress }) {
  const tool = TOOLS[name];
  const module = path.join("scripts", "tools", name);
  const binary = path.join(tools, "bin", name);
  const pins = hashOf(root, [path.join(module, "go.mod"), path.join(module, "go.sum")]);
  const stamp = readStamp(tools, name);
  if (stamp !== undefined && stamp.pins === pins && stamp.state === stateOf(stamp.file)) return undefined;

  const pinned = new RegExp(`${tool.module} v(\\S+)`).exec(fs.readFileSync(path.join(root, module, "go.mod"), "utf8"))?.[1] ?? "";
  const remember = (file) => writeStamp(tools, name, { pins, file, state: stateOf(file) });
  if (fs.existsSync(binary) && (await versionOf(binary)) === pinned) {
    remember(binary);
    return `${tool.title} ${pinned} was built before`;
  }
  const present = findOnPath(name);
  const version = present === undefined ? undefined : await versionOf(present);
  if (version !== undefined && compareVersions(version, tool.atLeast) >= 0) {
    fs.rmSync(binary, { force: true });
    remember(present);
    return `${tool.title} ${version} from PATH`;
  }
  await build(tool, { cwd: path.join(root, module), pinned, binary, tooOld: version, progress });
  remember(binary);
  return `${tool.title} ${pinned} built from its Go module`;
}

async function build(tool, { cwd, pinned, binary, tooOld, progress }) {
  const why = tooOld === undefined ? `${tool.title} is missing` : `${tool.title} ${tooOld} on PATH is older than ${tool.atLeast}`;
  const needed = /^go (\d+\.\d+)/m.exec(fs.readFileSync(path.join(cwd, "go.mod"), "utf8"))?.[1] ?? "";
  const remedy = `install ${tool.title} ${tool.atLeast} or newer (${tool.site}) so that it is on PATH, or Go ${needed} or newer (https://go.dev/dl/) to have it built here, and try again.`;
  const go = findOnPath("go");
  if (go === undefined) throw new SetupError(`${why}, and so is Go: ${remedy}`);

  const partial = `${binary}.partial-${process.pid}`;
  fs.mkdirSync(path.dirname(binary), { recursive: true });
  progress("go fetches and compiles the sources");
  const ldflags = tool.ldflags.endsWith("=") ? `${tool.ldflags}${pinned}` : tool.ldflags;
  const { code, output } = await run(
    go,
    ["build", "-v", "-trimpath", "-buildvcs=false", `-ldflags=${ldflags}`, "-o", partial, tool.module],
    {
      cwd,
      // An older Go fetches the pinned one from the module proxy, checked against the checksum database; readonly keeps go.sum in charge.
      env: { ...process.env, GOTOOLCHAIN: process.env.GOTOOLCHAIN || "auto", GOFLAGS: "-mod=readonly", GOWORK: "off", CGO_ENABLED: "0" },
      onLine: progress,
    },
  );
  if (code === 0) {
    fs.renameSync(partial, binary);
    return;
  }
  fs.rmSync(partial, { force: true });
  const fault = networkFault(output);
  if (fault !== undefined) {
    throw new SetupError(
      `The network failed while Go fetched the sources of ${tool.title} (${fault}): check the connection or GOPROXY and try again.`,
      output,
    );
  }
  if (/requires go >= |go: no such tool|unknown directive|invalid go version/.test(output)) {
    throw new SetupError(`${why}, and the Go on this machine is too old to build it: ${remedy}`, output);
  }
  throw new SetupError(`go build of ${tool.title} ${pinned} failed: its last lines are above; or ${remedy}`, output);
}

async function versionOf(binary) {
  const { code, output } = await run(binary, ["version"], {});
  return code === 0 ? /^Version:\s*v?(\d+\.\d+\.\d+)/m.exec(output)?.[1] : undefined;
}

/** Size and time of the file: an upgraded or removed tool is looked at again. */
function stateOf(file) {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  return stat === undefined ? "absent" : `${stat.size}:${stat.mtimeMs}`;
}
