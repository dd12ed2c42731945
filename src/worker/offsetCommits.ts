/**
 * What Kafka is told of positions: commits of the group's offsets, for lag tools. No worker starts from them.
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
  /** What Kafka took last. */
  #taken: ReadonlyMap<number, bigint> = new Map();

  constructor(deps: AckDeps) {
    this.#deps = deps;
  }

  /** The offset that Kafka took last for this partition. */
  of(partition: number): bigint | null {
    return this.#taken.get(partition) ?? null;
  }

  /** Tells Kafka, when there is news. Never rejects: the next one carries the same news. */
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
