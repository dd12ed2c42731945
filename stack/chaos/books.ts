/** Sums the counters of the workers' summaries and checks them (G6): each consumed record has exactly one outcome. */
import type {LogLine} from '../worker.js';

const OUTCOMES = ['applied', 'duplicate', 'ignored', 'quarantined'] as const;
const LATE = 'stopped without leaving the group: the stop timeout expired';

export class Books {
  /** Sums of the last summaries of all workers that have ended. */
  readonly totals: Record<(typeof OUTCOMES)[number] | 'consumed' | 'positionResets', number> = {
    consumed: 0,
    applied: 0,
    duplicate: 0,
    ignored: 0,
    quarantined: 0,
    positionResets: 0,
  };

  /**
   * Adds the last summary of a worker that has ended, and returns an error text if it does not balance. A worker that was
   * killed, or that stopped without a response in time, may have had records in flight.
   */
  enter(log: readonly LogLine[], how: 'stopped' | 'killed'): string | undefined {
    const summary = log.findLast(({msg}) => msg === 'summary');
    if (summary === undefined) return undefined;
    const count = (name: string): number => Number(summary[name] ?? NaN);
    for (const name of [...OUTCOMES, 'consumed', 'positionResets'] as const) this.totals[name] += count(name);
    const sum = OUTCOMES.reduce((total, name) => total + count(name), 0);
    const consumed = count('consumed');
    const isSettled = how === 'stopped' && !log.some(({msg}) => msg === LATE);
    if (isSettled ? consumed === sum : consumed >= sum) return undefined;
    return `${consumed} records were consumed, but ${sum} have an outcome: ${JSON.stringify(summary)}`;
  }
}
