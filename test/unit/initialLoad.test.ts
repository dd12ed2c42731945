import type {ApplyOutcome, ApplyRequest} from '../../src/apply/script.js';
import type {TextRow} from '../../src/clients/mysql.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import {loadFromMysql, startEmpty, type LoadDeps} from '../../src/operations/rebuild/initialLoad.js';
import {BaseWriter} from '../../src/operations/rebuild/baseWriter.js';
import {item, order} from '../support/changes.js';
import {SHOP_TABLES} from '../support/records.js';

const RANGES = new Map([
  [0, {low: 0n, high: 40n}],
  [1, {low: 0n, high: 7n}],
]);

interface World extends LoadDeps {
  readonly applied: ApplyRequest[];
  /** The order ids of each chunk that was loaded. */
  readonly loaded: string[][];
  readonly positions: Map<number, string>;
  /** The partition of each chunk. */
  readonly partitions: number[];
}

/**
 * `failures` lists the calls of `apply` and `load` that get no reply, by number. `done`: the chunk was applied.
 * `lost`: it was not. `rolled-back`: it was not, and Redis has also lost an earlier chunk.
 */
function world(failures: Readonly<Record<number, 'done' | 'lost' | 'rolled-back'>> = {}): World {
  const applied: ApplyRequest[] = [];
  const loaded: string[][] = [];
  const positions = new Map<number, string>();
  const partitions: number[] = [];
  let calls = 0;
  let count = 0;
  const orders: TextRow[] = [1, 2, 3].map((id) => ({id: String(id), user_id: '5', total_amount: '1.50'}));
  const lines: TextRow[] = [1, 2, 4].map((id) => {
    return {id: String(id), order_id: String(id), product_id: '7', quantity: '2'};
  });
  const chunk = async (act: () => void): Promise<void> => {
    await Promise.resolve();
    const failure = failures[++calls];
    if (failure === 'rolled-back') count--;
    if (failure !== 'lost' && failure !== 'rolled-back') {
      act();
      count++;
    }
    if (failure !== undefined) throw new ProjectorError('redis-unreachable', 'no answer');
  };
  return {
    applied,
    loaded,
    positions,
    partitions,
    ranges: async () => await Promise.resolve(RANGES),
    model: {
      apply: async (partition: number, request: ApplyRequest): Promise<ApplyOutcome> => {
        await chunk(() => {
          applied.push(request);
          positions.set(partition, request.next);
        });
        return {kind: 'applied'};
      },
      load: async (partition, {expected, orders: chunkOrders}) => {
        if (expected !== positions.get(partition)) return false;
        partitions.push(partition);
        await chunk(() => void loaded.push(chunkOrders.map(({orderId}) => orderId)));
        return true;
      },
      chunkCount: async () => await Promise.resolve(count),
    },
    mysql: {
      consistentSnapshot: async (work) =>
        await work(async (sql) => await Promise.resolve(sql.includes('`order_items`') ? lines : orders)),
    },
    tables: SHOP_TABLES,
    visible: async () => await Promise.resolve(),
    id: 'run1',
    clock: {nowMs: () => 0, sleep: async () => await Promise.resolve()},
    chunkOrdersMax: 2,
    progress: () => undefined,
  };
}

const SIGNAL = new AbortController().signal;

test('an initial load stores end offsets in expired fences of its run (C4), and writes line items also without an order row', async () => {
  const shop = world();
  expect(await loadFromMysql(shop, SIGNAL)).toEqual({orders: 4, items: 3});
  expect([...shop.positions]).toEqual([
    [0, 'fence 0 run1.1 v1 40'],
    [1, 'fence 0 run1.0 v1 7'],
  ]);
  expect(shop.loaded).toEqual([['1', '2'], ['3']]);
  const here = {expected: 'fence 0 run1.0 v1 40', next: 'fence 0 run1.0 v1 40'};
  const [orphan, sums, ...rest] = shop.applied.slice(2);
  expect(orphan).toMatchObject(here);
  expect([...(orphan?.reduction.patches.keys() ?? [])]).toEqual(['4']);
  // A copy of the sums that arrives late expects a text that is gone (C2).
  expect(sums).toMatchObject({expected: 'fence 0 run1.0 v1 40', next: 'fence 0 run1.1 v1 40'});
  expect(sums?.loaded).toMatchObject({orders: 3, units: 4, revenue: {high: 0, low: 450}});
  expect([...(sums?.loaded?.sold ?? [])]).toEqual([['7', 4]]);
  expect([...(sums?.loaded?.spent ?? [])]).toEqual([['5', 450]]);
  expect(rest).toEqual([]);
});

test('sums are written before the end if they are of too many products and users (L15)', async () => {
  const shop = world();
  const writer = new BaseWriter({...shop, sumsMax: 500});
  await writer.place(0, 40n);
  const changes = [
    order('1', {user: '5', isCreate: true}),
    ...Array.from({length: 500}, (_, index) => item(`1/${index}`, {product: String(index)})),
  ];
  const written = (): number[][] =>
    shop.applied.flatMap(({loaded}) =>
      loaded === undefined ? [] : [[loaded.sold.size, loaded.spent.size, loaded.orders]],
    );
  const page = {orders: new Map([['1', {changes, fault: undefined}]]), next: null, itemCount: 500};
  await writer.write(page, {chunkOrdersMax: 2, itemDecimals: undefined});
  const all = [
    [200, 1, 1],
    [200, 0, 0],
    [100, 0, 0],
  ];
  expect(written()).toEqual(all);
  await writer.finish();
  expect(written()).toEqual(all);
});

test('in the layout partitioned, the orders of each partition are protected by its own fence, and there are no sums (C4, I19)', async () => {
  const shop = world();
  const counts = [0, 0];
  const counted = async <T>(partition: number, work: Promise<T>): Promise<T> => {
    counts[partition]!++;
    return await work;
  };
  const model: LoadDeps['model'] = {
    apply: async (partition, request) => await counted(partition, shop.model.apply(partition, request)),
    load: async (partition, request) => await counted(partition, shop.model.load(partition, request)),
    chunkCount: async (partition) => await Promise.resolve(counts[partition]!),
  };
  const partitionOf = (orderId: string): number => Number(orderId) % 2;
  expect(await loadFromMysql({...shop, model, partitionOf}, SIGNAL)).toEqual({orders: 4, items: 3});
  expect([...shop.positions]).toEqual([
    [0, 'fence 0 run1.0 v1 40'],
    [1, 'fence 0 run1.0 v1 7'],
  ]);
  const byPartition = shop.partitions.map((partition, index) => [partition, shop.loaded[index]]);
  expect(byPartition.sort()).toEqual([
    [0, ['2']],
    [1, ['1', '3']],
  ]);
  expect(shop.applied.filter(({loaded}) => loaded !== undefined)).toEqual([]);
  const lossy = {...model, chunkCount: async () => await Promise.resolve(0)};
  await expect(loadFromMysql({...world(), model: lossy, partitionOf}, SIGNAL)).rejects.toMatchObject({
    kind: 'rebuild-halted',
  });
});

test('an empty start stores the first offsets of the partitions as positions', async () => {
  const shop = world();
  await startEmpty(shop);
  expect([...shop.positions.values()]).toEqual(['fence 0 run1.0 v1 0', 'fence 0 run1.0 v1 0']);
});

const CHUNKS = [
  [1, 'a position'],
  [3, 'orders'],
  [4, 'orders'],
  [5, 'a line item without an order'],
  [6, 'sums'],
] as const;

test.each(CHUNKS)('chunk %i (%s), whose reply was lost, is counted once (I3, I4)', async (number) => {
  const plain = world();
  await loadFromMysql(plain, SIGNAL);
  for (const failures of [{[number]: 'done'}, {[number]: 'lost', [number + 1]: 'lost'}] as const) {
    const shop = world(failures);
    await loadFromMysql(shop, SIGNAL);
    expect(shop.applied).toEqual(plain.applied);
    // Orders can be written again. Sums cannot, and they were not.
    expect([...new Set(shop.loaded.map(String))].sort()).toEqual(plain.loaded.map(String).sort());
  }
});

test.each([3, 4, 5, 6])('the initial load halts if Redis has lost chunks of it at call %i', async (call) => {
  await expect(loadFromMysql(world({[call]: 'rolled-back'}), SIGNAL)).rejects.toMatchObject({
    kind: 'rebuild-halted',
    detail: 'Redis has lost writes of this run',
  });
});

test('the initial load ends if another client has changed the position (C4)', async () => {
  const shop = world();
  const taken: LoadDeps['model'] = {...shop.model, load: async () => await Promise.resolve(false)};
  await expect(loadFromMysql({...shop, model: taken}, SIGNAL)).rejects.toMatchObject({kind: 'rebuild-lost'});
});

test('the initial load names an order that the script finds corrupt', async () => {
  const shop = world();
  const model: LoadDeps['model'] = {
    ...shop.model,
    apply: async (partition, request) => {
      if (request.reduction.patches.size === 0) return await shop.model.apply(partition, request);
      return {kind: 'corrupt', orderId: '4', what: 'order_lines:4 is not a string'};
    },
  };
  await expect(loadFromMysql({...shop, model}, SIGNAL)).rejects.toMatchObject({
    kind: 'rebuild-halted',
    detail: 'order 4: order_lines:4 is not a string',
  });
});

test('a row that cannot be used halts the initial load, naming its order and column, but no value', async () => {
  const shop = world();
  const rows = [{id: '1', user_id: '5', total_amount: 'Zq7Secret'}];
  const mysql: LoadDeps['mysql'] = {
    consistentSnapshot: async (work) =>
      await work(async (sql) => await Promise.resolve(sql.includes('`order_items`') ? [] : rows)),
  };
  const filling = loadFromMysql({...shop, mysql}, SIGNAL);
  await expect(filling).rejects.toMatchObject({
    kind: 'rebuild-halted',
    detail: expect.stringMatching(/^order 1: MySQL: .*total_amount/) as string,
  });
  await expect(filling).rejects.not.toMatchObject({detail: expect.stringContaining('Zq7') as string});
});
