/** The audit log of a run, all pieces of it, line by line. Must not judge. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AuditRecord } from "../../src/audit/record.ts";

export interface AuditLog {
  readonly files: number;
  readonly records: readonly AuditRecord[];
  /** Lines that are no JSON, by file and number. */
  readonly torn: readonly string[];
}

export function readAuditLog(folder: string): AuditLog {
  const files = readdirSync(folder)
    .filter((name) => /^audit.*\.jsonl$/.test(name))
    .toSorted();
  const records: AuditRecord[] = [];
  const torn: string[] = [];
  for (const name of files) {
    readFileSync(join(folder, name), "utf8")
      .split("\n")
      .forEach((line, at) => {
        if (line === "") return;
        try {
          records.push(JSON.parse(line) as AuditRecord);
        } catch {
          torn.push(`${name}:${at + 1}`);
        }
      });
  }
  return { files: files.length, records, torn };
}
