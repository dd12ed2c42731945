/** Draws a bar chart as SVG text. */
import {highest, thousands} from './figures.js';

export interface Bar {
  readonly label: string;
  /** Null if it was not measured. Then the text at the bar says so, and the bar has no length. */
  readonly value: number | null;
  /** The lowest and the highest value, drawn as a thin line. */
  readonly range?: readonly [number, number];
  /** Whether the bar has the stronger colour, which marks the worker of this project. */
  readonly isOurs?: boolean;
}

const WIDTH = 900;
const LABEL_WIDTH = 380;
const BAR_HEIGHT = 22;
const STEP = 32;
const TOP = 48;

export function barPlot(title: string, bars: readonly Bar[]): string {
  const longest = Math.max(highest(bars.map(({value, range}) => range?.[1] ?? value)) ?? 0, 1);
  const x = (value: number): string =>
    (LABEL_WIDTH + (value / longest) * (WIDTH - LABEL_WIDTH - 90)).toFixed(1);
  const rows = bars.map(({label, value: figure, range: ends, isOurs = false}, index) => {
    const value = figure ?? 0;
    const range = ends ?? [value, value];
    const y = TOP + index * STEP;
    const [middle, end] = [y + BAR_HEIGHT / 2, Number(x(Math.max(value, range[1])))];
    const width = (Number(x(value)) - LABEL_WIDTH).toFixed(1);
    return [
      `<text x="${LABEL_WIDTH - 8}" y="${middle + 5}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR_HEIGHT}" fill="${isOurs ? '#1f6fb2' : '#b8c4d0'}"/>`,
      `<line x1="${x(range[0])}" x2="${x(range[1])}" y1="${middle}" y2="${middle}" stroke="#222"/>`,
      `<text x="${end + 6}" y="${middle + 5}">${thousands(figure)}</text>`,
    ].join('\n');
  });
  const height = TOP + bars.length * STEP + 12;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="14">
<rect width="100%" height="100%" fill="#fff"/>
<text x="12" y="26" font-size="17">${escaped(title)}</text>
${rows.join('\n')}
</svg>
`;
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
