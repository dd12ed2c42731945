/**
 * Waits until MySQL shows every transaction whose records are in the topic (S8). Without it, this race loses a change:
 *
 * 1. MySQL writes a transaction to the binlog, and Debezium sends it to Kafka.
 * 2. A position after its records is read.
 * 3. The rows are read, but they lack the transaction, because MySQL shows it to other sessions later. With semi-synchronous
 *    replication that takes until a replica has acknowledged it. On a replica it takes as long as the replica is behind.
 *
 * The last record of each partition names its transaction (GTID). MySQL shows transactions in the order of the binlog, so that it shows
 * the earlier ones of that partition too. Sources: MySQL manual, "WAIT_FOR_EXECUTED_GTID_SET" and "binlog_order_commits".
 *
 * Without GTIDs it only pauses, and reports that. The pause is short for a replica, and for semi-synchronous replication.
 */
import type {LogRecord} from '../clients/kafka/eventLog.js';
import type {GtidWait} from '../clients/mysql.js';
import {transactionOf} from '../decode/sourceGtid.js';
import {ProjectorError} from '../runtime/errors.js';
import type {Clock} from '../runtime/lifecycle.js';

/** The pause without GTIDs. Nothing proves that it is long enough. */
export const PAUSE_WITHOUT_GTIDS_MS = 200;
/** Record batches that are read backwards until one has a row event. A transaction marker or a snapshot can be at the end. */
const BATCHES_MAX = 20;
const WAIT_STEP_MS = 2_000;

/** Resolves when MySQL shows every transaction whose records lie before these offsets, by partition. */
export type Visible = (ends: ReadonlyMap<number, bigint>, signal?: AbortSignal) => Promise<void>;

export interface VisibilityDeps {
  /** The records of the batch in which the record before `end` is, up to that record. Undefined before the start of the partition. */
  readonly recordsBefore: (partition: number, end: bigint) => Promise<readonly LogRecord[] | undefined>;
  readonly waitForGtids: (gtids: string, timeoutMs: number) => Promise<GtidWait>;
  /** Time after which the wait ends with `mysql-behind`, in ms. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Called once if GTIDs cannot be used, with the reason. */
  readonly onPause: (reason: string) => void;
}

export function newVisible(deps: VisibilityDeps): Visible {
  const {clock, waitForGtids, timeoutMs, onPause} = deps;
  let hasPaused = false;
  const pause = async (reason: string, signal?: AbortSignal): Promise<void> => {
    if (!hasPaused) onPause(reason);
    hasPaused = true;
    await clock.sleep(PAUSE_WITHOUT_GTIDS_MS, signal);
  };
  return async (ends, signal) => {
    const gtids = new Set<string>();
    let isKnown = true;
    for (const [partition, end] of ends) {
      const found = await lastTransaction(deps, partition, end);
      if (found === 'unknown') isKnown = false;
      else if (found !== 'none') gtids.add(found);
    }
    if (!isKnown) await pause('the last records of the topic have no GTIDs', signal);
    if (gtids.size === 0) return;
    const list = [...gtids].join(',');
    const deadlineMs = clock.nowMs() + timeoutMs;
    for (;;) {
      signal?.throwIfAborted();
      const leftMs = deadlineMs - clock.nowMs();
      const result = await waitForGtids(list, Math.max(1, Math.min(leftMs, WAIT_STEP_MS)));
      if (result === 'shown') return;
      if (result === 'unsupported') {
        await pause('MySQL cannot wait for a GTID', signal);
        return;
      }
      if (clock.nowMs() < deadlineMs) continue;
      throw new ProjectorError(
        'mysql-behind',
        `MySQL does not show a transaction of the topic after ${timeoutMs / 1_000} s (one of ${list})`,
      );
    }
  };
}

/** The GTID of the last row event before `end`. `none`: the partition has no record. `unknown`: no record names a transaction. */
async function lastTransaction(
  {recordsBefore}: VisibilityDeps,
  partition: number,
  end: bigint,
): Promise<string> {
  let before = end;
  let hasRecords = false;
  for (let batches = 0; batches < BATCHES_MAX && before > 0n; batches++) {
    const records = await recordsBefore(partition, before);
    if (records === undefined) break;
    hasRecords = true;
    for (const {value} of [...records].reverse()) {
      const transaction = transactionOf(value);
      if (transaction.kind === 'gtid') return transaction.gtid;
      if (transaction.kind === 'no-gtid') return 'unknown';
    }
    before = records[0]?.offset ?? before - 1n;
  }
  // A partition without any row event has only rows of a snapshot, which are visible, and schema changes.
  return hasRecords && before > 0n ? 'unknown' : 'none';
}
