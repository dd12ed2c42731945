/**
 * How far the connector has come: whether the topic contains what MySQL shows.
 *
 * MySQL writes transactions to the binlog in the order of their commits, and the connector reads them in that order. So a row event whose
 * statement began after a look at MySQL is behind every transaction that the look could see. If it is in the topic, these are too.
 * The connector writes a heartbeat row every few seconds, so that this does not need other traffic.
 *
 * This holds within a partition. While one partition cannot be written, the producer of the connector keeps its records, and writes the other
 * partitions. So the audit repairs a sum, which depends on all partitions, only if two passes find the same difference (verify/audit/pass.ts).
 *
 * Both times come from the clock of MySQL. If MYSQL_URL names a replica, its clock must agree with that of its source.
 */
import type {LogRecord} from '../clients/kafka/eventLog.js';
import type {RowQuery} from '../clients/mysql.js';
import {rowEventMs} from '../decode/sourceGtid.js';

export interface PassageDeps {
  readonly mysql: {consistentSnapshot<T>(work: (ask: RowQuery) => Promise<T>): Promise<T>};
  /** The records of the batch in which the record before `end` is, up to that record. Undefined before the start of the partition. */
  readonly recordsBefore: (partition: number, end: bigint) => Promise<readonly LogRecord[] | undefined>;
}

const BATCHES_MAX = 20;

export class Passage {
  readonly #deps: PassageDeps;

  constructor(deps: PassageDeps) {
    this.#deps = deps;
  }

  /** The clock of MySQL, in ms since 1970. */
  async nowMs(): Promise<number> {
    const [row] = await this.#deps.mysql.consistentSnapshot(
      async (ask) => await ask('SELECT ROUND(UNIX_TIMESTAMP(SYSDATE(3)) * 1000) AS now', []),
    );
    return Number(row?.['now']);
  }

  /** The time at which MySQL began the newest row event before these offsets. -Infinity if there is none in the last batches. */
  async newestMs(ends: ReadonlyMap<number, bigint>): Promise<number> {
    const times = await Promise.all(
      [...ends].map(async ([partition, end]) => await this.#timesBefore(partition, end)),
    );
    // An event with a time in the future would say nothing about the transactions before it: a clock was set back.
    const nowMs = await this.nowMs();
    return Math.max(-Infinity, ...times.flat().filter((timeMs) => timeMs <= nowMs));
  }

  /** The times in the last batch that has row events. The last batch can be a transaction marker, or schema changes. */
  async #timesBefore(partition: number, end: bigint): Promise<number[]> {
    let before = end;
    for (let batches = 0; batches < BATCHES_MAX && before > 0n; batches++) {
      const records = await this.#deps.recordsBefore(partition, before);
      if (records === undefined) return [];
      const times = records.flatMap(({value}) => rowEventMs(value) ?? []);
      if (times.length > 0) return times;
      before = records[0]?.offset ?? before - 1n;
    }
    return [];
  }
}
