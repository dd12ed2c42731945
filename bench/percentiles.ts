/** Summarizes latencies as percentiles. */
export interface Percentiles {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Computes percentiles by the nearest rank: p99 of 100 samples is the second highest one. NaN without samples. */
export function percentiles(samplesMs: readonly number[]): Percentiles {
  const sorted = [...samplesMs].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
  return {count: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1)};
}
