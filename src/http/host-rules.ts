/**
 * Which Host and Origin are accepted: a page that a browser loaded from elsewhere must not reach a gateway on this machine (DNS
 * rebinding; MCP "Streamable HTTP", security warning). Pure.
 */
import type { Config } from "../config/config.ts";
import { isLoopback } from "../config/address.ts";
import { fail, ok, type Result } from "../errors.ts";

export interface HostRules {
  check(host: string | undefined, origin: string | undefined): Result<void>;
}

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];

/**
 * On a loopback address: the names of this machine, with the right port. Elsewhere any Host is accepted unless `allowed_hosts` says
 * which (there callers need a credential that no browser adds by itself). An Origin must be listed.
 */
export function hostRules(config: Pick<Config, "listen" | "allowed_hosts" | "allowed_origins">, port: number): HostRules {
  const local = isLoopback(config.listen.host);
  const hosts = new Set(config.allowed_hosts.map((host) => host.toLowerCase()));
  if (local) for (const name of [...LOOPBACK_NAMES, config.listen.host]) hosts.add(`${name.toLowerCase()}:${port}`);
  const origins = new Set(config.allowed_origins.map((origin) => origin.toLowerCase()));
  return {
    check(host, origin) {
      if (host === undefined) return fail({ code: "ERR_HOST", detail: "no Host header" });
      if (hosts.size > 0 && !hosts.has(host.toLowerCase()))
        return fail({ code: "ERR_HOST", detail: "list it under allowed_hosts if it is yours" });
      if (origin !== undefined && !origins.has(origin.toLowerCase()))
        return fail({ code: "ERR_ORIGIN", detail: "list it under allowed_origins if it is yours" });
      return ok(undefined);
    },
  };
}
