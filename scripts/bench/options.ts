/** The command line of the benchmark: what it may say, what is wrong with it, and its help. Must not measure. */
import { parseArgs } from "node:util";
import { type Scenario, SCENARIOS } from "./scenarios.ts";

export interface Options {
  readonly scenarios: readonly Scenario[];
  readonly seconds: number;
  readonly rounds: number;
  /** Calls before the first round. */
  readonly warmCalls: number;
  readonly profile: boolean;
  readonly json: string | undefined;
  readonly svg: string | undefined;
  readonly docs: boolean;
}

export const HELP = `Compares Sluice with a proxy that only copies bytes. Both run in turns under the same load, checked answer by answer.

usage: npm run bench -- [options]

  --scenario NAME   measure only this one (repeatable):
${SCENARIOS.map(({ name, about }) => `                      ${name.padEnd(9)} ${about}`).join("\n")}
  --seconds N       length of a round (default 2)
  --rounds N        rounds of each of the two, in turns (default 5)
  --quick           one short round of each: shows that it works, not how fast it is
  --profile         instead of comparing, print what takes Sluice's time: the first ten functions and files
                    (of the scenario 1kb, unless others are named)
  --json FILE       write everything that was measured
  --svg FILE        write a picture of the ratios
  --docs            put the tables into docs/performance.md, and the picture beside it
  --help

Examples:
  npm run bench
  npm run bench -- --scenario 1kb --seconds 5
  npm run bench -- --profile
  npm run bench -- --quick --scenario 1kb --json bench.json

How to read the table:
  throughput ÷ copy     calls per second, as a share of the byte copy's: 1.00 is as fast; (least–most) of single rounds
  work per CPU ÷ copy   the same in CPU time, which other processes on the machine disturb less
  a → b                 the byte copy's → Sluice's
docs/performance.md says more.

Exit codes: 0 measured, 1 an answer was wrong or a record is missing, 2 wrong usage.
`;

/** The options, the help that was asked for, or what is wrong. */
export function readOptions(args: readonly string[]): Options | "help" | Error {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        scenario: { type: "string", multiple: true },
        seconds: { type: "string" },
        rounds: { type: "string" },
        quick: { type: "boolean", default: false },
        profile: { type: "boolean", default: false },
        json: { type: "string" },
        svg: { type: "string" },
        docs: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return "help";
    const wanted = values.scenario ?? (values.profile ? ["1kb"] : SCENARIOS.map(({ name }) => name));
    return {
      scenarios: wanted.map(scenarioNamed),
      seconds: positive("--seconds", values.seconds) ?? (values.quick ? 0.3 : 2),
      rounds: Math.ceil(positive("--rounds", values.rounds) ?? (values.quick ? 1 : 5)),
      warmCalls: values.quick ? 1 : 30_000,
      profile: values.profile,
      json: values.json,
      svg: values.svg,
      docs: values.docs,
    };
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function scenarioNamed(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`There is no scenario ${name}; there are ${SCENARIOS.map((one) => one.name).join(", ")}.`);
  return found;
}

function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!(number > 0 && number <= 600)) throw new Error(`${option} wants a number above 0, at most 600.`);
  return number;
}
