/** Puts what was measured into docs/performance.md, between its markers. Must not change anything else there. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const DOCS = join(import.meta.dirname, "..", "..", "docs");
const PAGE = join(DOCS, "performance.md");

/** The picture that the page shows. */
export const PICTURE = join(DOCS, "bench.svg");

/** Replaces what stands between `<!-- NAME: … -->` and `<!-- /NAME -->`. */
export function insertIntoPage(name: "measured" | "profile", text: string): void {
  const page = readFileSync(PAGE, "utf8");
  const between = new RegExp(`(<!-- ${name}: [^>]*-->\n)[^]*(<!-- /${name} -->)`);
  if (!between.test(page)) throw new Error(`docs/performance.md has no markers for ${name}`);
  writeFileSync(
    PAGE,
    page.replace(between, (_, open: string, close: string) => `${open}${text}\n${close}`),
  );
}
