/** `npm run generate`: writes every file that is generated from the sources. Tests hold each to its source. */
import { readFileSync, writeFileSync } from "node:fs";
import { REFERENCE_FILE, referenceText, SCHEMA_FILE, schemaText } from "./config-schema.ts";
import { ERROR_DOCS_FILE, errorDocs } from "./error-docs.ts";
import { FAULT_DOCS_FILE, faultDocs } from "./fault-docs.ts";
import { AUDIT_SCHEMA_FILE, auditSchema, INPUT_SCHEMA_FILE, inputSchema } from "./schemas.ts";

writeFileSync(INPUT_SCHEMA_FILE, inputSchema());
writeFileSync(AUDIT_SCHEMA_FILE, auditSchema());
writeFileSync(ERROR_DOCS_FILE, errorDocs());
writeFileSync(SCHEMA_FILE, schemaText());
writeFileSync(REFERENCE_FILE, referenceText(readFileSync(REFERENCE_FILE, "utf8")));
writeFileSync(FAULT_DOCS_FILE, faultDocs(readFileSync(FAULT_DOCS_FILE, "utf8")));
