/**
 * Waits for SIGINT or SIGTERM. Must not end the process while it is stopping in good order.
 */

/** Without a terminal one Ctrl-C can arrive several times: only a signal that comes later than this is impatience. */
const IMPATIENT_MS = 1000;

/** Resolves at the first signal; a later second one ends the process at once. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let firstAt: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      const now = performance.now();
      firstAt ??= now;
      if (now - firstAt > IMPATIENT_MS) process.exit(signal === "SIGINT" ? 130 : 143);
      resolve();
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}
