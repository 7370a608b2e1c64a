/**
 * The JSON schemas of what other programs read and write, from their TypeScript types: the policy input and the audit record.
 * `npm run generate` writes the files; tests compare them with what this would write. Must not describe anything by itself.
 */
import { join } from "node:path";
import { createGenerator } from "ts-json-schema-generator";

const root = join(import.meta.dirname, "..");
export const INPUT_SCHEMA_FILE = join(root, "policies", "schema", "input.json");
export const AUDIT_SCHEMA_FILE = join(root, "policies", "schema", "audit.json");

/** `policies/schema/input.json`, from `PolicyInput` in `src/policy/input.ts`. */
export function inputSchema(): string {
  return text(schemaOf("policy/input.ts", "PolicyInput"));
}

/** `policies/schema/audit.json`: one line of the audit log. Unknown members are refused: a record holds what is listed and nothing else. */
export function auditSchema(): string {
  return text({ title: "Sluice audit record", ...schemaOf("audit/record.ts", "AuditRecord") });
}

function schemaOf(file: string, type: string): object {
  const generator = createGenerator({
    path: join(root, "src", file),
    tsconfig: join(root, "tsconfig.json"),
    type,
    topRef: false,
    additionalProperties: false,
    jsDoc: "extended",
    skipTypeCheck: true,
    sortProps: true,
  });
  return generator.createSchema(type);
}

function text(schema: object): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}
