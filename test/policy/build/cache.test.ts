import { mkdirSync, readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cacheKey, MAX_ENTRIES, readCached, writeCached } from "../../../src/policy/build/cache.ts";
import { temporaryFolder } from "../policy-files.ts";

const entry = (text: string) => ({ bundle: Buffer.from(text), warnings: [] });
const keyOf = (at: number): string => cacheKey([String(at)]);

/** Writes numbered entries, each used a minute after the one before it, all in the past. */
function fill(folder: string, count: number): void {
  for (let at = 0; at < count; at++) {
    writeCached(folder, keyOf(at), entry(`bundle ${at}`));
    const used = new Date(Date.now() - (count - at) * 60_000);
    utimesSync(join(folder, keyOf(at)), used, used);
  }
}

describe("the cache of built bundles", () => {
  it("keeps a bounded number of entries: those that were used last", () => {
    const folder = join(temporaryFolder(), "cache");
    fill(folder, MAX_ENTRIES);
    expect(readCached(folder, keyOf(0))?.bundle.toString()).toBe("bundle 0");
    writeCached(folder, keyOf(MAX_ENTRIES), entry("newest"));
    expect(readdirSync(folder)).toHaveLength(MAX_ENTRIES);
    expect(readCached(folder, keyOf(0))?.bundle.toString()).toBe("bundle 0");
    expect(readCached(folder, keyOf(1))).toBeUndefined();
    expect(readCached(folder, keyOf(MAX_ENTRIES))?.bundle.toString()).toBe("newest");
  });

  it("never removes the entry that it has just written, whatever the clocks say", () => {
    const folder = join(temporaryFolder(), "cache");
    fill(folder, MAX_ENTRIES);
    const future = new Date(Date.now() + 86_400_000);
    for (const name of readdirSync(folder)) utimesSync(join(folder, name), future, future);
    writeCached(folder, keyOf(99), entry("newest"));
    expect(readCached(folder, keyOf(99))?.bundle.toString()).toBe("newest");
    expect(readdirSync(folder)).toHaveLength(MAX_ENTRIES);
  });

  it("removes what an interrupted writer left behind, but not what one is writing, nor what is not its own", () => {
    const folder = join(temporaryFolder(), "cache");
    mkdirSync(folder, { mode: 0o700 });
    for (const name of ["new-old", "new-now", "notes"]) mkdirSync(join(folder, name));
    const old = new Date(Date.now() - 2 * 3_600_000);
    for (const name of ["new-old", "notes"]) utimesSync(join(folder, name), old, old);
    writeCached(folder, keyOf(0), entry("bundle"));
    expect(readdirSync(folder).toSorted()).toEqual([keyOf(0), "new-now", "notes"].toSorted());
  });
});
