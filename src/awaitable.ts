/**
 * Values that are there at once or come later. What has nothing to wait for must not wait: each wait costs a promise and a turn of the
 * microtasks, and a message makes twenty of them.
 */

/** At once, or later. */
export type Awaitable<T> = T | Promise<T>;

/** Goes on with a value: at once when it is there, else when it comes. Throws, or rejects, with whatever `goOn` throws. */
export function after<T, U>(value: Awaitable<T>, goOn: (value: T) => Awaitable<U>): Awaitable<U> {
  return value instanceof Promise ? value.then(goOn) : goOn(value);
}
