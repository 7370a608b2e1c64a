import { globSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { extract, pack } from "tar-stream";
import { expect, test } from "vitest";
import { readBundle } from "../../../src/policy/build/bundle-file.ts";
import { buildBundle, loadPolicy } from "../../../src/policy/policy.ts";
import { pathsOf, WHOLE } from "../../../src/policy/reads/reads.ts";
import { policyConfig, policyFolder, temporaryFolder } from "../policy-files.ts";

const RULE = 'package policies.demo\n\nallow contains {"id": "demo/all"} if input.mcp.method == "ping"\n';
/** Built once, in the first test that needs it. */
let once: Promise<Buffer> | undefined;
const built = (): Promise<Buffer> => (once ??= build(RULE));

async function build(rule: string): Promise<Buffer> {
  const { config, deps } = policyConfig({ path: policyFolder({ "demo.rego": rule }) });
  const made = await buildBundle(config, deps);
  if (!made.ok) throw new Error(JSON.stringify(made.failure));
  return made.value.bundle;
}

async function edited(change: (name: string, content: Buffer) => Buffer | undefined): Promise<Buffer> {
  const entries = extract();
  entries.end(await promisify(gunzip)(await built()));
  const out = pack();
  for await (const entry of entries) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const content = change(entry.header.name.replace(/^\//, ""), Buffer.concat(chunks));
    if (content !== undefined) out.entry({ name: entry.header.name }, content);
  }
  out.finalize();
  const tar: Buffer[] = [];
  for await (const chunk of out) tar.push(chunk as Buffer);
  return promisify(gzip)(Buffer.concat(tar));
}

async function readsIn(bytes: Buffer): Promise<unknown> {
  const read = await readBundle(bytes);
  if (!read.ok) throw new Error(read.failure);
  return read.value.reads;
}

test("a built bundle says what its policy reads", async () => {
  const read = await readBundle(await built());
  expect(read.ok && pathsOf(read.value.reads)).toEqual(["input.mcp.method", "input.nonce", "input.phase"]);
});

test("the same policy makes the same bytes", async () => {
  expect((await build(RULE)).equals(await built())).toBe(true);
});

const asJson = (content: Buffer): Record<string, unknown> => JSON.parse(content.toString()) as Record<string, unknown>;
const rewritten = (changes: Record<string, unknown>): Promise<Buffer> =>
  edited((name, content) => (name === "reads.json" ? Buffer.from(JSON.stringify({ ...asJson(content), ...changes })) : content));

test("the way of changing bundles here changes nothing else", async () => {
  expect(await readsIn(await rewritten({}))).not.toEqual(WHOLE);
});

test.each([
  ["without them", () => edited((name, content) => (name === "reads.json" ? undefined : content))],
  ["with those of other code", () => rewritten({ wasm: "0".repeat(64) })],
  ["with those of another version", () => rewritten({ version: 2 })],
  ["with what is no reads", () => rewritten({ reads: { members: { mcp: true } } })],
  ["with what is no JSON", () => edited((name, content) => (name === "reads.json" ? content.subarray(1) : content))],
])("a bundle %s is taken to read everything", async (_name, make) => {
  expect(await readsIn(await make())).toEqual(WHOLE);
});

test("a bundle in the cache says it as well", async () => {
  const { config, deps } = policyConfig({ path: policyFolder({ "demo.rego": RULE }) });
  const cache = `${temporaryFolder()}/cache`;
  expect((await loadPolicy(config, { ...deps, cache })).ok).toBe(true);
  const [kept] = globSync(`${cache}/*/bundle.tar.gz`);
  expect(await readsIn(readFileSync(kept ?? ""))).toEqual(await readsIn(await built()));
});
