/**
 * Runs set-up steps as soon as what they need is done, side by side, and says what each did and how long it took.
 * A failed step stops only those that need it. Must not know what the steps do.
 */
import { SetupError } from "./command.mjs";

const EVERY_MS = 10_000;

/**
 * `steps` is a list of `{ name, needs, act }`; `act({ progress })` resolves to a sentence about what it did, or to undefined when
 * there was nothing to do. Resolves to `{ did, failed }`, names of the steps that worked and that failed.
 */
export async function runSteps(steps, say) {
  const started = new Map();
  const did = [];
  const failed = [];
  const width = Math.max(...steps.map((step) => step.name.length));
  const tell = (name, startedAt, text) => say(`  ${name.padEnd(width)}  ${text} (${seconds(startedAt)})`);

  const start = (step) => {
    if (!started.has(step.name)) started.set(step.name, runStep(step));
    return started.get(step.name);
  };
  const runStep = async (step) => {
    const needs = await Promise.all(step.needs.map((name) => start(steps.find((other) => other.name === name))));
    if (needs.includes(false)) return false;
    const startedAt = performance.now();
    let lastLine = "";
    const ticker = setInterval(() => tell(step.name, startedAt, `… ${lastLine.slice(0, 90)}`), EVERY_MS);
    try {
      const result = await step.act({ progress: (line) => (lastLine = line) });
      if (result !== undefined) {
        did.push(step.name);
        tell(step.name, startedAt, result);
      }
      return true;
    } catch (error) {
      failed.push(step.name);
      if (error instanceof SetupError) {
        for (const line of error.output.trim().split("\n").slice(-15)) if (line !== "") say(`  ${step.name.padEnd(width)}  | ${line}`);
        tell(step.name, startedAt, "failed");
        say(`\n${error.message}\n`);
      } else {
        tell(step.name, startedAt, `failed: ${error.stack}`);
      }
      return false;
    } finally {
      clearInterval(ticker);
    }
  };
  await Promise.all(steps.map(start));
  return { did, failed };
}

export function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
