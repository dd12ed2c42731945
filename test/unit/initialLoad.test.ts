import type {ApplyOutcome, ApplyRequest} from '../../src/apply/script.js';
import type {TextRow} from '../../src/clients/mysql.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import {loadFromMysql, startEmpty, type LoadDeps} from '../../src/operations/rebuild/initialLoad.js';
import {SHOP_TABLES} from '../support/records.js';

const RANGES = new Map([
  [0, {low: 0n, high: 40n}],
  [1, {low: 0n, high: 7n}],
]);

interface World extends LoadDeps {
  readonly sent: ApplyRequest[];
  readonly positions: Map<number, string>;
}

/**
 * `failures` lists the calls of `apply` that get no reply, by number. `done`: the chunk was applied.
 * `lost`: it was not. `rolled-back`: it was not, and Redis has also lost an earlier chunk.
 */
function world(failures: Readonly<Record<number, 'done' | 'lost' | 'rolled-back'>> = {}): World {
  const sent: ApplyRequest[] = [];
  const positions = new Map<number, string>();
  let calls = 0;
  let count = 0;
  const orders: TextRow[] = [1, 2, 3].map((id) => ({id: String(id), user_id: '5', total_amount: '1.50'}));
  const lines: TextRow[] = [1, 2, 4].map((id) => {
    return {id: String(id), order_id: String(id), product_id: '7', quantity: '2'};
  });
  return {
    sent,
    positions,
    ranges: async () => await Promise.resolve(RANGES),
    model: {
      apply: async (partition: number, request: ApplyRequest): Promise<ApplyOutcome> => {
        await Promise.resolve();
        const failure = failures[++calls];
        if (failure === 'rolled-back') count--;
        if (failure !== 'lost' && failure !== 'rolled-back') {
          sent.push(request);
          count++;
          positions.set(partition, request.next);
        }
        if (failure !== undefined) throw new ProjectorError('redis-unreachable', 'no answer');
        return {kind: 'applied'};
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
    [0, 'fence 0 run1 v1 40'],
    [1, 'fence 0 run1 v1 7'],
  ]);
  const chunks = shop.sent
    .slice(2)
    .map(({expected, next, reduction}) => [expected, next, [...reduction.patches.keys()]]);
  expect(chunks).toEqual([
    ['fence 0 run1 v1 40', 'fence 0 run1 v1 40', ['1', '2']],
    ['fence 0 run1 v1 40', 'fence 0 run1 v1 40', ['3', '4']],
  ]);
});

test('an empty start stores the first offsets of the partitions as positions', async () => {
  const shop = world();
  await startEmpty(shop);
  expect([...shop.positions.values()]).toEqual(['fence 0 run1 v1 0', 'fence 0 run1 v1 0']);
});

test('a chunk whose reply was lost is sent again only if Redis has not applied it (I3, I4)', async () => {
  const done = world({3: 'done'});
  await loadFromMysql(done, SIGNAL);
  expect(done.sent).toHaveLength(4);
  const lost = world({3: 'lost', 4: 'lost'});
  await loadFromMysql(lost, SIGNAL);
  expect(lost.sent).toHaveLength(4);
});

test('the initial load halts if Redis has lost chunks of it', async () => {
  await expect(loadFromMysql(world({4: 'rolled-back'}), SIGNAL)).rejects.toMatchObject({
    kind: 'rebuild-halted',
    detail: 'Redis has lost writes of this run',
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
