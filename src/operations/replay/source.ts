/**
 * Where the state of an order comes from when it is rebuilt: MySQL where it is configured, else the log from its start.
 *
 * The state at a position is the base, and on it the log from `foldFrom` up to that position (replay.ts). A base that is
 * ahead of the position does no harm: changes carry full rows, so what the log still holds brings every row to where it
 * belongs (I3).
 */
import type {RowQuery} from '../../clients/mysql.js';
import type {SourceSchema} from '../../domain/sourceSchema.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {LogRange} from '../../clients/kafka/eventLog.js';
import type {Clock} from '../../runtime/lifecycle.js';
import {readSourceOrders, VISIBLE_AFTER_MS, type SourceOrder} from '../../upstream/sourceRows.js';

export interface ReplaySource {
  /** True when records before `foldFrom` may be bad, since the base holds what they have changed. */
  readonly coversBadRecords: boolean;
  /** The offset from which on the log is folded onto the base. Throws `replay-impossible`. */
  foldFrom(position: bigint, range: LogRange, where: string): bigint;
  /** The base of these orders, read now: after the position was. Every id is in the answer. */
  base(orderIds: readonly string[]): Promise<ReadonlyMap<string, SourceOrder>>;
}

/** MySQL, as far as a replay needs it (clients/mysql.ts). */
export interface SnapshotHost {
  consistentSnapshot<T>(work: (ask: RowQuery) => Promise<T>): Promise<T>;
}

/** S8: the MySQL that is asked holds at least what Debezium has read. */
export function mysqlSource(
  mysql: SnapshotHost,
  schema: SourceSchema,
  {clock, visibleAfterMs = VISIBLE_AFTER_MS}: {clock: Clock; visibleAfterMs?: number},
): ReplaySource {
  return {
    coversBadRecords: true,
    // Not from further back: an older record would bring back what a bad record has changed since.
    foldFrom: (position) => position,
    base: async (orderIds) => {
      await clock.sleep(visibleAfterMs);
      return await mysql.consistentSnapshot(async (ask) => await readSourceOrders(ask, orderIds, schema));
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
        `${where} no longer begins at offset 0 but at ${low}, so no order can be worked out from it: set MYSQL_URL`,
      );
    },
    base: async (orderIds) =>
      await Promise.resolve(new Map(orderIds.map((id) => [id, {changes: [], fault: undefined}]))),
  };
}
