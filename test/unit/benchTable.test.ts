/** The statistics, the tables and the plot of the benchmarks. A figure that was not measured is never a number. */
import type {Result, Round} from '../../bench/compare.js';
import {crashTable} from '../../bench/crash.js';
import {
  fixed,
  joined,
  mebibytes,
  median,
  microsecondsPer,
  milliseconds,
  NOT_MEASURED,
  quotient,
  range,
  rateOf,
  thousands,
} from '../../bench/figures.js';
import {latencyTable} from '../../bench/latency.js';
import {layoutTable, stageCosts, type LayoutRound} from '../../bench/layoutTable.js';
import type {LoadRun} from '../../bench/load.js';
import {loadTable} from '../../bench/loadTable.js';
import {percentiles} from '../../bench/percentiles.js';
import {barPlot} from '../../bench/plot.js';
import {scaleTable} from '../../bench/scale.js';
import {tableOf} from '../../bench/table.js';

const UNKNOWN = [null, undefined, NaN, Infinity, -Infinity];
const NO_NUMBER = /NaN|Infinity|null|undefined/;

function round(eventsPerSecond: number, wrong?: number): Round {
  return {
    seconds: 2,
    records: 2 * eventsPerSecond,
    cpuSeconds: 1,
    memoryMaxBytes: 100 * 1_048_576,
    eventsPerSecond,
    redisCpuSeconds: 0.5,
    scriptP99Ms: undefined,
    scriptMaxMs: undefined,
    verdict: wrong === undefined ? undefined : {checked: 10, wrong},
  };
}

/** A round that read nothing, in no time. */
const EMPTY: Round = {
  seconds: null,
  records: 0,
  cpuSeconds: null,
  memoryMaxBytes: null,
  eventsPerSecond: rateOf(0, 0),
  redisCpuSeconds: 0,
  scriptP99Ms: null,
  scriptMaxMs: null,
  verdict: {checked: 0, wrong: 0},
};

function result(name: string, rounds: Round[]): Result {
  return {name, form: 'compact', events: 10, rounds};
}

test('a median is the middle value, or the mean of the two middle values of an even number of rounds', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test('a median ignores the rounds that were not measured', () => {
  expect(median([null, 1, NaN, 3, Infinity])).toBe(2);
  expect(median([null, undefined])).toBeNull();
  expect(median([])).toBeNull();
});

describe('a cell', () => {
  const CELLS = {thousands, mebibytes, milliseconds, fixed: (figure: number | null) => fixed(figure, 1)};

  test.each(Object.entries(CELLS))('of the kind %s says so if its figure was not measured', (_, cell) => {
    for (const figure of UNKNOWN) expect(cell(figure as number | null)).toBe(NOT_MEASURED);
  });

  test('shows a figure that was measured, and 0 is one', () => {
    expect([thousands(1_234_567), mebibytes(3 * 1_048_576), fixed(0, 1)]).toEqual(['1,234,567', '3', '0.0']);
    expect([milliseconds(9.94), milliseconds(12.3)]).toEqual(['9.9', '12']);
  });

  test('of a range contains only the rounds that were measured', () => {
    expect(range([5, null, 2, Infinity], thousands)).toBe('2 to 5');
    expect(range([null, NaN], thousands)).toBe(NOT_MEASURED);
  });

  test('of several figures names the missing ones, and says it once if all are missing', () => {
    expect(joined([fixed(1, 1), fixed(null, 1)], ' / ')).toBe(`1.0 / ${NOT_MEASURED}`);
    expect(joined([fixed(null, 1), fixed(NaN, 1)], ' / ')).toBe(NOT_MEASURED);
  });
});

test('a quotient or a rate without events, without time or of unknown figures is not measured', () => {
  expect([rateOf(0, 1), rateOf(10, 0), rateOf(0, 0), rateOf(10, null)]).toEqual([null, null, null, null]);
  expect([microsecondsPer(1, 0), microsecondsPer(null, 5), quotient(1, 0)]).toEqual([null, null, null]);
  expect([rateOf(10, 2), microsecondsPer(1, 4), quotient(1, 4)]).toEqual([5, 250_000, 0.25]);
});

test('the table shows the median and the range of the rounds, and the worst final state', () => {
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

test('the table shows how long scripts blocked Redis: the p99 of the median round, and the longest of all', () => {
  const times = [4, 6, 5].map((p99, index) => ({
    ...round(10, 0),
    scriptP99Ms: p99,
    scriptMaxMs: 10 + index,
  }));
  expect(tableOf([result('ours', times)])).toContain('| 5.0 / 12 |');
});

test('each table and the plot say that a figure was not measured, instead of 0, Infinity or NaN', () => {
  const none = percentiles([]);
  const neighbour = {gets: none, timers: none};
  const rate = {rate: 100, reached: null, mysqlToKafka: none, kafkaToRedis: none, total: none};
  const scripts = {p50Ms: null, p99Ms: null, maxMs: null};
  const run = {seconds: NaN, cpuSeconds: null, memoryMaxBytes: null, redisCpuSeconds: null};
  const texts = [
    tableOf([result('empty', [EMPTY]), result('none', [])]),
    latencyTable({rates: [rate], replayedEvents: 9, neighbour, neighbourAtRest: neighbour, scripts}),
    latencyTable({
      rates: [],
      replayedEvents: 9,
      neighbour,
      neighbourAtRest: neighbour,
      scripts: undefined,
    }),
    scaleTable([
      {
        events: 1,
        products: 1,
        listpackBytes: 64,
        eventsPerSecond: null,
        workerMicroseconds: null,
        redisMicroseconds: null,
        workerMemoryMaxBytes: null,
        redisBytesPerOrder: null,
      },
    ]),
    crashTable([{name: 'x', kills: 5, checked: 0, wrong: 0}]),
    loadTable([{name: 'bare loop', rounds: [run]}], 0),
    loadTable([{name: 'bare loop', rounds: []}], 5),
    barPlot('x', [{label: 'empty', value: null}]),
  ];
  for (const text of texts) {
    expect(text).toContain(NOT_MEASURED);
    expect(text).not.toMatch(NO_NUMBER);
    expect(text).not.toMatch(/\| 0(?:\.0)? \|/);
  }
});

test('a row of the load table is compared with the bare loop of the same round', () => {
  const run = (seconds: number): LoadRun => ({
    seconds,
    cpuSeconds: seconds / 2,
    memoryMaxBytes: 50 * 1_048_576,
    redisCpuSeconds: 1,
  });
  const table = loadTable(
    [
      {name: 'bare loop', rounds: [run(2), run(10), run(4)]},
      {name: 'sync', rounds: [run(3), run(20), run(8)]},
    ],
    1_000_000,
  );
  const [, , bare, sync] = table.split('\n');
  expect(bare).toBe('| bare loop | 4.0 | 2.0 to 10.0 | 1.00 | 50 | 2.0 | 1.0 |');
  expect(sync).toBe('| sync | 8.0 | 3.0 to 20.0 | 2.00 | 50 | 4.0 | 1.0 |');
});

test('a percentile is one of the samples, selected by nearest rank', () => {
  const samples = Array.from({length: 200}, (_, i) => 200 - i);
  expect(percentiles(samples)).toEqual({count: 200, p50Ms: 100, p99Ms: 198, maxMs: 200});
  expect(percentiles([7])).toEqual({count: 1, p50Ms: 7, p99Ms: 7, maxMs: 7});
  expect(percentiles([])).toEqual({count: 0, p50Ms: null, p99Ms: null, maxMs: null});
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

describe('the table of the layouts', () => {
  /** Three nodes, of which the first one has the reports. */
  const onCluster = (...cpuSeconds: (number | null)[]): LayoutRound => ({
    eventsPerSecond: 10_000,
    workerMicroseconds: 12,
    redisMicroseconds: 8,
    nodes: cpuSeconds.map((seconds, index) => ({
      cpuSeconds: seconds,
      partitions: 2,
      records: 100_000,
      hasReports: index === 0,
    })),
  });

  test('what the node with the reports needs in addition to the others is the cost of the reports', () => {
    expect(stageCosts(onCluster(0.9, 0.5, 0.7))).toEqual({
      ordersMicroseconds: 6,
      reportsMicroseconds: expect.closeTo(1, 6) as number,
    });
  });

  test('one Redis has no separate stages, and unknown figures give no numbers', () => {
    const one = onCluster(0.9);
    expect(stageCosts(one)).toEqual({ordersMicroseconds: null, reportsMicroseconds: null});
    expect(stageCosts(onCluster(null, null, null))).toEqual({
      ordersMicroseconds: null,
      reportsMicroseconds: null,
    });
    const table = layoutTable([{layout: 'partitioned', name: 'one Redis', rounds: [one]}]);
    expect(table).toContain('0.90 (2 partitions and reports)');
    expect(table).not.toMatch(NO_NUMBER);
  });
});
