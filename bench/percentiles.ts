/** Summarizes latencies as percentiles. */
import {joined, milliseconds} from './figures.js';

/** The percentiles are null if there are no samples. */
export interface Percentiles {
  readonly count: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
}

/** Computes percentiles by the nearest rank: p99 of 100 samples is the second highest one. */
export function percentiles(samplesMs: readonly number[]): Percentiles {
  const sorted = [...samplesMs].sort((a, b) => a - b);
  const at = (share: number): number | null =>
    sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
  return {count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1)};
}

/** `P50 / P99 / MAX` as a cell of a table. */
export function percentilesCell({p50Ms, p99Ms, maxMs}: Percentiles): string {
  return joined([p50Ms, p99Ms, maxMs].map(milliseconds), ' / ');
}
