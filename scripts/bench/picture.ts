/**
 * The table as a picture: a bar for each row, as long as Sluice's share of the byte copy, with its spread. An SVG that needs nothing else
 * and is legible on light and on dark pages. Pure.
 */
import type { Figures } from "./report.ts";

const WIDTH = 860;
const LABEL = 250;
const RIGHT = 70;
const ROW = 26;
const TOP = 56;
const BAR = 14;

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 } .quiet { fill: #57606a; font-size: 11px }
  .bar { fill: #2f6fab } .other { fill: #8a97a6 } .spread { stroke: #24292f } .copy { stroke: #b35900; stroke-dasharray: 4 3 } .grid { stroke: #d0d7de }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9aa4af }
    .bar { fill: #6cb0f0 } .other { fill: #77838f } .spread { stroke: #e6edf3 } .copy { stroke: #ffa657 } .grid { stroke: #3d444d }
  }`;

/** `note`: one line on where and how it was measured. */
export function pictureOf(rows: readonly Figures[], note: string): string {
  const most = Math.max(1, ...rows.map(({ throughput, perCpu }) => Math.max(throughput.median, perCpu.median)));
  const scale = Math.ceil(most * 4) / 4;
  const x = (ratio: number): number => LABEL + (Math.min(ratio, scale) / scale) * (WIDTH - LABEL - RIGHT);
  const height = TOP + rows.length * ROW + 34;
  const bottom = height - 28;
  const steps = Array.from({ length: Math.round(scale / 0.25) + 1 }, (_, at) => at / 4);
  const parts = [
    `<text class="title" x="0" y="16">Sluice beside a proxy that only copies bytes</text>`,
    `<text class="quiet" x="0" y="34">share of its calls per second (bar, with the spread of single rounds) and of its work per CPU (thin bar)</text>`,
    ...steps.map(
      (step) => `<line class="${step === 1 ? "copy" : "grid"}" x1="${x(step)}" y1="${TOP - 8}" x2="${x(step)}" y2="${bottom}"/>`,
    ),
    ...steps.map((step) => `<text class="quiet" x="${x(step)}" y="${bottom + 13}" text-anchor="middle">${step}</text>`),
    ...rows.map((row, at) => bars(row, TOP + at * ROW, x)),
    `<text class="quiet" x="0" y="${height - 2}">${escaped(note)}</text>`,
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Sluice's share of a byte copy's throughput">
<style>${STYLE}
</style>
${parts.join("\n")}
</svg>
`;
}

function bars({ name, throughput, perCpu }: Figures, y: number, x: (ratio: number) => number): string {
  const middle = y + BAR / 2 - 2;
  const wide = (ratio: number): string => (x(ratio) - LABEL).toFixed(1);
  return [
    `<text x="${LABEL - 10}" y="${y + 12}" text-anchor="end">${escaped(name)}</text>`,
    `<rect class="bar" x="${LABEL}" y="${y}" width="${wide(throughput.median)}" height="${BAR - 4}"/>`,
    `<rect class="other" x="${LABEL}" y="${y + BAR - 3}" width="${wide(perCpu.median)}" height="4"/>`,
    `<line class="spread" x1="${x(throughput.least).toFixed(1)}" y1="${middle}" x2="${x(throughput.most).toFixed(1)}" y2="${middle}"/>`,
    `<text class="quiet" x="${(x(Math.max(throughput.most, perCpu.median)) + 6).toFixed(1)}" y="${y + 11}">${throughput.median.toFixed(2)}</text>`,
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
