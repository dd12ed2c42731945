/**
 * Commits the offsets of the group to Kafka, for lag tools only. No worker starts from committed offsets.
 */
import {messageOf} from '../runtime/errors.js';
import type {EventLog} from '../clients/kafka/eventLog.js';
import type {Failpoint} from '../runtime/failpoints.js';

export interface OffsetCommitDeps {
  readonly log: Pick<EventLog, 'commitOffsets'>;
  readonly logger: {info(fields: object, message: string): void};
  readonly failpoint: Failpoint;
}

export class OffsetCommits {
  readonly #deps: OffsetCommitDeps;
  #isOverdue = false;
  /** The offsets of the last successful commit. */
  #taken: ReadonlyMap<number, bigint> = new Map();

  constructor(deps: OffsetCommitDeps) {
    this.#deps = deps;
  }

  /** The offset of this partition in the last successful commit; null if it has none. */
  of(partition: number): bigint | null {
    return this.#taken.get(partition) ?? null;
  }

  /** Commits the offsets if they have changed. It never rejects, because the next commit contains the same progress. */
  async notify(offsets: ReadonlyMap<number, bigint>): Promise<void> {
    const {log, failpoint, logger} = this.#deps;
    try {
      if (!sameOffsets(offsets, this.#taken)) {
        failpoint('before-offset-commit');
        const committing = log.commitOffsets(offsets);
        failpoint('offset-commit-in-flight');
        await committing;
        failpoint('after-offset-commit');
        this.#taken = offsets;
      }
      this.#isOverdue = false;
    } catch (error) {
      if (!this.#isOverdue) logger.info({reason: messageOf(error)}, 'offset commit failed');
      this.#isOverdue = true;
    }
  }
}

function sameOffsets(a: ReadonlyMap<number, bigint>, b: ReadonlyMap<number, bigint>): boolean {
  return a.size === b.size && [...a].every(([partition, offset]) => b.get(partition) === offset);
}
