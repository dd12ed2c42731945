/** How the live page shows the responses of the worker, and the history that the worker keeps for it. */
import type {Clock} from '../../src/runtime/lifecycle.js';
import {History, HISTORY_POINTS_MAX} from '../../src/observe/history.js';
import {
  awayStretches,
  draw,
  merged,
  niceTop,
  rateSamples,
  sampleAt,
  shownMs,
  type Point,
} from '../../src/page/curve.js';
import {count, headline, rate, span, stateText, tabTitle, type Status} from '../../src/page/wording.js';
import {noCounts} from '../../src/worker/outcomes.js';
import {partitionView, workerView} from '../support/views.js';

const SECOND = 1_000;
const point = (seconds: number, known: Partial<Point> = {}): Point => ({
  atMs: seconds * SECOND,
  startedMs: 0,
  lagRecords: '0',
  applied: 0,
  isReady: true,
  ...known,
});

describe('wording', () => {
  test.each([
    ['9223372036854775807', '9,223,372,036,854,775,807'],
    ['1000', '1,000'],
    [999, '999'],
    [0, '0'],
    [null, '–'],
  ])('a count of %p has thousands separators', (value, text) => expect(count(value)).toBe(text));

  test.each([
    [0, '0 s'],
    [0.42, '0.4 s'],
    [6, '6 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [59.6, '1 min'],
    [185, '3 min 5 s'],
    [8_040, '2 h 14 min'],
    [273_600, '3 d 4 h'],
    [null, '–'],
  ])('a span of %p s is shown in at most two units', (seconds, text) => expect(span(seconds)).toBe(text));

  test('a rate below 10 has one decimal, and a higher rate has none', () => {
    expect([0, 0.43, 9.9, 9.96, 1_340.4, null].map(rate)).toEqual(['0', '0.4', '9.9', '10', '1,340', '–']);
  });

  const status = (known: Partial<Status>): Status =>
    ({
      state: 'running',
      ready: {isWell: true, reasons: []},
      group: 'g',
      lagRecords: '1234',
      ...known,
    }) as Status;

  test('the headline shows the readiness; a halt is bad, and waiting is only a warning', () => {
    const ready = {isWell: false, reasons: ['Redis is away']};
    expect(headline(status({}))).toEqual({tone: 'good', title: 'Ready', reasons: []});
    expect(headline(status({state: 'waiting', ready}))).toMatchObject({tone: 'warn', reasons: ready.reasons});
    expect(headline(status({state: 'halted', ready}))).toMatchObject({tone: 'bad', title: 'Not ready'});
    expect(tabTitle(status({}))).toBe('Lag 1,234 · g · order projector');
    expect(tabTitle(status({ready}))).toMatch(/^Not ready/);
  });

  test('a state that the page does not know is shown as it is', () => {
    expect([stateText('waiting'), stateText('dreaming')]).toEqual([
      'waiting: retries, and resumes without a restart',
      'dreaming',
    ]);
  });
});

describe('curves', () => {
  const frame = {width: 100, height: 10, fromMs: 0, toMs: 100 * SECOND};

  test('merged points are sorted by time, contain each moment once, and none is older than 15 minutes', () => {
    const known = [point(10), point(1_000)];
    expect(merged(known, [point(1_000), point(995)], 1_001 * SECOND).map(({atMs}) => atMs / SECOND)).toEqual([
      995, 1_000,
    ]);
  });

  test('a rate is computed over several seconds, and never across the start of a worker or across a gap', () => {
    // The second worker soon exceeds the count of the first, so the sums alone do not show the restart.
    const sums = [0, 50, 100, 150, 4, 900];
    const points = sums.map((applied, index) =>
      point(index * 5, {applied, startedMs: index < 4 ? 0 : 17_000}),
    );
    const values = rateSamples([...points, point(90, {applied: 900})]).map(({value}) => value);
    expect(values).toEqual([null, 10, 10, 10, null, null, null]);
  });

  test('the curve has a gap where a value is unknown', () => {
    const samples = [0, 10, null, 20, 5].map((value, index) => ({atMs: index * 10 * SECOND, value}));
    const {line, area, top} = draw([...samples, {atMs: 90 * SECOND, value: 20}], frame);
    expect(top).toBe(20);
    expect(line).toBe('M0,10L10,5M30,0L40,7.5M90,0');
    expect(area).toBe('M0,10L0,10L10,5L10,10ZM30,10L30,0L40,7.5L40,10ZM90,10L90,0L90,10Z');
    expect(draw([], frame)).toEqual({line: '', area: '', top: 10});
  });

  test.each([
    [0, 10],
    [10, 10],
    [11, 20],
    [3_400, 5_000],
    [9_999, 10_000],
  ])('the top of a scale for the value %d is %d', (value, top) => expect(niceTop(value)).toBe(top));

  test('a period without readiness ends at the next point, or after 20 s if no point follows in time', () => {
    const points = [point(0), point(5, {isReady: false}), point(10), point(50, {isReady: false}), point(90)];
    expect(awayStretches(points, frame)).toEqual([
      {x: 5, width: 5},
      {x: 50, width: 20},
    ]);
  });

  test('the pointer selects the nearest sample; the page shows a shorter period while a worker is young', () => {
    const samples = [10, 20, 30].map((seconds) => ({atMs: seconds * SECOND, value: seconds}));
    expect([sampleAt(samples, 24, frame)?.value, sampleAt(samples, 99, frame)?.value]).toEqual([20, 30]);
    expect(sampleAt([], 5, frame)).toBeUndefined();
    const minutes = [1, 7, 40].map((old) => shownMs([point(0)], old * 60 * SECOND) / 60 / SECOND);
    expect(minutes).toEqual([2, 7, 15]);
  });
});

test('the history keeps a fixed number of points and drops the oldest', async () => {
  let nowMs = 0;
  const end = new AbortController();
  const history = new History(() =>
    workerView({
      nowMs,
      startedMs: 7,
      counts: {...noCounts(), applied: nowMs / SECOND},
      isRedisUp: true,
      partitions: [partitionView({lagRecords: 2n ** 60n})],
    }),
  );
  const clock: Clock = {
    nowMs: () => nowMs,
    sleep: async (ms) => {
      nowMs += ms;
      if (nowMs >= 2_000 * SECOND) end.abort();
      await Promise.resolve();
    },
  };
  await history.keep(clock, end.signal);
  const {points} = history.answer;
  expect(points).toHaveLength(HISTORY_POINTS_MAX);
  expect(points.at(-1)).toEqual({
    atMs: 1_995_000,
    startedMs: 7,
    lagRecords: 2n ** 60n,
    applied: 1_995,
    isReady: true,
  });
  expect((points.at(-1)?.atMs ?? 0) - (points[0]?.atMs ?? 0)).toBe(895_000);
});
