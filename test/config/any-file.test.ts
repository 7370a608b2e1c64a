/** Laws that hold for every file, sound or not. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { type ConfigDraft, draftConfig } from "../../src/config/load.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-any-"));
const file = join(folder, "sluice.yaml");
afterAll(() => rmSync(folder, { recursive: true }));

function draftOf(content: string | Uint8Array): ConfigDraft {
  writeFileSync(file, content);
  return draftConfig(file, { shippedPacks: ["pii"], now: 0 });
}

const hasError = ({ problems }: ConfigDraft): boolean => problems.some(({ severity }) => severity === "error");

const word = fc.constantFrom(
  "a",
  "",
  "pii",
  "true",
  "https://a.example/mcp",
  "http://127.0.0.1/",
  "127.0.0.1:80",
  "1MiB",
  "5s",
  "__proto__",
  "constructor",
);
const anything = fc.oneof(
  { weight: 3, arbitrary: word },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  { weight: 1, arbitrary: fc.dictionary(fc.oneof(word, fc.constantFrom("env", "file", "id", "sha256", "url")), word) },
);
const section = (keys: readonly string[]) =>
  fc.oneof(fc.record(Object.fromEntries(keys.map((key) => [key, anything])), { requiredKeys: [] }), anything);
const servers = fc.dictionary(
  fc.oneof(word, fc.stringMatching(/^[a-z]{1,3}$/)),
  section(["url", "trust", "labels", "disabled", "mode", "packs", "settings", "headers", "authorization", "allow_plain_http", "ca"]),
);
const config = fc.record(
  {
    listen: anything,
    tls: section(["cert", "key"]),
    allowed_origins: anything,
    allowed_hosts: anything,
    time_zone: anything,
    authn: section(["anonymous", "api_keys"]),
    servers: fc.oneof(servers, anything),
    policy: section(["path", "packs", "mode", "settings"]),
    audit: section(["file", "on_error"]),
    limits: section(["body", "depth", "idle_ms"]),
    log: section(["level"]),
    extra: anything,
  },
  { requiredKeys: [] },
);

test("a file is never a fault: it is accepted or refused with a reason, whatever its keys hold", () => {
  fc.assert(
    fc.property(config, (data) => {
      const draft = draftOf(stringify(data));
      expect(draft.config !== undefined || hasError(draft)).toBe(true);
      for (const { message, line, column } of draft.problems) {
        expect(message).not.toBe("");
        if (line !== undefined) expect(Math.min(line, column ?? 0)).toBeGreaterThan(0);
      }
    }),
    { numRuns: 300 },
  );
});

test("a file is never a fault: it is accepted or refused with a reason, whatever its bytes", () => {
  const text = fc
    .array(
      fc.constantFrom(
        "servers",
        "url",
        ": ",
        "\n",
        "  ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "&x ",
        "*x",
        "<<",
        "|",
        ">",
        "'",
        '"',
        "#",
        "!!a ",
        "\t",
        "é",
        "? ",
      ),
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(text, fc.uint8Array({ maxLength: 40 })), (content) => {
      const draft = draftOf(content);
      expect(draft.config !== undefined || hasError(draft)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test("one unknown key is found wherever it is put, and nothing else is said", () => {
  const paths = [[], ["tls"], ["servers", "a"], ["policy"], ["audit"], ["limits"], ["log"]];
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.stringMatching(/^zz[a-z]{1,8}$/), (path, key) => {
      const data: Record<string, unknown> = { servers: { a: { url: "https://a.example" } } };
      let at = data;
      for (const segment of path) at = (at[segment] ??= {}) as Record<string, unknown>;
      at[key] = 1;
      const { problems } = draftOf(stringify(data));
      const expected = path[0] === "tls" ? ["config/missing-key", "config/missing-key", "config/unknown-key"] : ["config/unknown-key"];
      expect(problems.map(({ check }) => check).toSorted()).toEqual(expected);
      expect(problems.find(({ check }) => check === "config/unknown-key")?.message).toBe(`unknown key "${key}"`);
    }),
  );
});
