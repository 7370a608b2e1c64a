/**
 * What is derived from src/config/schema.ts: the JSON schema for editors and the table of keys in docs/configuration.md.
 * `npm run generate` writes both; a test compares them with what it would write.
 */
import { join } from "node:path";
import { z } from "zod";
import { configSchema } from "../src/config/schema.ts";

const root = join(import.meta.dirname, "..");
export const SCHEMA_FILE = join(root, "docs", "config.schema.json");
export const REFERENCE_FILE = join(root, "docs", "configuration.md");

const BEGIN = "<!-- keys: generated from src/config/schema.ts (npm run generate) -->";
const END = "<!-- /keys -->";

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly pattern?: string;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

/** Draft 7, which editors' YAML support reads. */
function jsonSchema(): JsonSchema {
  return { ...z.toJSONSchema(configSchema, { io: "input", target: "draft-7" }), title: "Sluice configuration" } as JsonSchema;
}

/** With short lists on one line, as the formatter of this repository wants them. */
export function schemaText(): string {
  const text = JSON.stringify(jsonSchema(), undefined, 2).replace(/\[\s+("[^"]*"(?:,\s+"[^"]*")*)\s+\]/gu, (_, items: string) => {
    return `[${items.replace(/,\s+/gu, ", ")}]`;
  });
  return `${text}\n`;
}

/** `current` with its table of keys replaced by one that fits the schema. */
export function referenceText(current: string): string {
  const begin = current.indexOf(BEGIN);
  const end = current.indexOf(END);
  if (begin === -1 || end < begin) throw new Error(`docs/configuration.md lacks the marks ${BEGIN} and ${END}`);
  const table = ["| Key | Value | Default | |", "|---|---|---|---|", ...rows(jsonSchema(), "")];
  return `${current.slice(0, begin + BEGIN.length)}\n${table.join("\n")}\n${current.slice(end)}`;
}

function rows(schema: JsonSchema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const key = `${prefix}${name}`;
    const required = schema.required?.includes(name) === true;
    const row = `| \`${key}\` | ${cell(typeOf(property))} | ${required ? "required" : defaultOf(property)} | ${cell(property.description ?? "")} |`;
    return [row, ...nested(property, key)];
  });
}

function nested(schema: JsonSchema, key: string): string[] {
  if (schema.properties !== undefined) return rows(schema, `${key}.`);
  if (schema.items?.properties !== undefined) return rows(schema.items, `${key}[].`);
  const values = schema.additionalProperties;
  return typeof values === "object" && values.properties !== undefined ? rows(values, `${key}.NAME.`) : [];
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(", ");
  const patterns = (schema.anyOf ?? []).map(({ pattern }) => pattern ?? "").join("");
  if (patterns.includes("MiB")) return "size";
  if (patterns.includes("ms|")) return "duration";
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.type === "array") return `list of ${schema.items?.properties === undefined ? typeOf(schema.items ?? {}) : "entries"}`;
  if (schema.type === "object") return "keys";
  const words: Readonly<Record<string, string>> = { string: "text", integer: "whole number", boolean: "`true`, `false`" };
  return words[schema.type ?? ""] ?? "any";
}

function defaultOf(schema: JsonSchema): string {
  return schema.default === undefined || JSON.stringify(schema.default) === "{}"
    ? ""
    : `\`${typeof schema.default === "string" ? schema.default : JSON.stringify(schema.default)}\``;
}

const cell = (text: string): string => text.replaceAll("|", "\\|");
