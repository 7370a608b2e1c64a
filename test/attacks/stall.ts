/** Measures how long one message keeps the event loop, and with it everybody else's messages. */

/** Milliseconds between the furthest two ticks of a timer while the work went on. Bounds in tests are far above what a loaded machine adds. */
export async function longestStall(work: () => Promise<unknown>): Promise<number> {
  let last = performance.now();
  let longest = 0;
  const tick = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(tick, 1);
  try {
    await work();
    await new Promise((resolve) => setTimeout(resolve, 2));
  } finally {
    clearInterval(timer);
  }
  tick();
  return longest;
}
