/**
 * How far the connector has come: whether the topic contains what MySQL shows.
 *
 * MySQL writes transactions to the binlog in the order of their commits, and the connector reads them in that order. So a row event whose
 * statement began after a look at MySQL is behind every transaction that the look could see. If it is in the topic, these are too.
 * The connector writes a heartbeat row every few seconds, so that this does not need other traffic.
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

  /** The time at which MySQL began the newest row event before these offsets. -Infinity if the last batches have none. */
  async newestMs(ends: ReadonlyMap<number, bigint>): Promise<number> {
    let newestMs = -Infinity;
    for (const [partition, end] of ends) {
      const records = end > 0n ? await this.#deps.recordsBefore(partition, end) : undefined;
      for (const {value} of records ?? []) newestMs = Math.max(newestMs, rowEventMs(value) ?? -Infinity);
    }
    return newestMs;
  }
}
