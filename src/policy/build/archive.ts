/**
 * Takes named files out of a gzipped tar archive, within limits, and adds one. Must not write anything to disk.
 */
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { extract, pack } from "tar-stream";

const MAX_PACKED = 128 * 1024 * 1024;
const MAX_UNPACKED = 512 * 1024 * 1024;
const MAX_ENTRIES = 20_000;
const unzip = promisify(gunzip);
const zip = promisify(gzip);

/** The wanted files that are there, by their name without leading `/` or `./`. Throws when the archive is damaged, too large or ambiguous. */
export async function readArchive(packed: Buffer, wanted: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  if (packed.length > MAX_PACKED) throw new Error("it is too large");
  const entries = extract();
  entries.end(await unzip(packed, { maxOutputLength: MAX_UNPACKED }));
  const found = new Map<string, Buffer>();
  let count = 0;
  for await (const entry of entries) {
    const name = entry.header.name.replace(/^(\.?\/)+/, "");
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    if (++count > MAX_ENTRIES) throw new Error("it holds too many files");
    if (!wanted.includes(name)) continue;
    if (found.has(name)) throw new Error(`it holds ${name} twice`);
    found.set(name, Buffer.concat(chunks));
  }
  return found;
}

/** The archive with one more file at its end. The same bytes for the same input: times and owners are those of nobody. */
export async function addToArchive(packed: Buffer, name: string, content: string): Promise<Buffer> {
  const entries = extract();
  entries.end(await unzip(packed, { maxOutputLength: MAX_UNPACKED }));
  const out = pack();
  for await (const entry of entries) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    out.entry(entry.header, Buffer.concat(chunks));
  }
  out.entry({ name, mode: 0o600, mtime: new Date(0) }, content);
  out.finalize();
  const unpacked: Buffer[] = [];
  for await (const chunk of out) unpacked.push(chunk as Buffer);
  return zip(Buffer.concat(unpacked));
}
