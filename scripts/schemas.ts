/** Generates `policies/schema/input.json` from the TypeScript type of the policy input. Prints nothing but errors. */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createGenerator } from "ts-json-schema-generator";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** The schema's text, as it must stand in the file. */
export function inputSchema(): string {
  const generator = createGenerator({
    path: join(root, "src", "policy", "input.ts"),
    tsconfig: join(root, "tsconfig.json"),
    type: "PolicyInput",
    topRef: false,
    additionalProperties: false,
    skipTypeCheck: true,
    sortProps: true,
  });
  return `${JSON.stringify(generator.createSchema("PolicyInput"), null, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(join(root, "policies", "schema", "input.json"), inputSchema());
