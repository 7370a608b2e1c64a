/** Makes a configuration unchangeable, maps included: what was checked stays what is used. */
import type { Config } from "./config.ts";

/** A Map without a way to change it or its values. `Object.freeze` alone leaves a Map's content open. */
class FrozenMap<K, V> extends Map<K, V> {
  constructor(entries: Iterable<readonly [K, V]>) {
    super();
    for (const [key, value] of entries) super.set(key, deepFreeze(value));
    Object.freeze(this);
  }
  override set(): never {
    throw new TypeError("the configuration cannot be changed");
  }
  override delete(): never {
    throw new TypeError("the configuration cannot be changed");
  }
  override clear(): never {
    throw new TypeError("the configuration cannot be changed");
  }
}

export const frozenMap = <K, V>(entries: Iterable<readonly [K, V]>): ReadonlyMap<K, V> => new FrozenMap(entries);

/** Freezes plain data in depth; a Map in it must come from `frozenMap`. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) deepFreeze(member);
  return value;
}

/** A configuration that came from another process, where its Map arrived as a plain one: frozen again. */
export function refrozen(config: Config): Config {
  return deepFreeze({ ...config, servers: frozenMap(config.servers) });
}
