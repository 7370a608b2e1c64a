/**
 * The shipped settings: complete, sound by their own schema, and a schema that refuses what it does not name.
 */
import Ajv from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { kinds } from "../../src/detect/detect.ts";
import inputSchema from "../../policies/schema/input.json" with { type: "json" };
import { packNames, readJson } from "./rules.ts";

type Schema = Record<string, unknown> & { properties: Record<string, Record<string, unknown>> };

describe.each([...packNames])("the settings of %s", (pack) => {
  const schema = readJson(pack, "settings.schema.json") as Schema;
  const defaults = readJson(pack, "settings.json") as Record<string, unknown>;
  const validators: readonly (readonly [string, (value: unknown) => boolean])[] = [
    ["zod", (value) => z.fromJSONSchema(schema).safeParse(value).success],
    ["ajv", (value) => new Ajv.default({ strict: true }).validate(schema, value)],
  ];

  it.each(validators)("are sound by their schema, as %s reads it", (_name, accepts) => {
    expect(accepts(defaults)).toBe(true);
  });

  it.each(validators)("refuse an unknown name, as %s reads the schema", (_name, accepts) => {
    expect(accepts({ ...defaults, tols: [] })).toBe(false);
  });

  it.each(validators)("refuse a wrong type for every setting, as %s reads the schema", (_name, accepts) => {
    const taken = Object.keys(defaults).filter((name) => accepts({ ...defaults, [name]: 7 }));
    expect(taken).toEqual([]);
  });

  it("have a default and a description for every setting", () => {
    expect(Object.keys(defaults).toSorted()).toEqual(Object.keys(schema.properties).toSorted());
    const bare = Object.entries(schema.properties).filter(([, property]) => typeof property["description"] !== "string");
    expect(bare).toEqual([]);
  });
});

describe("patterns that could never be compared", () => {
  const schema = z.fromJSONSchema(readJson("protocol_and_identity", "settings.schema.json") as Schema);
  const access = (member: string) => (pattern: string) => ({ access: [{ principals: ["*"], [member]: [pattern] }] });
  const resource = (pattern: string) => ({ deny_resources: [pattern] });

  it.each([
    ["a denied URI that is not encoded", resource("file:///secret plans")],
    ["a denied URI outside ASCII", resource("file:///\u00fcber/*")],
    ["a denied URI with a fragment", resource("file:///a#b")],
    ["a prefix of names outside ASCII", access("tools")("\u53d6\u5f97_*")],
    ["a prefix of prompts with a zero-width space", access("prompts")("a\u200b*")],
    ["a prefix of URIs that is not encoded", access("resources")("file:///my notes/*")],
  ])("are refused: %s", (_name, settings) => {
    expect(schema.safeParse(settings).success).toBe(false);
  });

  it.each([
    ["everything", access("resources")("*")],
    ["a name outside ASCII", access("tools")("\u53d6\u5f97")],
    ["a prefix", access("tools")("acme.io/get_*")],
    ["a URI that is not encoded", access("resources")("my notes")],
    ["a prefix of URIs", access("resources")("file:///my%20notes/*")],
    ["a denied template", resource("notes://{id}?a[b]=c")],
    ["a denied prefix", resource("file:///etc/*")],
  ])("are not mistaken: %s", (_name, settings) => {
    expect(schema.safeParse(settings).success).toBe(true);
  });
});

describe("the table of personal data", () => {
  const defaults = readJson("pii", "settings.json") as Record<string, Record<string, Record<string, string>>>;

  it("has a row for kinds that it does not name, at every trust and in every direction", () => {
    const missing = ["client_to_server", "server_to_client", "list_items"].flatMap((place) =>
      ["internal", "partner", "third_party"].filter((trust) => defaults[place]?.[trust]?.["other"] === undefined),
    );
    expect(missing).toEqual([]);
  });
});

describe("the kinds of findings", () => {
  type Node = {
    properties: Record<string, Node>;
    additionalProperties?: unknown;
    enum?: string[];
    items: Node;
    $defs: Record<string, Node>;
  };
  const found = (category: string) => kinds().flatMap((kind) => (kind.category === category ? [kind.kind] : []));
  const pii = readJson("pii", "settings.schema.json") as Node;
  const secrets = readJson("secrets", "settings.schema.json") as Node;

  it("of the policy input are the detectors'", () => {
    expect(inputSchema.definitions.FindingKind.enum.toSorted()).toEqual(
      kinds()
        .map(({ kind }) => kind)
        .toSorted(),
    );
  });

  it.each([
    ["a table of modes", pii.$defs["modes"]],
    ["redact_with", pii.properties["redact_with"]],
    ["min_score", pii.properties["min_score"]],
  ])("of %s are the detectors', and other", (_name, schema) => {
    expect(Object.keys(schema?.properties ?? {}).toSorted()).toEqual([...found("pii"), "other"].toSorted());
    expect(schema?.additionalProperties).toBe(false);
  });

  it("of secrets that may be exempt are the detectors'", () => {
    expect(secrets.properties["exempt_kinds"]?.items.enum?.toSorted()).toEqual(found("secret").toSorted());
  });
});

describe("a pattern in a schema", () => {
  it.each([...packNames])("is said in words as well, in the settings of %s", (pack) => {
    const bare: unknown[] = [];
    JSON.stringify(readJson(pack, "settings.schema.json"), (_key, value: unknown) => {
      if (typeof value === "object" && value !== null && "pattern" in value && !("description" in value)) bare.push(value);
      return value;
    });
    expect(bare).toEqual([]);
  });
});
