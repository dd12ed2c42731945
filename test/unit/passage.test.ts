/** How far the connector has come, and which partition an order is in, both from records of the topic. */
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';
import {keySpace} from '../../src/redis-model/keys.js';
import {StoredPositions} from '../../src/redis-model/storedPositions.js';
import {partitionOfKey} from '../../src/decode/partitioner.js';
import {untilCaughtUp} from '../../src/operations/verify/audit/caughtUp.js';
import {orderPartitions} from '../../src/upstream/orderPartitions.js';
import {Passage} from '../../src/upstream/passage.js';
import {rowRecord, orderRow, SHOP_TABLES, SOURCE_TIME_MS} from '../support/records.js';

const NOW_MS = SOURCE_TIME_MS + 5_000;

function recordAt(offset: bigint, parts: {key: Buffer | null; value: Buffer | null}): LogRecord {
  return {offset, timestampMs: '0', ...parts};
}

/** Each inner list is one batch of the partition. A batch without records is a transaction marker, at its own offset. */
function recordsOf(batches: readonly (readonly LogRecord[])[]) {
  return async (_partition: number, end: bigint): Promise<readonly LogRecord[]> => {
    const before = batches.filter((_, index) => BigInt(index) < end);
    return await Promise.resolve(before.at(-1) ?? []);
  };
}

async function newestMs(batches: readonly (readonly LogRecord[])[]): Promise<number> {
  const passage = new Passage({
    mysql: {
      consistentSnapshot: async (work) =>
        await work(async () => await Promise.resolve([{now: String(NOW_MS)}])),
    },
    recordsBefore: recordsOf(batches),
  });
  expect(await passage.nowMs()).toBe(NOW_MS);
  return await passage.newestMs(new Map([[0, BigInt(batches.length)]]));
}

describe('the newest row event', () => {
  const row = recordAt(0n, rowRecord({op: 'u', table: 'orders', after: orderRow({id: 5n})}, '5'));
  const snapshotRow = recordAt(0n, rowRecord({op: 'r', table: 'orders', after: orderRow({id: 5n})}, '5'));

  test('is found in the last batch, and before markers and schema changes', async () => {
    const ddl = recordAt(1n, {key: Buffer.from('{}'), value: Buffer.from('{"ddl":"ALTER TABLE orders"}')});
    expect(await newestMs([[row]])).toBe(SOURCE_TIME_MS);
    expect(await newestMs([[row], []])).toBe(SOURCE_TIME_MS);
    expect(await newestMs([[row], [ddl]])).toBe(SOURCE_TIME_MS);
  });

  test('is none of a snapshot, and none with a time in the future', async () => {
    const text = row.value?.toString().replaceAll(String(SOURCE_TIME_MS), String(NOW_MS + 60_000)) ?? '';
    expect(await newestMs([[snapshotRow]])).toBe(-Infinity);
    expect(await newestMs([[{...row, value: Buffer.from(text)}]])).toBe(-Infinity);
    expect(await newestMs([])).toBe(-Infinity);
  });
});

describe('the partition of an order', () => {
  const partitionsOf = async (key: string): Promise<(id: string) => number | undefined> => {
    const record = recordAt(0n, rowRecord({op: 'u', table: 'orders', after: orderRow({id: 5n})}, key));
    const partition = partitionOfKey(Buffer.from(key), 6);
    return await orderPartitions({
      tables: SHOP_TABLES,
      ends: new Map(Array.from({length: 6}, (_, each) => [each, each === partition ? 1n : 0n])),
      recordsBefore: async () => await Promise.resolve([record]),
    });
  };

  test('follows from its id, if the records of the topic have keys of that form', async () => {
    expect((await partitionsOf('5'))('7')).toBe(partitionOfKey(Buffer.from('7'), 6));
  });

  test('is found before heartbeats and schema changes', async () => {
    const row = recordAt(0n, rowRecord({op: 'u', table: 'orders', after: orderRow({id: 5n})}, '5'));
    const ddl = recordAt(1n, {key: Buffer.from('{}'), value: Buffer.from('{"ddl":"ALTER TABLE orders"}')});
    const of = await orderPartitions({
      tables: SHOP_TABLES,
      ends: new Map([[0, 2n]]),
      recordsBefore: async (_, end) => await Promise.resolve([end === 2n ? ddl : row]),
    });
    expect(of('7')).toBe(0);
  });

  test('is not certain for texts that Kafka Connect escapes in a form of its own', async () => {
    const tables = {...SHOP_TABLES, kinds: {...SHOP_TABLES.kinds, order: 'text' as const}};
    const record = recordAt(0n, rowRecord({op: 'u', table: 'orders', after: orderRow({id: 'a'})}, '"a"'));
    const of = await orderPartitions({
      tables,
      ends: new Map([[0, 1n]]),
      recordsBefore: async () => await Promise.resolve([record]),
    });
    expect(of('b')).toBe(0);
    for (const id of ['\u{1F600}', '\u0007'].map(encodeURIComponent)) expect(of(id)).toBeUndefined();
  });

  test('is not certain if the keys have another form, or if there are no records', async () => {
    expect((await partitionsOf('"5"'))('7')).toBeUndefined();
    const none = await orderPartitions({
      tables: SHOP_TABLES,
      ends: new Map([[0, 0n]]),
      recordsBefore: async () => await Promise.resolve(undefined),
    });
    expect(none('7')).toBeUndefined();
  });
});

test('the audit waits for nearly all records, and before a requested pass for all of them, unless a partition is held', async () => {
  const waited = async (position: bigint, isExact: boolean): Promise<number> => {
    let nowMs = 0;
    await untilCaughtUp(
      {
        ranges: async () => await Promise.resolve(new Map([[0, {low: 0n, high: 30_000n}]])),
        positions: new StoredPositions(
          {getAll: async () => await Promise.resolve([`v1 ${position}`])},
          't',
          keySpace('single', ''),
        ),
        clock: {
          nowMs: () => nowMs,
          sleep: async (ms) => {
            nowMs += ms;
            await Promise.resolve();
          },
        },
        isExact,
      },
      new AbortController().signal,
    );
    return nowMs;
  };
  expect(await waited(29_000n, false)).toBe(0);
  expect(await waited(30_000n, true)).toBe(0);
  expect(await waited(29_999n, true)).toBe(60_000);
  await expect(waited(5_000n, false)).rejects.toMatchObject({kind: 'verify-behind'});
});
