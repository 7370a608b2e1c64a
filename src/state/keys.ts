/**
 * Keys of several parts. NUL stands in no header value, configured name or JSON spelling, so that joined parts stay apart.
 */
const SEPARATOR = "\u0000";

export function join(...parts: readonly string[]): string {
  return parts.join(SEPARATOR);
}

export function split(key: string): string[] {
  return key.split(SEPARATOR);
}
