import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { describeSecret, readHeader, readSecret } from "../../src/config/secrets.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-secrets-"));
const NAME = "SLUICE_TEST_SECRET";
afterEach(() => {
  delete process.env[NAME];
});
afterAll(() => rmSync(folder, { recursive: true }));

function stored(content: string): { file: string } {
  const file = join(folder, "secret");
  writeFileSync(file, content);
  return { file };
}

test.each([
  ["abc\n", "abc"],
  ["abc\r\n", "abc"],
  ["abc", "abc"],
  ["Basic YTpi\n", "Basic YTpi"],
])("reads %j from a file as %j", (content, secret) => {
  expect(readSecret(stored(content))).toEqual({ ok: true, value: secret });
});

test.each(["", "\n", "abc\n\n", "a\nb", "a\rb", "a\u0000b", "a\tb", "é", " abc", "abc ", "x".repeat(16 * 1024 + 1)])(
  "refuses %j wherever it is kept, and names the place only",
  (content) => {
    process.env[NAME] = content.replaceAll("\u0000", "\u0001");
    for (const ref of [stored(content), { env: NAME }]) {
      const read = readSecret(ref);
      expect(read).toMatchObject({ ok: false, failure: { code: "ERR_UPSTREAM_CREDENTIAL" } });
      const detail = read.ok ? "" : (read.failure.detail ?? "");
      expect(detail.startsWith(describeSecret(ref))).toBe(true);
      if (content.trim().length > 3) expect(detail).not.toContain(content.trim());
    }
  },
);

test("says that a variable is not set, that a file is not there and that a folder is no file", () => {
  const details = [{ env: NAME }, { file: join(folder, "none") }, { file: folder }].map((ref) => {
    const read = readSecret(ref);
    return read.ok ? "" : read.failure.detail?.replaceAll(folder, "…");
  });
  expect(details).toEqual([
    `environment variable ${NAME} is not set`,
    "file …/none cannot be read: it does not exist",
    "file … is not a file",
  ]);
});

test("takes a rotated secret at the next use, also when a link is swapped", () => {
  const ref = stored("first\n");
  expect(readSecret(ref)).toEqual({ ok: true, value: "first" });
  writeFileSync(join(folder, "next"), "later\n");
  renameSync(join(folder, "next"), ref.file);
  expect(readSecret(ref)).toEqual({ ok: true, value: "later" });
  writeFileSync(join(folder, "target"), "links\n");
  symlinkSync(join(folder, "target"), join(folder, "link"));
  renameSync(join(folder, "link"), ref.file);
  expect(readSecret(ref)).toEqual({ ok: true, value: "links" });
  rmSync(ref.file);
  expect(readSecret(ref).ok).toBe(false);
});

test("sends a bare token in Authorization as Bearer, and everything else as it is", () => {
  process.env[NAME] = "token";
  expect(readHeader("authorization", { env: NAME })).toEqual({ ok: true, value: "Bearer token" });
  expect(readHeader("X-Api-Key", { env: NAME })).toEqual({ ok: true, value: "token" });
  expect(readHeader("Authorization", stored("Basic YTpi"))).toEqual({ ok: true, value: "Basic YTpi" });
  expect(readHeader("X-Team", "blue")).toEqual({ ok: true, value: "blue" });
});
