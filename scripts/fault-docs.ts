/**
 * The table in docs/faults.md from the rows that the tests play: `npm run generate` writes it between its markers, a test compares. Must
 * not state an outcome that no row states.
 */
import { join } from "node:path";
import { type Cell, METRICS, type Place, PLACES, ROWS } from "../test/faults/table.ts";

export const FAULT_DOCS_FILE = join(import.meta.dirname, "..", "docs", "faults.md");

const HEADINGS: Record<Place, string> = {
  call: "a request",
  get: "the GET stream",
  delete: "DELETE",
  notification: "a notification",
  answer: "the client's answer",
  own: "Sluice's own answer",
};
const BEGIN = "<!-- Generated from test/faults/table.ts (npm run generate). -->\n";
const END = "<!-- End of the generated table. -->";

/** The page with the table brought up to date. */
export function faultDocs(page: string): string {
  const [before, rest = ""] = page.split(BEGIN);
  const after = rest.slice(rest.indexOf(END));
  return `${before ?? ""}${BEGIN}\n${table()}\n\n${metrics()}\n\n${after}`;
}

function table(): string {
  const rows = ROWS.map(({ fault, cells }) => `| ${fault} | ${PLACES.map((place) => cellText(place, cells[place])).join(" | ")} |`);
  return [`| The server … | ${PLACES.map((place) => HEADINGS[place]).join(" | ")} |`, `|---${"|---".repeat(PLACES.length)}|`, ...rows].join(
    "\n",
  );
}

function cellText(place: Place, cell: Cell | undefined): string {
  if (cell === undefined) return "–";
  const code = cell.code === undefined ? undefined : `\`${cell.code}\``;
  // The server's trouble with being told is on no client's account: its metric is all there is to see.
  if (place === "own") return code === undefined ? "nothing" : "the metric";
  const headers = Object.keys(cell.headers ?? {}).map((name) => `, \`${name}\` passes`);
  const seen =
    cell.says === "event" ? `${cell.http}, an error event` : cell.says === "end" ? `${cell.http}, the stream ends` : String(cell.http);
  const dropped = cell.drops === true ? ", one message dropped" : "";
  return `${seen}${dropped}${headers.join("")}${code === undefined ? "" : `: ${code}`}`;
}

function metrics(): string {
  const rows = Object.entries(METRICS).map(([code, metric]) => `| \`${code}\` | \`${metric}\` |`);
  return ["| Reason on record | Metric |", "|---|---|", ...rows].join("\n");
}
