/** Addresses to listen on, as operators write them. Pure: must not resolve a name. */
import { isIP } from "node:net";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const HOST_NAME = /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$/u;

/** Reads `host:port` or `[ipv6]:port`; a string says what is wrong. */
export function parseListen(text: string): ListenAddress | string {
  const form = "write host:port, for example 127.0.0.1:8080 or [::1]:8080";
  if (/^:\d*$/u.test(text)) return "name the address to listen on: 127.0.0.1 for this machine only, 0.0.0.0 for every network";
  const colon = text.lastIndexOf(":");
  const portText = text.slice(colon + 1);
  if (colon < 0 || !/^\d{1,5}$/u.test(portText)) return `there is no port; ${form}`;
  const port = Number(portText);
  if (port > 65_535) return "a port is at most 65535";
  const written = text.slice(0, colon);
  const bracketed = written.startsWith("[") && written.endsWith("]");
  const host = bracketed ? written.slice(1, -1) : written;
  if (bracketed ? isIP(host) !== 6 : isIP(host) !== 4 && !HOST_NAME.test(host)) return form;
  return { host, port };
}

/** Whether only this machine can reach a listener on, or be meant by, this host. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/gu, "").toLowerCase();
  if (isIP(bare) === 4) return bare.startsWith("127.");
  return bare === "::1" || bare === "localhost";
}
