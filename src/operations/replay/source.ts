/**
 * The base of an order that is rebuilt: from MySQL if it is configured, else from the start of the topic.
 *
 * The state at a position is the base, plus the records from `foldFrom` up to that position (rebuildRound.ts). A base from
 * MySQL can be newer than the position. The next records in the topic then bring every row to its final state, because
 * changes carry full rows (I3).
 */
import type {RowQuery} from '../../clients/mysql.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {LogRange} from '../../clients/kafka/eventLog.js';
import {readSourceOrders, type SourceOrder} from '../../upstream/sourceRows.js';
import type {SourceTables} from '../../upstream/sourceTables.js';
import type {Visible} from '../../upstream/visibility.js';

export interface ReplaySource {
  /** True if records before `foldFrom` may be undecodable, because the base already contains their effect. */
  readonly coversBadRecords: boolean;
  /** Returns the first offset that is folded onto the base. Throws `replay-impossible` if the topic has lost its start. */
  foldFrom(position: bigint, range: LogRange, where: string): bigint;
  /** Reads the base of these orders of one partition, not older than `position`, its next offset. The result contains every id. */
  base(
    orderIds: readonly string[],
    at: {readonly partition: number; readonly position: bigint},
  ): Promise<ReadonlyMap<string, SourceOrder>>;
}

/** The part of MySQL that a replay needs (clients/mysql.ts). */
export interface SnapshotHost {
  consistentSnapshot<T>(work: (ask: RowQuery) => Promise<T>): Promise<T>;
}

/** The base from MySQL. S8: MySQL can show a transaction later than Debezium reads it. */
export function mysqlSource(mysql: SnapshotHost, tables: SourceTables, visible: Visible): ReplaySource {
  return {
    coversBadRecords: true,
    // Folding an earlier record would restore values that an undecodable record has replaced in MySQL since.
    foldFrom: (position) => position,
    base: async (orderIds, {partition, position}) => {
      await visible(new Map([[partition, position]]));
      return await mysql.consistentSnapshot(async (ask) => await readSourceOrders(ask, orderIds, tables));
    },
  };
}

export function logSource(): ReplaySource {
  return {
    coversBadRecords: false,
    foldFrom: (_position, {low}, where) => {
      if (low === 0n) return 0n;
      throw new ProjectorError(
        'replay-impossible',
        `${where} no longer begins at offset 0 but at ${low}, so orders cannot be rebuilt from the topic: set MYSQL_URL`,
      );
    },
    base: async (orderIds) =>
      await Promise.resolve(new Map(orderIds.map((id) => [id, {changes: [], fault: undefined}]))),
  };
}
