/**
 * Writes `policies/schema/audit.json`, the JSON Schema of one line of the audit log, from its TypeScript type.
 * `node scripts/audit-schema.ts` writes the file; a test compares it with what this would write. Must not describe anything by itself.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createGenerator } from "ts-json-schema-generator";

const root = join(import.meta.dirname, "..");
export const AUDIT_SCHEMA_FILE = join(root, "policies", "schema", "audit.json");

/** The schema's text, as it must stand in the file. Unknown members are refused: a record holds what is listed and nothing else. */
export function auditSchema(): string {
  const generator = createGenerator({
    path: join(root, "src", "audit", "record.ts"),
    tsconfig: join(root, "tsconfig.json"),
    type: "AuditRecord",
    topRef: false,
    additionalProperties: false,
    skipTypeCheck: true,
    sortProps: true,
  });
  return `${JSON.stringify({ title: "Sluice audit record", ...generator.createSchema("AuditRecord") }, null, 2)}\n`;
}

if (import.meta.main) writeFileSync(AUDIT_SCHEMA_FILE, auditSchema());
