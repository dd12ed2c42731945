/**
 * Progress of a replay, or of an initial load, as text for people. Pure: the time is an argument.
 */
export interface Reached {
  readonly doneRecords: bigint;
  readonly totalRecords: bigint;
}

/** Number of samples from which the rate is computed. */
const SAMPLES_MAX = 20;
const BAR_WIDTH_MIN = 5;
const BAR_WIDTH_MAX = 30;

export class Progress {
  readonly #samples: {ms: number; doneRecords: bigint}[] = [];

  readonly #what: string;

  /** `what` is what is counted, in the plural. */
  constructor(what = 'records') {
    this.#what = what;
  }

  /** Returns one line: percent, records, rate, time left. */
  line({doneRecords, totalRecords}: Reached, nowMs: number): string {
    this.#samples.push({ms: nowMs, doneRecords});
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    const percent = totalRecords === 0n ? 100 : Number((doneRecords * 1000n) / totalRecords) / 10;
    const parts = [
      `${percent.toFixed(1).padStart(5)} %`,
      `${grouped(doneRecords)} of ${grouped(totalRecords)} ${this.#what}`,
    ];
    const perSecond = this.#perSecond();
    if (perSecond !== undefined && perSecond >= 1) {
      parts.push(`${grouped(BigInt(Math.round(perSecond)))}/s`);
      const leftSeconds = Math.ceil(Number(totalRecords - doneRecords) / perSecond);
      if (leftSeconds > 0) parts.push(`${duration(leftSeconds)} left`);
    }
    return parts.join(', ');
  }

  #perSecond(): number | undefined {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.ms <= first.ms) return undefined;
    return (Number(last.doneRecords - first.doneRecords) * 1_000) / (last.ms - first.ms);
  }
}

/**
 * Returns `[##########----------] `, as wide as the columns allow. Returns an empty text if the bar would be too short to
 * read.
 */
export function bar({doneRecords, totalRecords}: Reached, columns: number): string {
  const width = Math.min(BAR_WIDTH_MAX, columns - '[] '.length);
  if (width < BAR_WIDTH_MIN) return '';
  const full = totalRecords === 0n ? width : Number((doneRecords * BigInt(width)) / totalRecords);
  return `[${'#'.repeat(Math.min(full, width)).padEnd(width, '-')}] `;
}

/** Groups digits: `1,234,567`. */
export function grouped(count: bigint): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Formats a duration: `1 h 02 min`, `3 min 05 s`, `12 s`. */
export function duration(seconds: number): string {
  const two = (part: number): string => String(part).padStart(2, '0');
  if (seconds >= 3_600)
    return `${Math.floor(seconds / 3_600)} h ${two(Math.floor((seconds % 3_600) / 60))} min`;
  if (seconds >= 60) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  return `${seconds} s`;
}
