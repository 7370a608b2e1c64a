/**
 * Preloaded into a child process: ends it when the process at the other end of its standard input has ended, also by a kill. Must do
 * nothing else.
 */
process.stdin.resume();
process.stdin.on("close", () => process.exit(0));
