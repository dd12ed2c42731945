/** Replays quarantined records with a log in memory, the real Redis, and a simulated MySQL. */
import type {Change, Decoded} from '../../src/domain/change.js';
import {decodeRecord, type EncodedRecord} from '../../src/decode/decode.js';
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {keySpace} from '../../src/redis-model/keys.js';
import {QuarantineEntries} from '../../src/operations/replay/entries.js';
import {LogCursor} from '../../src/operations/replay/topicCursor.js';
import {replayEntries, type EntryResult} from '../../src/operations/replay/replay.js';
import type {ReplayModel} from '../../src/operations/replay/rebuildRound.js';
import {
  logSource,
  mysqlSource,
  type ReplaySource,
  type SnapshotHost,
} from '../../src/operations/replay/source.js';
import type {TextRow} from '../../src/clients/mysql.js';
import {ORDER_EXTRA_COLUMNS} from './arbitraries.js';
import {order} from './changes.js';
import {MemoryLog} from './memoryLog.js';
import {OrderModel, type Content} from './orderModel.js';
import {encoded} from './records.js';
import {TOPIC} from './redisBench.js';
import {idOfText, textOfId} from '../../src/domain/id.js';
import {BENCH_SCHEMA, BENCH_TABLES, type WorkerBench} from './workerBench.js';

/** Limits that no test reaches. */
export const MANY = {quarantineMax: 100_000, quarantineWindow: 10};

export const fold = (of: readonly Change[]): Content => OrderModel.of(of).content('', ORDER_EXTRA_COLUMNS);

/** Decodes with the current settings. */
export const right = (record: EncodedRecord): Decoded => decodeRecord(record, BENCH_SCHEMA);

/** Decodes with settings that are wrong for the records at these offsets, in every partition. */
export const wrongAt =
  (isBad: (offset: bigint) => boolean) =>
  (record: LogRecord): Decoded => {
    const decoded = right(record);
    if (decoded.kind !== 'change' || !isBad(record.offset)) return decoded;
    const {orderId} = decoded.change;
    return {
      kind: 'rejected',
      rejection: {kind: 'record-undecodable', reason: 'column x is missing', orderId},
    };
  };

export const order3 = (total = '45.99'): Change => order('3', {extra: ['new'], total});

/** A record of order 3 that cannot be decoded. */
export const BAD = encoded('not JSON', '3');

/** Returns the rows that result from a sequence of changes. */
export class PlayedMysql implements SnapshotHost {
  readonly committed: Change[] = [];
  snapshots = 0;

  get source(): ReplaySource {
    return mysqlSource(this, BENCH_TABLES, async () => await Promise.resolve());
  }

  async consistentSnapshot<T>(
    work: (
      ask: (sql: string, values: readonly (string | readonly string[])[]) => Promise<TextRow[]>,
    ) => Promise<T>,
  ): Promise<T> {
    this.snapshots++;
    const content = fold(this.committed);
    return await work(async (sql) => {
      await new Promise((resolve) => setImmediate(resolve));
      const ids = new Set(
        [...sql.matchAll(/x'([0-9a-f]+)'/g)].map(([, hex = '']) =>
          idOfText(Buffer.from(hex, 'hex').toString()),
        ),
      );
      return [...ids].flatMap((id) =>
        sql.includes('`orders`') ? orderRows(content, id) : itemRows(content, id),
      );
    });
  }
}

function orderRows(content: Content, id: string): TextRow[] {
  const hash = content[`order:${id}`];
  if (hash === undefined || typeof hash === 'string') return [];
  const {user_id = '', total_amount = '', status = null} = hash;
  return [{id: textOfId(id), user_id: textOfId(user_id), total_amount, status}];
}

function itemRows(content: Content, orderId: string): TextRow[] {
  const text = content[`order_lines:${orderId}`] ?? '';
  if (typeof text !== 'string' || text === '') return [];
  return text.split(';').map((line) => {
    const [id = '', product_id = '', quantity = ''] = line.split(':');
    return {
      id: textOfId(id),
      order_id: textOfId(orderId),
      product_id: textOfId(product_id),
      quantity,
      unit_price: '1.00',
    };
  });
}

export interface ReplayOptions {
  readonly source?: ReplaySource;
  /** The names of the entries to replay. Default: all entries. */
  readonly names?: readonly string[];
  /** Wraps the model, so that a test can intercept the calls to Redis. */
  readonly model?: (real: ReplayModel) => ReplayModel;
  readonly log?: MemoryLog;
  /** Replaces the decoder, for other settings. */
  readonly decode?: (record: EncodedRecord) => Decoded;
}

/** Replays like the command `dlq replay`. */
export async function replay(bench: WorkerBench, options: ReplayOptions = {}): Promise<EntryResult[]> {
  const {client, model: real} = bench.redis;
  const entries = new QuarantineEntries(client, keySpace('single', ''));
  const stored = await entries.all();
  const chosen = stored.filter(({name}) => options.names?.includes(name) ?? true);
  const log = options.log ?? new MemoryLog(bench.topic, 20);
  const cursor = cursorOn(log);
  const opening = cursor.open();
  log.assign(bench.topic.partitions);
  const results: EntryResult[] = [];
  try {
    await opening;
    const deps = {
      topic: TOPIC,
      entries,
      cursor,
      clock: systemClock,
      model: options.model?.(real) ?? real,
      source: options.source ?? logSource(),
      decode: options.decode ?? right,
      partitionOf: (key: Buffer) => bench.partitionOf(key.toString()),
    };
    await replayEntries(chosen, deps, (result) => results.push(result));
  } finally {
    await cursor.close();
  }
  return results;
}

export function cursorOn(log: MemoryLog, idleTimeoutMs = 10_000): LogCursor {
  return new LogCursor(log, {
    clock: systemClock,
    topic: TOPIC,
    queueBytesMax: 4_096,
    idleTimeoutMs,
    progress: () => undefined,
  });
}

/** A model that calls `between` instead of running a script. */
export function withApply(
  real: ReplayModel,
  between: (apply: () => ReturnType<ReplayModel['apply']>) => ReturnType<ReplayModel['apply']>,
): ReplayModel {
  return {
    positions: real.positions,
    apply: async (partition, request) => await between(async () => await real.apply(partition, request)),
  };
}

/** Removes counters with the value 0, because MySQL does not contain the products that earlier rows named. */
export function withoutZeros(content: Content): Content {
  return Object.fromEntries(
    Object.entries(content).filter(([key, value]) => !(key.startsWith('product:') && value === '0')),
  );
}
