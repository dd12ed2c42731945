/** What the workers say they did with the records (G6): each consumed record has one outcome. */
import type {LogLine} from '../worker.js';

const OUTCOMES = ['applied', 'duplicate', 'ignored', 'quarantined'] as const;
const LATE = 'stopped without leaving the group: no answer in time';

export class Books {
  /** Over all workers that have ended, as far as their last summary tells. */
  readonly totals: Record<(typeof OUTCOMES)[number] | 'consumed' | 'positionResets', number> = {
    consumed: 0,
    applied: 0,
    duplicate: 0,
    ignored: 0,
    quarantined: 0,
    positionResets: 0,
  };

  /**
   * Enters the last summary of a worker that has ended. Returns what is wrong with it. One that was killed may have had records on
   * their way, and so has one that did not get an answer in time.
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
    return `${consumed} records consumed, but ${sum} have an outcome: ${JSON.stringify(summary)}`;
  }
}
