/**
 * What became of the records that this worker consumed.
 *
 * I6: every record that leaves the queue ends in exactly one outcome: applied (a row change), duplicate (it was applied
 * before and is only compared), ignored (heartbeats, tombstones, other tables), quarantined; or it is handed back, when the
 * script that carried it was not applied, and then it is read again. The ledger is kept in production, too: a worker whose
 * sums do not fit stops, before a record can be passed over without a trace.
 */
import {ProjectorError} from '../runtime/errors.js';

export interface Outcomes {
  applied: number;
  duplicate: number;
  ignored: number;
  quarantined: number;
}

export interface Tally extends Outcomes {
  /** Records that left the queue and were not handed back. */
  consumed: number;
  /** Times that a partition had to read its position again: refusals, lost replies, roll-backs. */
  rewinds: number;
  /** Those of them that found another position in Redis: someone else had written, or Redis had gone back. */
  refusals: number;
  /** Time of the newest applied record in its database, ms since 1970. */
  newestSourceMs: number | null;
}

export function noOutcomes(): Outcomes {
  return {applied: 0, duplicate: 0, ignored: 0, quarantined: 0};
}

export function emptyTally(): Tally {
  return {consumed: 0, ...noOutcomes(), rewinds: 0, refusals: 0, newestSourceMs: null};
}

/** How many records these outcomes are. */
export function recordsOf({applied, duplicate, ignored, quarantined}: Outcomes): number {
  return applied + duplicate + ignored + quarantined;
}

/** The books of one partition; every entry also goes to the worker's tally. */
export class Ledger {
  readonly #tally: Tally;
  readonly #own = emptyTally();
  /** Records that left the queue and have no outcome yet. */
  #pending = 0;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  /** One record left the queue. */
  take(): void {
    this.#pending++;
    for (const tally of [this.#own, this.#tally]) tally.consumed++;
  }

  /** These records will be read again. */
  handBack(records: number): void {
    this.#pending -= records;
    for (const tally of [this.#own, this.#tally]) tally.consumed -= records;
  }

  /** These records have their outcome. */
  enter(outcomes: Outcomes, newestSourceMs: number | null = null): void {
    this.#pending -= recordsOf(outcomes);
    for (const tally of [this.#own, this.#tally]) {
      tally.applied += outcomes.applied;
      tally.duplicate += outcomes.duplicate;
      tally.ignored += outcomes.ignored;
      tally.quarantined += outcomes.quarantined;
      if (newestSourceMs !== null) tally.newestSourceMs = Math.max(tally.newestSourceMs ?? 0, newestSourceMs);
    }
  }

  rewound({isRefused}: {readonly isRefused: boolean}): void {
    this.#tally.rewinds++;
    if (isRefused) this.#tally.refusals++;
  }

  /** Throws `counts-differ` when a record has no outcome, or more than one. `settled`: nothing may be pending now. */
  requireBalance(where: string, {settled}: {readonly settled: boolean}): void {
    const {consumed} = this.#own;
    const sum = recordsOf(this.#own);
    if (consumed === sum + this.#pending && this.#pending >= 0 && !(settled && this.#pending > 0)) return;
    throw new ProjectorError(
      'counts-differ',
      `${where}: ${consumed} records consumed, ${sum} have an outcome, ${this.#pending} are on their way`,
    );
  }
}
