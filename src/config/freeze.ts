/** Makes a configuration unchangeable, maps included: what was checked stays what is used. */

/** A Map without a way to change it. `Object.freeze` alone leaves a Map's content open. */
class FrozenMap<K, V> extends Map<K, V> {
  constructor(entries: Iterable<readonly [K, V]>) {
    super();
    for (const [key, value] of entries) super.set(key, value);
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

/** Freezes plain data in depth. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of value instanceof Map ? value.values() : Object.values(value)) deepFreeze(member);
  return value;
}
