/**
 * Built-ins that WebAssembly lacks and the host provides instead (the SDK's own). Two that the SDK also offers are left out on purpose:
 * `sprintf` throws on `%q` and prints `[object Object]`, `regex.split` runs the pattern as a backtracking JavaScript one.
 */
export const HOST_BUILTINS: readonly string[] = ["json.is_valid", "yaml.is_valid", "yaml.marshal", "yaml.unmarshal"];
