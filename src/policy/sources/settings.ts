/**
 * The settings of packs: shipped defaults, the operator's over them (data, then configuration, then per server), checked against each
 * pack's schema. Must not know what a setting does.
 */
import { z } from "zod";
import type { Config } from "../../config/config.ts";
import type { Problem } from "../../config/problem.ts";
import { nearest } from "../../config/suggest.ts";
import type { OperatorData, Place, TreePath } from "./operator-data.ts";
import type { Pack } from "./shipped.ts";
import { emptyTree, isTree, mergeTrees, type Tree } from "../tree.ts";

export interface Settings {
  /** `data.settings`: by pack. */
  readonly settings: Tree;
  /** `data.server_settings`: by server, by pack; complete, so that Rego reads one place. */
  readonly server_settings: Tree;
  readonly problems: readonly Problem[];
}

/** One place that settings come from. `at` finds a path of it (`[pack, …]`) in the operator's files. */
interface Layer {
  readonly tree: Tree;
  readonly name: string;
  at(path: TreePath): Place;
}

export type Locate = (path: TreePath) => { readonly line: number; readonly column: number } | undefined;

/** Merges and checks. `allPacks` are the names that exist, on or not; `locate` finds a path in the configuration file. */
export function mergeSettings(
  config: Config,
  packs: readonly Pack[],
  allPacks: readonly string[],
  data: OperatorData,
  locate: Locate,
): Settings {
  const problems: Problem[] = [];
  const inConfig = (prefix: TreePath) => (path: TreePath) => ({ file: config.file ?? "configuration", ...locate([...prefix, ...path]) });
  const ofData: Layer = {
    tree: data.settings,
    name: "settings",
    at: (path) => data.place(["settings", ...path]) ?? { file: config.policy.path ?? "" },
  };
  const ofConfig: Layer = { tree: { ...config.policy.settings }, name: "policy.settings", at: inConfig(["policy", "settings"]) };
  const shared = [ofData, ofConfig];
  const servers = [...config.servers.values()].map((server): [string, Layer] => [
    server.name,
    { tree: { ...server.settings }, name: `servers.${server.name}.settings`, at: inConfig(["servers", server.name, "settings"]) },
  ]);
  for (const layer of [...shared, ...servers.map(([, layer]) => layer)]) problems.push(...unknownPacks(layer, packs, allPacks));

  const settings = emptyTree();
  const serverSettings = emptyTree();
  for (const [name] of servers) serverSettings[name] = emptyTree();
  for (const pack of packs) {
    const global = effective(pack, shared, problems);
    settings[pack.name] = global;
    for (const [name, layer] of servers) {
      const own = Object.hasOwn(layer.tree, pack.name) ? effective(pack, [...shared, layer], problems) : global;
      (serverSettings[name] as Tree)[pack.name] = own;
    }
  }
  return { settings, server_settings: serverSettings, problems: dedupe(problems) };
}

function effective(pack: Pack, layers: readonly Layer[], problems: Problem[]): Tree {
  let merged: Tree = { ...pack.defaults };
  for (const layer of layers) {
    const own = layer.tree[pack.name];
    if (own === undefined) continue;
    if (isTree(own)) merged = mergeTrees(merged, own);
    else problems.push(wrong(layer.at([pack.name]), `${layer.name}.${pack.name} must be an object.`));
  }
  if (pack.schema === undefined) return merged;
  const checked = schemaOf(pack).safeParse(merged);
  for (const issue of checked.success ? [] : checked.error.issues) {
    const path = issue.path.map((part) => (typeof part === "number" ? part : String(part)));
    const keys = issue.code === "unrecognized_keys" ? issue.keys : [undefined];
    for (const key of keys) {
      const full = key === undefined ? path : [...path, key];
      const layer =
        layers.findLast(({ tree }) => reaches(tree[pack.name], full)) ?? layers.findLast(({ tree }) => Object.hasOwn(tree, pack.name));
      const place = layer?.at([pack.name, ...full]) ?? { file: `${pack.name}/settings.json` };
      const name = `${layer?.name ?? "settings"}.${[pack.name, ...full].join(".")}`;
      problems.push(
        key === undefined
          ? wrongValue(place, name, issue, valueAt(merged, full), described(schemaAt(pack.schema, full)))
          : unknownSetting(place, name, key, Object.keys(objectIn(schemaAt(pack.schema, path)?.["properties"]) ?? {})),
      );
    }
  }
  return merged;
}

const compiled = new WeakMap<Pack, z.ZodType>();

/** Zod reads JSON Schema itself, so that no second validator is needed at run time; keywords it does not know make it throw. */
function schemaOf(pack: Pack): z.ZodType {
  const known = compiled.get(pack) ?? z.fromJSONSchema({ ...pack.schema });
  compiled.set(pack, known);
  return known;
}

type Schema = Readonly<Record<string, unknown>>;

/** The part of a pack's schema for the value at a path, as far as the schemas of packs go: members, items and `$ref`s into `$defs`. */
function schemaAt(root: Schema, path: TreePath): Schema | undefined {
  const resolved = (schema: Schema | undefined): Schema | undefined => {
    const ref = schema?.["$ref"];
    return typeof ref === "string" ? objectIn(objectIn(root["$defs"])?.[ref.replace("#/$defs/", "")]) : schema;
  };
  let at: Schema | undefined = root;
  for (const part of path) at = resolved(objectIn(typeof part === "number" ? at?.["items"] : objectIn(at?.["properties"])?.[part]));
  return at;
}

function objectIn(value: unknown): Schema | undefined {
  return isTree(value) ? value : undefined;
}

/** What a text must be, in words: the description of a schema with a pattern. */
function described(schema: Schema | undefined): string | undefined {
  const { pattern, description } = schema ?? {};
  return typeof pattern === "string" && typeof description === "string" ? description : undefined;
}

function reaches(value: unknown, path: TreePath): boolean {
  return valueAt(value, path) !== undefined;
}

function valueAt(value: unknown, path: TreePath): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string | number, unknown>)[key];
  }
  return at;
}

function unknownPacks(layer: Layer, packs: readonly Pack[], allPacks: readonly string[]): Problem[] {
  return Object.keys(layer.tree).flatMap((name) => {
    if (packs.some((pack) => pack.name === name)) return [];
    const place = layer.at([name]);
    if (allPacks.includes(name)) {
      return [
        {
          ...place,
          severity: "warning" as const,
          check: "policy/settings-off",
          message: `${layer.name}.${name} has no effect: the pack is not in policy.packs.`,
        },
      ];
    }
    return [wrong(place, `${layer.name}.${name}: there is no pack of this name.`, suggest("pack", name, allPacks))];
  });
}

function unknownSetting(place: Place, name: string, key: string, known: readonly string[]): Problem {
  return {
    ...place,
    severity: "error",
    check: "policy/unknown-setting",
    message: `${name}: there is no setting \`${key}\`.`,
    hint: suggest("setting", key, known),
  };
}

function suggest(what: string, word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? `The ${what}s are ${known.join(", ")}.` : `Did you mean \`${near}\`?`;
}

function wrongValue(place: Place, name: string, issue: z.core.$ZodIssue, found: unknown, words: string | undefined): Problem {
  if (words !== undefined && typeof found === "string") return wrong(place, `${name} must be ${words}.`);
  if (issue.code === "invalid_type") return wrong(place, `${name} must be of type ${issue.expected}.`);
  if (issue.code !== "invalid_value") return wrong(place, `${name}: ${issue.message}.`);
  const values = issue.values.map(String);
  const near = typeof found === "string" ? nearest(found, values) : undefined;
  return wrong(
    place,
    `${name} must be ${values.length === 1 ? values[0] : `one of ${values.join(", ")}`}.`,
    near === undefined ? undefined : `Did you mean \`${near}\`?`,
  );
}

function wrong(place: Place, message: string, hint?: string): Problem {
  return { ...place, severity: "error", check: "policy/settings", message, ...(hint === undefined ? {} : { hint }) };
}

/** A mistake in shared settings shows again in every server's: once is enough. */
function dedupe(problems: readonly Problem[]): Problem[] {
  const seen = new Map(problems.map((problem) => [JSON.stringify(problem), problem]));
  return [...seen.values()];
}
