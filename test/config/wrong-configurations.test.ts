/** What an operator can get wrong in the configuration file, and the exact place and sentence that they see. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate } from "selfsigned";
import { afterAll, beforeAll, expect, test } from "vitest";
import { draftConfig, loadConfig } from "../../src/config/load.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-config-"));
const options = { shippedPacks: ["egress", "pii", "secrets"], now: Date.parse("2026-11-24T00:00:00Z") };
const A = "a".repeat(64);
const B = "b".repeat(64);

beforeAll(async () => {
  const [first, second] = await Promise.all([
    generate([{ name: "commonName", value: "a" }]),
    generate([{ name: "commonName", value: "b" }]),
  ]);
  writeFileSync(join(folder, "cert.pem"), first.cert);
  writeFileSync(join(folder, "key.pem"), first.private);
  writeFileSync(join(folder, "other-key.pem"), second.private);
  writeFileSync(join(folder, "token"), "abc\n");
  writeFileSync(join(folder, "two-lines"), "abc\r\nX-Injected: yes\n");
  mkdirSync(join(folder, "rules"));
  process.env["SLUICE_TEST_EMPTY"] = "";
});
afterAll(() => {
  delete process.env["SLUICE_TEST_EMPTY"];
  rmSync(folder, { recursive: true });
});

/** Problems of a configuration as `line:column severity check message | hint`, without the folder's name. */
async function problemsOf(yaml: string | Buffer): Promise<string[]> {
  const file = join(folder, "sluice.yaml");
  writeFileSync(file, yaml);
  const draft = draftConfig(file, options);
  const loaded = await loadConfig(file, options);
  expect(loaded.ok).toBe(!draft.problems.some(({ severity }) => severity === "error"));
  expect(loaded.ok ? loaded.value.warnings : loaded.failure).toEqual(draft.problems);
  return draft.problems.map((problem) => {
    expect(problem.file).toBe(file);
    const place = problem.line === undefined ? "-" : `${problem.line}:${problem.column}`;
    const text = `${place} ${problem.severity} ${problem.check} ${problem.message}${problem.hint === undefined ? "" : ` | ${problem.hint}`}`;
    return text.replaceAll(`${folder}/`, "");
  });
}

const one = "servers: {a: {url: https://a.example/mcp}}\n";
const server = (lines: string): string => `servers:\n  a:\n    url: https://a.example/mcp\n${lines}`;
const FOLDER_HINT = "Relative paths start at the configuration file's folder.";
const REFERENCE = (name: string) => `Write ${name}: {env: NAME} or ${name}: {file: PATH}.`;

interface Row {
  readonly name: string;
  readonly yaml: string | Buffer;
  readonly problems: readonly string[];
}

const ROWS: readonly Row[] = [
  // The text.
  {
    name: "an empty file",
    yaml: "",
    problems: [
      '1:1 error config/missing-key the key "servers" is missing | Name at least one: servers: {github: {url: https://api.githubcopilot.com/mcp/}}.',
    ],
  },
  { name: "a file that is not UTF-8", yaml: Buffer.from([0x61, 0xff]), problems: ["- error config/file the file is not UTF-8 text"] },
  { name: "a list", yaml: "- a\n", problems: ["1:1 error config/type expected keys and values, found a list"] },
  { name: "a tab", yaml: `${one}log:\n\tlevel: info\n`, problems: ["3:1 error config/yaml tabs cannot be used for indentation"] },
  { name: "two documents", yaml: `${one}---\na: 1\n`, problems: ["2:1 error config/yaml the file holds more than one YAML document"] },
  { name: "a tag", yaml: `${one}log: !!js/undefined {}\n`, problems: ["2:6 error config/yaml YAML tags are not accepted"] },
  { name: "an unknown alias", yaml: `${one}log: *none\n`, problems: ["2:6 error config/yaml there is no anchor &none before this alias"] },
  {
    name: "an alias in its own anchor",
    yaml: `${one}log: &x {level: *x}\n`,
    problems: ["2:17 error config/yaml this alias refers to what contains it"],
  },
  {
    name: "an alias bomb",
    yaml: `a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [${"*a,".repeat(10)}]\nc: &c [${"*b,".repeat(10)}]\nd: [${"*c,".repeat(10)}]\n${one}`,
    problems: ["- error config/yaml aliases multiply the file beyond its bounds"],
  },
  {
    name: "a server named twice",
    yaml: "servers:\n  a: {url: https://a.example}\n  a: {url: https://b.example}\n",
    problems: ["3:3 error config/duplicate-key this key is already there | Remove or rename one of the two."],
  },
  {
    name: "__proto__",
    yaml: "servers:\n  a: {url: https://a.example}\n  __proto__: {url: https://b.example}\n",
    problems: ['3:3 error config/unknown-key unknown key "__proto__"'],
  },
  // Keys and types.
  {
    name: "unknown keys at every level",
    yaml: "severs: {}\nservers:\n  a:\n    url: https://a.example\n    trsut: partner\nlimits: {bodi: 1}\nauthn: {api_keys: [{id: a, sha: x}]}\n",
    problems: [
      '1:1 error config/unknown-key unknown key "severs" | Did you mean "servers"?',
      '5:5 error config/unknown-key unknown key "trsut" | Did you mean "trust"?',
      '6:10 error config/unknown-key unknown key "bodi" | Did you mean "body"?',
      '7:20 error config/missing-key the key "sha256" is missing | `sluice key new` prints it.',
      '7:28 error config/unknown-key unknown key "sha" | Known: id, sha256, groups, scopes, expires.',
    ],
  },
  {
    name: "wrong types",
    yaml: "listen: 8080\nservers:\n  a: {url: 1, disabled: yes, labels: x, packs: pii}\n  b: https://b.example\npolicy:\nallowed_origins: {}\n",
    problems: [
      '1:9 error config/type "listen": expected text, found a number',
      '3:12 error config/type "url": expected text, found a number',
      '3:25 error config/type "disabled": expected true or false, found text',
      '3:38 error config/type "labels": expected a list, found text',
      '3:48 error config/type "packs": expected a list, found text',
      '4:6 error config/type "b": expected keys and values, found text',
      '5:1 error config/type "policy": there is no value here; expected keys and values',
      '6:1 error config/type "allowed_origins": expected a list, found keys and values',
    ],
  },
  {
    name: "values that are not in a list of words",
    yaml: `${server("    trust: thirdparty\n    mode: dry\n    authorization: pass\n")}audit: {on_error: alow}\nlog: {level: verbose}\n`,
    problems: [
      '4:12 error config/value "trust": expected one of internal, partner, third_party | Did you mean "third_party"?',
      '5:11 error config/value "mode": expected one of enforce, observe',
      '6:20 error config/value "authorization": expected one of strip, passthrough',
      '7:19 error config/value "on_error": expected one of deny, allow | Did you mean "allow"?',
      '8:14 error config/value "level": expected one of trace, debug, info, warn, error, silent',
    ],
  },
  {
    name: "sizes and times out of range or of no known unit",
    yaml: `${one}limits:\n  body: 4MB\n  event: 1B\n  string: 1000GiB\n  depth: 2.5\n  nodes: 1\n  upstream_ms: 1d\n  idle_ms: -1\n  connections: many\n`,
    problems: [
      '3:9 error config/value "body": expected a size such as 4MiB or 4194304; units: B, KiB, MiB, GiB',
      '4:10 error config/value "event": must be at least 1KiB',
      '5:11 error config/value "string": must be at most 256MiB',
      '6:10 error config/type "depth": expected a whole number, found a number',
      '7:10 error config/value "nodes": must be at least 100',
      '8:16 error config/value "upstream_ms": expected a duration such as 30s or 30000; units: ms, s, m, h',
      '9:12 error config/value "idle_ms": expected a duration such as 30s or 30000; units: ms, s, m, h',
      '10:16 error config/type "connections": expected a number, found text',
    ],
  },
  // The listener and who may call.
  {
    name: "a listen without an address",
    yaml: `listen: ":8080"\n${one}`,
    problems: [
      '1:9 error config/value "listen": name the address to listen on: 127.0.0.1 for this machine only, 0.0.0.0 for every network',
    ],
  },
  {
    name: "a listen without a port",
    yaml: `listen: localhost\n${one}`,
    problems: ['1:9 error config/value "listen": there is no port; write host:port, for example 127.0.0.1:8080 or [::1]:8080'],
  },
  {
    name: "IPv6 without brackets",
    yaml: `listen: "::1:8080"\n${one}`,
    problems: ['1:9 error config/value "listen": write host:port, for example 127.0.0.1:8080 or [::1]:8080'],
  },
  {
    name: "a port above 65535",
    yaml: `listen: 127.0.0.1:65536\n${one}`,
    problems: ['1:9 error config/value "listen": a port is at most 65535'],
  },
  {
    name: "IPv6 without quotes",
    yaml: `listen: [::1]:8080\n${one}`,
    problems: ['1:14 error config/yaml Unexpected scalar at node end | Put an IPv6 address in quotes: "[::1]:8080".'],
  },
  ...["0.0.0.0:80", "192.168.1.2:80", '"[::]:80"', "sluice.internal:80"].map((listen) => ({
    name: `anonymous callers on ${listen}`,
    yaml: `listen: ${listen}\n${one}`,
    problems: [
      "1:9 error config/anonymous-open whoever reaches this address may call every server: authn asks for no credentials | Listen on 127.0.0.1, or list authn.api_keys (`sluice key new` makes one).",
    ],
  })),
  {
    name: "keys on an open address without TLS (a warning)",
    yaml: `listen: 0.0.0.0:80\nauthn: {api_keys: [{id: a, sha256: ${A}}]}\n${one}`,
    problems: ["1:9 warning config/plain-listen API keys arrive unencrypted on this address | Set tls, or keep a TLS terminator in front."],
  },
  {
    name: "an authn with both ways",
    yaml: `authn: {anonymous: true, api_keys: [{id: a, sha256: ${A}}]}\n${one}`,
    problems: [
      "1:1 error config/authn authn needs exactly one of anonymous and api_keys | Write authn: {anonymous: true}, or a list of api_keys.",
    ],
  },
  {
    name: "an authn with neither way",
    yaml: `listen: 0.0.0.0:80\nauthn: {}\n${one}`,
    problems: [
      "2:1 error config/authn authn needs exactly one of anonymous and api_keys | Write authn: {anonymous: true}, or a list of api_keys.",
    ],
  },
  { name: "an empty list of keys", yaml: `authn: {api_keys: []}\n${one}`, problems: ['1:9 error config/value "api_keys": lists no key'] },
  {
    name: "keys with the same id, the same hash, no hash and a past date",
    yaml: `authn:\n  api_keys:\n    - {id: a, sha256: ${A}}\n    - {id: a, sha256: ${B}}\n    - {id: c, sha256: ${A.toUpperCase()}}\n    - {id: d, sha256: ${"d".repeat(64)}, expires: 2026-11-23}\n${one}`,
    problems: [
      '4:12 error config/duplicate-name there is already a key with the id "a"',
      "5:23 error config/duplicate-name another entry has the same key | `sluice key new` makes a new one.",
      '6:98 warning config/expired-key the key "d" has expired and is refused | Remove it, or make a new one: `sluice key new`.',
    ],
  },
  {
    name: "a hash of the wrong length, and dates that do not exist",
    yaml: `authn:\n  api_keys:\n    - {id: a, sha256: abc}\n    - {id: b, sha256: ${A}, expires: 2027-02-30}\n    - {id: c, sha256: ${B}, expires: tomorrow}\n${one}`,
    problems: [
      '3:23 error config/value "sha256": expected 64 hexadecimal digits: the SHA-256 of the key, as `sluice key new` prints it',
      '4:98 error config/value "expires": there is no such date',
      '5:98 error config/value "expires": expected a date such as 2027-01-31, or 2027-01-31T18:00:00Z with its zone',
    ],
  },
  {
    name: "TLS files that are missing or hold something else",
    yaml: `tls: {cert: none.pem, key: token}\n${one}`,
    problems: [
      `1:13 error config/missing-file none.pem cannot be read: it does not exist | ${FOLDER_HINT}`,
      '1:28 error config/pem token holds no PEM block "PRIVATE KEY"',
    ],
  },
  {
    name: "a TLS key of another certificate",
    yaml: `tls: {cert: cert.pem, key: other-key.pem}\n${one}`,
    problems: ["1:28 error config/pem the private key is not the one of the certificate"],
  },
  {
    name: "a time zone",
    yaml: `time_zone: Europe/Berln\n${one}`,
    problems: ['1:12 error config/time-zone there is no such time zone | Did you mean "Europe/Berlin"?'],
  },
  {
    name: "origins and hosts",
    yaml: `allowed_origins: [https://a.example/, "*"]\nallowed_hosts: [https://a.example, a.example/x]\n${one}`,
    problems: [
      "1:19 error config/origin this is not an origin | Write scheme and host, without a path: https://console.example.com.",
      "1:39 error config/origin this is not an origin | Write scheme and host, without a path: https://console.example.com.",
      "2:17 error config/host this is not a host | Write a name, or name:port: mcp.example.com.",
      "2:36 error config/host this is not a host | Write a name, or name:port: mcp.example.com.",
    ],
  },
  // Servers.
  {
    name: "no server",
    yaml: "servers: {}\n",
    problems: [
      "1:1 error config/no-servers there is no server | Name at least one: servers: {github: {url: https://api.githubcopilot.com/mcp/}}.",
    ],
  },
  {
    name: "names that no server may have",
    yaml: "servers:\n  metrics: {url: https://a.example}\n  Big: {url: https://a.example}\n",
    problems: [
      '2:3 error config/server-name "metrics" is a path that Sluice answers itself | Choose another name.',
      '3:3 error config/server-name "Big" cannot be the name of a server | Use 1 to 63 of a-z, 0-9, _ and -, starting with a letter or digit: it is a part of the URL that clients connect to.',
    ],
  },
  {
    name: "URLs",
    yaml: "servers:\n  a: {url: a.example/mcp}\n  b: {url: ftp://b.example}\n  c: {url: https://me:secret@c.example}\n  d: {url: https://d.example/#x}\n  e: {url: https://e.example/?api_key=x}\n  f: {url: http://f.example}\n",
    problems: [
      "2:12 error config/url this is not a URL | Write the whole address, for example https://mcp.example.com/mcp.",
      "3:12 error config/url a server is reached by https or http, not by ftp | Write the whole address, for example https://mcp.example.com/mcp.",
      "4:12 error config/url-credentials the URL holds a user name or password | Keep it in a file or variable: headers: {Authorization: {env: NAME}}.",
      "5:12 error config/url the URL ends in a #fragment, which is never sent | Remove it.",
      "6:12 warning config/url-credentials the URL's query seems to hold a credential, which policies and records can see | Send it in a header: headers: {…: {env: NAME}}.",
      "7:12 error config/plain-http http to another machine: everybody on the way can read and change the messages | Use https. If the network in between is yours alone, say allow_plain_http: true.",
    ],
  },
  {
    name: "secrets as literals, by the header's name and by the value's form",
    yaml: server("    headers:\n      Authorization: Bearer abc\n      X-Api-Key: abc\n      X-Team: ghp_abc\n      X-Other: Basic abc\n"),
    problems: [
      `5:22 error config/literal-secret the value of Authorization is a secret in the configuration file | ${REFERENCE("Authorization")}`,
      `6:18 error config/literal-secret the value of X-Api-Key is a secret in the configuration file | ${REFERENCE("X-Api-Key")}`,
      `7:15 error config/literal-secret the value of X-Team is a secret in the configuration file | ${REFERENCE("X-Team")}`,
      `8:16 error config/literal-secret the value of X-Other is a secret in the configuration file | ${REFERENCE("X-Other")}`,
    ],
  },
  {
    name: "secrets that are not there, empty, or would inject a header",
    yaml: server(
      "    headers:\n      A: {env: SLUICE_TEST_UNSET}\n      B: {env: SLUICE_TEST_EMPTY}\n      C: {file: none}\n      D: {file: two-lines}\n      E: {evn: X}\n",
    ),
    problems: [
      "5:7 error config/secret environment variable SLUICE_TEST_UNSET is not set | Set it before Sluice starts: export SLUICE_TEST_UNSET=….",
      "6:7 error config/secret environment variable SLUICE_TEST_EMPTY is empty | Set it before Sluice starts: export SLUICE_TEST_EMPTY=….",
      `7:7 error config/secret file none cannot be read: it does not exist | ${FOLDER_HINT}`,
      `8:7 error config/secret file two-lines holds a character that no header may hold, or a space at an end | ${FOLDER_HINT}`,
      '9:7 error config/value "E": expected text, {env: NAME} for an environment variable or {file: PATH} for a file that holds the secret',
    ],
  },
  {
    name: "headers that Sluice writes, that are no headers, twice, or beside a passed-on Authorization",
    yaml: server(
      "    authorization: passthrough\n    headers:\n      Host: a\n      Mcp-Session-Id: a\n      a b: c\n      X-A: 1a\n      x-a: 2a\n      Authorization: {file: token}\n",
    ),
    problems: [
      "6:7 error config/header Sluice writes the header Host itself | Remove it.",
      "7:7 error config/header Sluice writes the header Mcp-Session-Id itself | Remove it.",
      "8:7 error config/header this cannot be the name of a header",
      "10:7 error config/header the header x-a is already there, as X-A | Header names ignore case: remove one of the two.",
      "11:7 error config/header the client's Authorization is passed on (authorization: passthrough) and another one is added here | Remove one of the two.",
    ],
  },
  {
    name: "a CA that is missing",
    yaml: server("    ca: none.pem\n"),
    problems: [`4:9 error config/missing-file none.pem cannot be read: it does not exist | ${FOLDER_HINT}`],
  },
  // Policies and files.
  {
    name: "a pack that does not exist, without what follows from it",
    yaml: `${server("    packs: [secrets]\n")}policy: {packs: [tool_pinning]}\n`,
    problems: ['5:18 error config/unknown-pack there is no shipped pack "tool_pinning" | Known: egress, pii, secrets.'],
  },
  {
    name: "packs that do not exist, are there twice or are not loaded",
    yaml: `${server("    packs: [secrets, pi]\n")}policy: {packs: [pii, pii]}\n`,
    problems: [
      '4:13 error config/unknown-pack the pack "secrets" is not loaded | Add it to policy.packs.',
      '4:22 error config/unknown-pack there is no shipped pack "pi" | Did you mean "pii"?',
      '5:23 error config/duplicate-name the pack "pii" is already in this list',
    ],
  },
  {
    name: "a policy path and an audit file that are not there",
    yaml: `${one}policy: {path: ./none}\naudit: {file: ./none/audit.jsonl}\n`,
    problems: [
      `2:16 error config/missing-file none cannot be read: it does not exist | ${FOLDER_HINT}`,
      "3:15 error config/audit-file none/audit.jsonl cannot be written: it does not exist | Its folder must be there, and writable for the account that runs Sluice.",
    ],
  },
  {
    name: "a policy path that is a file, and an audit file that is a folder",
    yaml: `${one}policy: {path: token}\naudit: {file: rules}\n`,
    problems: [
      "2:16 error config/policy-path token is neither a folder nor a bundle (.tar.gz) | Name the folder that holds your .rego files.",
      "3:15 error config/audit-file rules is a folder | Name a file in it.",
    ],
  },
  {
    name: "a wrong value that comes in through an anchor and a merge key, at the place where it is written",
    yaml: "servers:\n  a: &base {url: https://a.example, trust: partnr}\n  b: {<<: *base, mode: enforced}\n",
    problems: [
      '2:44 error config/value "trust": expected one of internal, partner, third_party | Did you mean "partner"?',
      '3:24 error config/value "mode": expected one of enforce, observe | Did you mean "enforce"?',
    ],
  },
];

test.each(ROWS)("reports $name", async ({ yaml, problems }) => {
  expect(await problemsOf(yaml)).toEqual(problems);
});

test("says how to name a configuration file when there is none", async () => {
  const loaded = await loadConfig(join(folder, "missing.yaml"), options);
  expect(loaded.ok ? [] : loaded.failure).toEqual([
    {
      file: join(folder, "missing.yaml"),
      severity: "error",
      check: "config/file",
      message: "the configuration file cannot be read: it does not exist",
      hint: "Name one with --config, or put a single server behind Sluice with --upstream URL.",
    },
  ]);
});

test("never quotes a secret that it refuses", async () => {
  const secret = "hunter2hunter2";
  const yaml = server(`    headers: {Authorization: Bearer ${secret}, X-Token: ${secret}, Password: "${secret}"}\n`).replace(
    "https://",
    `https://me:${secret}@`,
  );
  const problems = await problemsOf(yaml);
  expect(problems).toHaveLength(4);
  expect(problems.join("\n")).not.toContain(secret);
});

test.each(["a: | hunter2\n", 'a: "\\qhunter2"\n', 'a: "hunter2\n', "a: @hunter2\n", "a: {hunter2\n", "a: !!hunter2 x\n", "]hunter2\n"])(
  "never quotes text that is not YAML: %j",
  async (yaml) => {
    const problems = await problemsOf(yaml);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.join("\n")).not.toContain("hunter2");
  },
);
