/**
 * Outcomes of the records that this worker consumed.
 *
 * I6: every record that leaves the queue gets exactly one outcome:
 * - applied: a change of a row;
 * - duplicate: it was applied before, and is only compared;
 * - ignored: heartbeats, tombstones, other tables;
 * - quarantined.
 * If the script of a record was not applied, the record is handed back instead, and the worker reads it again. The counts are also checked
 * in production. A worker whose sums do not match stops, so that no record can be skipped without a trace.
 */
import {ProjectorError} from '../runtime/errors.js';
import {counted} from '../runtime/counted.js';

export interface Outcomes {
  applied: number;
  duplicate: number;
  ignored: number;
  quarantined: number;
}

export interface WorkerCounts extends Outcomes {
  /** Records that left the queue and were not handed back. */
  consumed: number;
  /** Resets to the stored position, for any reason: rejected writes, errors, corrupt orders, unexpected offsets, moved positions. */
  positionResets: number;
  /** Resets because of a rejected write: another worker had moved the position, or Redis had lost writes. */
  rejectedWrites: number;
  /** Time of the newest applied change or heartbeat in its database, ms since 1970. */
  newestSourceMs: number | null;
}

export function noOutcomes(): Outcomes {
  return {applied: 0, duplicate: 0, ignored: 0, quarantined: 0};
}

export function noCounts(): WorkerCounts {
  return {consumed: 0, ...noOutcomes(), positionResets: 0, rejectedWrites: 0, newestSourceMs: null};
}

/** The number of records that have one of these outcomes. */
export function recordsOf({applied, duplicate, ignored, quarantined}: Outcomes): number {
  return applied + duplicate + ignored + quarantined;
}

/** The counts of one partition. Every entry is also added to the counts of the worker. */
export class OutcomeCounter {
  readonly #counts: WorkerCounts;
  readonly #own = noCounts();
  /** Records that left the queue and have no outcome. */
  #pending = 0;

  constructor(counts: WorkerCounts) {
    this.#counts = counts;
  }

  /** Counts one record that left the queue. */
  take(): void {
    this.#pending++;
    for (const counts of [this.#own, this.#counts]) counts.consumed++;
  }

  /** Takes these records out of the counts, because the worker reads them again. */
  handBack(records: number): void {
    this.#pending -= records;
    for (const counts of [this.#own, this.#counts]) counts.consumed -= records;
  }

  /** Counts the outcomes of a chunk. */
  enter(outcomes: Outcomes, newestSourceMs: number | null = null): void {
    this.#pending -= recordsOf(outcomes);
    for (const counts of [this.#own, this.#counts]) {
      counts.applied += outcomes.applied;
      counts.duplicate += outcomes.duplicate;
      counts.ignored += outcomes.ignored;
      counts.quarantined += outcomes.quarantined;
      if (newestSourceMs !== null)
        counts.newestSourceMs = Math.max(counts.newestSourceMs ?? 0, newestSourceMs);
    }
  }

  countReset({isRefused}: {readonly isRefused: boolean}): void {
    this.#counts.positionResets++;
    if (isRefused) this.#counts.rejectedWrites++;
  }

  /** Throws `counts-differ` if a record has no outcome, or more than one. `settled`: no record may be pending. */
  requireBalance(where: string, {settled}: {readonly settled: boolean}): void {
    const {consumed} = this.#own;
    const sum = recordsOf(this.#own);
    if (consumed === sum + this.#pending && this.#pending >= 0 && !(settled && this.#pending > 0)) return;
    throw new ProjectorError(
      'counts-differ',
      `${where}: ${counted(consumed, 'record')} consumed, ${sum} have an outcome, ${this.#pending} are in flight`,
    );
  }
}
