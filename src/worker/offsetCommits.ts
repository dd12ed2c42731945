/**
 * Commits the offsets of the group to Kafka, for lag tools only. No worker starts from committed offsets.
 */
import {messageOf} from '../runtime/errors.js';
import type {EventLog} from '../clients/kafka/eventLog.js';
import type {Failpoint} from '../runtime/failpoints.js';

export interface AckDeps {
  readonly log: Pick<EventLog, 'ack'>;
  readonly logger: {info(fields: object, message: string): void};
  readonly failpoint: Failpoint;
}

export class Acks {
  readonly #deps: AckDeps;
  #isOverdue = false;
  /** The offsets of the last successful commit. */
  #taken: ReadonlyMap<number, bigint> = new Map();

  constructor(deps: AckDeps) {
    this.#deps = deps;
  }

  /** The offset of this partition in the last successful commit; null if it has none. */
  of(partition: number): bigint | null {
    return this.#taken.get(partition) ?? null;
  }

  /** Commits the offsets if they have changed. It never rejects, because the next commit contains the same progress. */
  async tell(offsets: ReadonlyMap<number, bigint>): Promise<void> {
    const {log, failpoint, logger} = this.#deps;
    try {
      if (!sameOffsets(offsets, this.#taken)) {
        failpoint('before-ack');
        const acked = log.ack(offsets);
        failpoint('ack-in-flight');
        await acked;
        failpoint('after-ack');
        this.#taken = offsets;
      }
      this.#isOverdue = false;
    } catch (error) {
      if (!this.#isOverdue) logger.info({reason: messageOf(error)}, 'Kafka did not take the ack');
      this.#isOverdue = true;
    }
  }
}

function sameOffsets(a: ReadonlyMap<number, bigint>, b: ReadonlyMap<number, bigint>): boolean {
  return a.size === b.size && [...a].every(([partition, offset]) => b.get(partition) === offset);
}
