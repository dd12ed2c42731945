/** The statistics, the table and the plot of a benchmark comparison. */
import type {Result, Round} from '../../bench/compare.js';
import {percentiles} from '../../bench/percentiles.js';
import {barPlot} from '../../bench/plot.js';
import {median, tableOf} from '../../bench/table.js';

function round(eventsPerSecond: number, wrong?: number): Round {
  return {
    seconds: 2,
    records: 2 * eventsPerSecond,
    cpuSeconds: 1,
    memoryMaxBytes: 100 * 1_048_576,
    eventsPerSecond,
    redisCpuSeconds: 0.5,
    scriptP99Ms: undefined,
    verdict: wrong === undefined ? undefined : {checked: 10, wrong},
  };
}

test('a median is the middle value, or the mean of the two middle values of an even number of rounds', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test('the table shows the median and the range of the rounds, and the worst final state', () => {
  const result = (name: string, rounds: Round[]): Result => ({name, form: 'compact', events: 10, rounds});
  const table = tableOf([
    result('sound', [round(30_000, 0), round(10_000, 0), round(20_000, 0)]),
    result('unsound', [round(10_000, 0), round(10_000, 3)]),
    result('ceiling', [round(10_000)]),
  ]);
  const [, , sound, unsound, ceiling] = table.split('\n');
  expect(sound).toBe('| sound | compact | 20,000 | 10,000 to 30,000 | 25.0 | 12.5 | 100 |  | correct |');
  expect(unsound).toContain('WRONG (3 of 10)');
  expect(ceiling).toContain('writes nothing');
});

test('a percentile is one of the samples, selected by nearest rank', () => {
  const samples = Array.from({length: 200}, (_, i) => 200 - i);
  expect(percentiles(samples)).toEqual({count: 200, p50Ms: 100, p99Ms: 198, maxMs: 200});
  expect(percentiles([7])).toEqual({count: 1, p50Ms: 7, p99Ms: 7, maxMs: 7});
  expect(percentiles([])).toMatchObject({count: 0, p50Ms: NaN});
});

test('the lengths of the bars are proportional to their values, and all texts are escaped', () => {
  const plot = barPlot('a < b', [
    {label: 'x & y', value: 50, range: [40, 100]},
    {label: 'ours', value: 100, isOurs: true},
  ]);
  expect(plot).toContain('a &lt; b');
  expect(plot).toContain('x &amp; y');
  const widths = [...plot.matchAll(/<rect x="380" y="\d+" width="([\d.]+)"/g)].map(([, width]) =>
    Number(width),
  );
  expect(widths).toEqual([215, 430]);
});
