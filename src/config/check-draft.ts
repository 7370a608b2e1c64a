/**
 * What must hold across keys and outside the file: the listener and who may call it, keys, packs, zones, and that every file is there.
 * Must not change anything, and must go on after each problem: the operator sees all of them at once.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { checkServer } from "./check-servers.ts";
import { type CheckContext, type Checks, collector } from "./checks.ts";
import type { Path } from "./document.ts";
import { isLoopback } from "./address.ts";
import type { Problem } from "./problem.ts";
import type { Written } from "./schema.ts";
import { ioReason } from "./io-reason.ts";
import { didYouMean } from "./suggest.ts";

/** All problems of a draft whose paths are absolute already. */
export function checkDraft(draft: Written, context: CheckContext): Problem[] {
  const problems: Problem[] = [];
  const checks = collector(problems, context);
  checkListener(draft, context, checks);
  checkKeys(draft, context, checks);
  checkZone(draft.time_zone, checks);
  checkBrowsers(draft, checks);
  if (Object.keys(draft.servers).length === 0 && !context.replaced(["servers"])) {
    checks.error(
      ["servers"],
      "config/no-servers",
      "there is no server",
      "Name at least one: servers: {github: {url: https://api.githubcopilot.com/mcp/}}.",
      "key",
    );
  }
  const { packs } = draft.policy;
  // Which packs a list with an unknown name was meant to load, nobody knows: that name is reported, not what follows from it.
  const loaded = packs?.every((pack) => context.shippedPacks.includes(pack)) === true ? packs : context.shippedPacks;
  for (const [name, server] of Object.entries(draft.servers)) {
    checkServer(name, server, checks);
    checkPacks(["servers", name, "packs"], server.packs, loaded, context, checks);
  }
  checkPacks(["policy", "packs"], draft.policy.packs, context.shippedPacks, context, checks);
  checkPolicyPath(draft.policy.path, checks);
  checkAuditFile(draft.audit.file, checks);
  return problems;
}

function checkListener({ listen, tls, authn }: Written, { replaced }: CheckContext, checks: Checks): void {
  const known = !replaced(["authn"]);
  if (known && (authn.anonymous === undefined) === (authn.api_keys === undefined)) {
    checks.error(
      ["authn"],
      "config/authn",
      "authn needs exactly one of anonymous and api_keys",
      "Write authn: {anonymous: true}, or a list of api_keys.",
      "key",
    );
  } else if (known && authn.anonymous === true && !isLoopback(listen.host)) {
    const hint = "Listen on 127.0.0.1, or list authn.api_keys (`sluice key new` makes one).";
    checks.error(
      ["listen"],
      "config/anonymous-open",
      "whoever reaches this address may call every server: authn asks for no credentials",
      hint,
    );
  } else if (known && authn.api_keys !== undefined && tls === undefined && !replaced(["tls"]) && !isLoopback(listen.host)) {
    checks.warning(
      ["listen"],
      "config/plain-listen",
      "API keys arrive unencrypted on this address",
      "Set tls, or keep a TLS terminator in front.",
    );
  }
  if (tls === undefined) return;
  const certificate = checks.pem(["tls", "cert"], tls.cert, "CERTIFICATE");
  const key = checks.pem(["tls", "key"], tls.key, "PRIVATE KEY");
  if (certificate === undefined || key === undefined) return;
  try {
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) {
      checks.error(["tls", "key"], "config/pem", "the private key is not the one of the certificate");
    }
  } catch {
    // The library's message may quote the key's text.
    checks.error(
      ["tls"],
      "config/pem",
      "the certificate or the private key cannot be read",
      "Both must be PEM, the key without a passphrase.",
      "key",
    );
  }
}

function checkKeys({ authn }: Written, { now }: CheckContext, checks: Checks): void {
  const ids = new Set<string>();
  const hashes = new Set<string>();
  for (const [index, key] of (authn.api_keys ?? []).entries()) {
    const path = ["authn", "api_keys", index];
    if (ids.has(key.id)) checks.error([...path, "id"], "config/duplicate-name", `there is already a key with the id "${key.id}"`);
    if (hashes.has(key.sha256))
      checks.error([...path, "sha256"], "config/duplicate-name", "another entry has the same key", "`sluice key new` makes a new one.");
    ids.add(key.id);
    hashes.add(key.sha256);
    if (key.expires !== undefined && key.expires <= now) {
      checks.warning(
        [...path, "expires"],
        "config/expired-key",
        `the key "${key.id}" has expired and is refused`,
        "Remove it, or make a new one: `sluice key new`.",
      );
    }
  }
}

function checkZone(zone: string, checks: Checks): void {
  // The default, which everybody has: not worth loading the tables of zones, which take 10 ms.
  if (zone === "UTC") return;
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
  } catch {
    // A RangeError says that there is no such zone, and nothing else is thrown here.
    const hint = didYouMean(zone, Intl.supportedValuesOf("timeZone")) ?? "Write a name such as Europe/Berlin, or UTC.";
    checks.error(["time_zone"], "config/time-zone", "there is no such time zone", hint);
  }
}

function checkBrowsers({ allowed_origins: origins, allowed_hosts: hosts }: Written, checks: Checks): void {
  for (const [index, origin] of origins.entries()) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      checks.error(
        ["allowed_origins", index],
        "config/origin",
        "this is not an origin",
        "Write scheme and host, without a path: https://console.example.com.",
      );
    }
  }
  for (const [index, host] of hosts.entries()) {
    const parsed = URL.canParse(`http://${host}/`) ? new URL(`http://${host}/`) : undefined;
    if (parsed === undefined || host.includes("/") || host.includes("@") || parsed.hostname !== host.replace(/:\d+$/u, "").toLowerCase()) {
      checks.error(["allowed_hosts", index], "config/host", "this is not a host", "Write a name, or name:port: mcp.example.com.");
    }
  }
}

function checkPacks(
  path: Path,
  packs: readonly string[] | undefined,
  known: readonly string[],
  { shippedPacks }: CheckContext,
  checks: Checks,
): void {
  for (const [index, pack] of (packs ?? []).entries()) {
    const at = [...path, index];
    if (!shippedPacks.includes(pack))
      checks.error(at, "config/unknown-pack", `there is no shipped pack "${pack}"`, didYouMean(pack, shippedPacks));
    else if (!known.includes(pack)) checks.error(at, "config/unknown-pack", `the pack "${pack}" is not loaded`, "Add it to policy.packs.");
    if (packs?.indexOf(pack) !== index) checks.error(at, "config/duplicate-name", `the pack "${pack}" is already in this list`);
  }
}

function checkPolicyPath(path: string | undefined, checks: Checks): void {
  if (path === undefined) return;
  const at = ["policy", "path"];
  try {
    const facts = statSync(path);
    if (facts.isDirectory() || (facts.isFile() && path.endsWith(".tar.gz"))) return;
    checks.error(
      at,
      "config/policy-path",
      `${path} is neither a folder nor a bundle (.tar.gz)`,
      "Name the folder that holds your .rego files.",
    );
  } catch (error) {
    checks.error(
      at,
      "config/missing-file",
      `${path} cannot be read: ${ioReason(error)}`,
      "Relative paths start at the configuration file's folder.",
    );
  }
}

function checkAuditFile(file: string, checks: Checks): void {
  const at = ["audit", "file"];
  const facts = statSync(file, { throwIfNoEntry: false });
  if (facts?.isDirectory() === true) {
    checks.error(at, "config/audit-file", `${file} is a folder`, "Name a file in it.");
    return;
  }
  try {
    accessSync(facts === undefined ? dirname(file) : file, constants.W_OK);
  } catch (error) {
    checks.error(
      at,
      "config/audit-file",
      `${file} cannot be written: ${ioReason(error)}`,
      "Its folder must be there, and writable for the account that runs Sluice.",
    );
  }
}
