/**
 * Which way imports may point. The rooms of src/ look inwards: nothing that reads, finds, judges or records knows of HTTP, and only the
 * composition root puts the parts together.
 */

/** Rooms of src/ that neither HTTP nor the command line may leak into. */
const INNER = "^src/(mcp|detect|policy|enforce|enrich|state|audit)/";

export default {
  forbidden: [
    {
      name: "no-cycles",
      comment: "Two files that need each other are one file, or a third one is missing.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "inner-rooms-know-no-http",
      comment: "What a message means and how it is judged does not depend on how it travels.",
      severity: "error",
      from: { path: INNER },
      to: { path: "^src/(http|upstream|authn|cli)/|^(node:)?https?$|node_modules/(express|undici)/" },
    },
    {
      name: "only-the-root-composes",
      comment: "The gateway is built in one place and started by a command.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(main|gateway)\\.ts$|^src/(cli|tour)/|^src/workers/serve-worker\\.ts$" },
      to: { path: "^src/(gateway|main)\\.ts$|^src/cli/" },
    },
    {
      name: "only-the-gateway-has-stages-composed",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/gateway\\.ts$" },
      to: { path: "^src/compose\\.ts$" },
    },
    {
      name: "source-needs-no-test-or-script",
      comment: "What is published must run without what is not.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|scripts)/" },
    },
    {
      name: "set-up-needs-nothing-installed",
      comment: "Plain JavaScript under scripts/ runs before any dependency is there.",
      severity: "error",
      from: { path: "^scripts/.*\\.mjs$" },
      to: { path: "\\.ts$|node_modules/" },
    },
    {
      name: "published-code-uses-published-dependencies",
      comment: "A development dependency is absent from an installed package.",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "everything-resolves",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    parser: "swc",
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|coverage|\\.tools)/" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
