/** A waiver that ends on a day that does not exist would end on another one: it is refused with its place, and nothing starts. */
import { expect, test } from "vitest";
import { openGateway } from "../support/gateway.ts";

const RULE = 'package policies.house\n\ndeny contains {"id": "house/none"} if input.target.name == "none"\n';
const start = async (...dates: string[]) => {
  const waivers = dates.map((date) => `  - {id: house/none, owner: sec, reason: a move, expires: ${date}}\n`);
  const gateway = await openGateway("policy: {path: ./rules}\nservers: {one: {url: http://127.0.0.1:9/mcp}}", {
    "rules/house.rego": RULE,
    "rules/data.yaml": `waivers:\n${waivers.join("")}`,
  });
  await gateway.close();
};

test("waivers until a day that does not exist are refused, each at its line, and others are not", async () => {
  const refused = await start("2027-02-30", "2027-02-28", "2027-02-29T10:00:00Z", "2027-13-01").then(
    () => "",
    (fault: unknown) => String(fault),
  );
  const lines = refused.split("\n").filter((line) => line.includes("This waiver cannot be used: `expires` is not a date"));
  expect(lines.map((line) => /rules\/data\.yaml:(\d+):\d+: error: /.exec(line)?.[1])).toEqual(["2", "4", "5"]);
});
