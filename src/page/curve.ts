/**
 * The last minutes as curves: points to what an SVG draws, in its own units.
 *
 * Pure: no clock, no document.
 */
import type {HistoryPoint} from '../observe/statusAnswer.js';

export type Point = HistoryPoint<string>;

/** One value at a time; null where it is not known, and there the curve has a gap. */
export interface Sample {
  readonly atMs: number;
  readonly value: number | null;
}

export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Drawing {
  /** Paths in the notation of SVG: the curve, and the area below it. */
  readonly line: string;
  readonly area: string;
  /** The value at the upper edge. */
  readonly top: number;
}

const SHOWN_MS = 15 * 60_000;
/** The first minutes of a worker are shown larger. */
const SHOWN_MS_MIN = 2 * 60_000;
/** Points come every 5 s; after so long without one nobody knows what was. */
const GAP_MS = 20_000;
/** A rate is taken over so long. */
const RATE_MS = 9_000;

/** Both, each moment once, the oldest first, none older than is shown. A worker that is started anew begins with none. */
export function merged(known: readonly Point[], news: readonly Point[], nowMs: number): Point[] {
  const byTime = new Map([...known, ...news].map((point) => [point.atMs, point]));
  return [...byTime.values()]
    .filter(({atMs}) => atMs >= nowMs - SHOWN_MS && atMs <= nowMs)
    .sort((a, b) => a.atMs - b.atMs);
}

/** How much time the curves show: as long as there are points, at most 15 minutes. */
export function shownMs(points: readonly Point[], nowMs: number): number {
  const knownMs = nowMs - (points[0]?.atMs ?? nowMs);
  return Math.min(SHOWN_MS, Math.max(SHOWN_MS_MIN, knownMs));
}

export function lagSamples(points: readonly Point[]): Sample[] {
  return points.map(({atMs, lagRecords}) => ({atMs, value: lagRecords === null ? null : Number(lagRecords)}));
}

/** Records applied per second, between each point and one some seconds before it; null across the start of a worker. */
export function rateSamples(points: readonly Point[]): Sample[] {
  let first = 0;
  return points.map(({atMs, startedMs, applied}, index) => {
    while (first + 1 < index && atMs - (points[first + 1]?.atMs ?? atMs) >= RATE_MS) first++;
    const before = points[first];
    const seconds = before === undefined ? 0 : (atMs - before.atMs) / 1_000;
    const isSameWorker = before?.startedMs === startedMs;
    const isKnown = before !== undefined && isSameWorker && seconds > 0 && seconds <= GAP_MS / 1_000;
    return {atMs, value: isKnown ? (applied - before.applied) / seconds : null};
  });
}

/** The next of 1, 2, 5, 10, 20, ... at or above; at least 10, so that a handful does not look like a mountain. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 10)));
  return [1, 2, 5, 10].map((step) => step * power).find((top) => top >= value) ?? value;
}

export function draw(samples: readonly Sample[], frame: Frame): Drawing {
  const top = niceTop(Math.max(0, ...samples.map(({value}) => value ?? 0)));
  const runs = runsOf(samples).map((run) =>
    run.map(({atMs, value}) => `${xOf(atMs, frame)},${round(frame.height * (1 - value / top))}`),
  );
  const line = runs.map((run) => `M${run.join('L')}`).join('');
  const area = runs.map((run) => {
    const [left = '', right = ''] = [run[0], run.at(-1)].map((place) => place?.split(',')[0]);
    return `M${left},${frame.height}L${run.join('L')}L${right},${frame.height}Z`;
  });
  return {line, area: area.join(''), top};
}

/** From and to, in the units of the frame, of each stretch in which the worker was not ready. */
export function awayStretches(points: readonly Point[], frame: Frame): {x: number; width: number}[] {
  const stretches: {x: number; width: number}[] = [];
  points.forEach(({atMs, isReady}, index) => {
    if (isReady) return;
    const untilMs = Math.min(points[index + 1]?.atMs ?? atMs, atMs + GAP_MS);
    const x = xOf(atMs, frame);
    stretches.push({x, width: Math.max(1, round(xOf(untilMs, frame) - x))});
  });
  return stretches;
}

/** The sample whose time is nearest to this place. */
export function sampleAt(samples: readonly Sample[], x: number, frame: Frame): Sample | undefined {
  const atMs = frame.fromMs + (x / frame.width) * (frame.toMs - frame.fromMs);
  return samples.reduce<Sample | undefined>(
    (best, sample) =>
      best === undefined || Math.abs(sample.atMs - atMs) < Math.abs(best.atMs - atMs) ? sample : best,
    undefined,
  );
}

interface Known {
  readonly atMs: number;
  readonly value: number;
}

function runsOf(samples: readonly Sample[]): Known[][] {
  const runs: Known[][] = [];
  let lastMs = -Infinity;
  for (const {atMs, value} of samples) {
    if (value === null) {
      lastMs = -Infinity;
      continue;
    }
    if (atMs - lastMs > GAP_MS) runs.push([]);
    runs.at(-1)?.push({atMs, value});
    lastMs = atMs;
  }
  return runs;
}

function xOf(atMs: number, {width, fromMs, toMs}: Frame): number {
  return round((width * (atMs - fromMs)) / (toMs - fromMs));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
