/**
 * Converts the points of the last 15 minutes to curves, in the units of an SVG.
 *
 * Pure: no clock, no document.
 */
import type {HistoryPoint} from '../observe/statusAnswer.js';

export type Point = HistoryPoint<string>;

/** The value at one moment. It is null if it is unknown, and then the curve has a gap. */
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
  /** Both are paths in SVG notation: `line` is the curve, and `area` is the area below it. */
  readonly line: string;
  readonly area: string;
  /** The value at the upper edge of the frame. */
  readonly top: number;
}

const SHOWN_MS = 15 * 60_000;
/** The curves show at least this time. So the first minutes of a worker fill the frame, and not only its right edge. */
const SHOWN_MS_MIN = 2 * 60_000;
/** Points arrive every 5 s. If none arrives for longer than this, the values between are unknown and the curve has a gap. */
const GAP_MS = 20_000;
/** A rate is computed over at least this time, if there are enough points. */
const RATE_MS = 9_000;

/**
 * Merges known and new points. The result contains each moment once, the oldest first, and no point older than 15 minutes.
 * The page keeps its known points because a worker that restarts has an empty history.
 */
export function merged(known: readonly Point[], news: readonly Point[], nowMs: number): Point[] {
  const byTime = new Map([...known, ...news].map((point) => [point.atMs, point]));
  return [...byTime.values()]
    .filter(({atMs}) => atMs >= nowMs - SHOWN_MS && atMs <= nowMs)
    .sort((a, b) => a.atMs - b.atMs);
}

/** Returns the time that the curves show: from the first point to now, at least 2 and at most 15 minutes. */
export function shownMs(points: readonly Point[], nowMs: number): number {
  const knownMs = nowMs - (points[0]?.atMs ?? nowMs);
  return Math.min(SHOWN_MS, Math.max(SHOWN_MS_MIN, knownMs));
}

export function lagSamples(points: readonly Point[]): Sample[] {
  return points.map(({atMs, lagRecords}) => ({atMs, value: lagRecords === null ? null : Number(lagRecords)}));
}

/**
 * Returns the records applied per second, between each point and an earlier point.
 * The rate is null if the worker restarted between the two points, or if they are more than 20 s apart.
 */
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

/** Returns the smallest of 10, 20, 50, 100, ... that is not below the value. The minimum is 10, so that small values look small. */
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

/** Returns the left edge and the width of each stretch in which the worker was not ready, in the units of the frame. */
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

/** Returns the sample whose time is nearest to the horizontal place `x`. */
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
