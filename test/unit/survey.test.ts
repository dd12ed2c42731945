import {orderTexts} from '../support/orderTexts.js';
import {SHOP_TABLES} from '../support/records.js';
import {MysqlSide, type MysqlHost} from '../../src/operations/verify/mysqlSide.js';
import {Sides, type RedisHost} from '../../src/operations/verify/sides.js';
import {Survey, type Stage} from '../../src/operations/verify/survey.js';

const ORDERS = Array.from({length: 5}, (_, i) => ({id: String(i + 1), user_id: '5', total_amount: '1.00'}));

/** A MySQL with five orders that have no line items. */
const mysql: MysqlHost = {
  consistentSnapshot: async (work) =>
    await work(async (sql) => {
      await Promise.resolve();
      if (sql.includes('COUNT(*)')) return [{orders: '5', revenue: '5.00', units: '0'}];
      if (sql.includes('UNION')) return ORDERS.map(({id}) => ({id}));
      return sql.includes('`order_items`') ? [] : ORDERS;
    }),
  async *stream(sql) {
    await Promise.resolve();
    if (!sql.includes('`order_items`')) yield [{id: '5', total: '5.00'}];
  },
};

function redisWith(keys: readonly string[]): RedisHost {
  const totals = {orders: '5', units: '0', revenue: '500'};
  const hash = (name: string): Record<string, string> => {
    const id = /^order:(\d+)$/.exec(name)?.[1];
    const row = {user_id: '5', total_amount: '1.00', items_count: '0', items: ''};
    return id === undefined || id === '2' || id === '4' ? {} : {id, ...row};
  };
  return {
    run: orderTexts(hash, () => null),
    async *keys() {
      await Promise.resolve();
      yield [...keys];
    },
    async *members() {
      await Promise.resolve();
      yield ['5'];
    },
    memberCount: async () => await Promise.resolve(1),
    types: async (names) => await Promise.resolve(names.map(() => 'string')),
    getAll: async (names) => await Promise.resolve(names.map(() => '3')),
    scores: async (_key, members) => await Promise.resolve(members.map(() => '500')),
    hash: async () => await Promise.resolve(totals),
    texts: async (names) => await Promise.resolve(names.map(() => null)),
    hashes: async (names) => await Promise.resolve(names.map(hash)),
  };
}

/** The ids of orders that the stage of keys asks MySQL for. */
async function asked(
  stages: readonly Stage[],
  keys: readonly string[],
): Promise<{ids: string[]; survey: Survey}> {
  const ids: string[] = [];
  const listening: MysqlHost = {
    ...mysql,
    consistentSnapshot: async (work) =>
      await mysql.consistentSnapshot(
        async (ask) =>
          await work(async (sql, values) => {
            const [, list] = /^SELECT DISTINCT .* FROM `orders` WHERE .* IN \((.*)\)$/.exec(sql) ?? [];
            ids.push(...(list?.split(', ') ?? []));
            return await ask(sql, values);
          }),
      ),
  };
  const sides = new Sides({
    expected: new MysqlSide(listening, SHOP_TABLES),
    redis: redisWith(keys),
    prefix: '',
  });
  const signal = new AbortController().signal;
  const survey = new Survey(sides, {suspectsMax: 100, progress: () => undefined, signal, seed: 1});
  for (const stage of stages) {
    const steps = survey.steps(stage);
    while ((await steps.next()).done !== true);
  }
  return {ids, survey};
}

test('MySQL is asked only for keys of orders that the survey has not compared; a stray key is a suspect', async () => {
  const keys = ['order:1', 'order_lines:5', 'order:9', 'order_lines:8', 'order:007'];
  const {ids, survey} = await asked(['orders', 'keys'], keys);
  expect(ids).toEqual(['9', '8']);
  expect([...survey.suspects.keys()]).toEqual(
    expect.arrayContaining(['order 9', 'order 8', 'key order:007']),
  );
  expect(survey.looked).toMatchObject({orders: 5, keys: 5, foreignKeys: 0});
});

test('a survey that begins with the keys asks for all of them', async () => {
  const {ids, survey} = await asked(['keys'], ['order:1', 'order_lines:5', 'order:9']);
  expect(ids).toEqual(['1', '5', '9']);
  expect([...survey.suspects.keys()]).toEqual(['order 9']);
});

async function surveyed(keys: readonly string[], suspectsMax = 100): Promise<Survey> {
  const sides = new Sides({expected: new MysqlSide(mysql, SHOP_TABLES), redis: redisWith(keys), prefix: ''});
  const signal = new AbortController().signal;
  const survey = new Survey(sides, {suspectsMax, progress: () => undefined, signal, seed: 1});
  await survey.everything();
  return survey;
}

test('the survey suspects subjects that differ, subjects that MySQL does not have, and malformed keys', async () => {
  const survey = await surveyed([
    'order:1',
    'order:9',
    'order_lines:9',
    'order:x',
    'order:{x}',
    'product:7:sold',
    'session:1',
  ]);
  // MySQL has no product 5 (a member of report:products) and no product 7 (a counter).
  expect([...survey.suspects.keys()].sort()).toEqual(
    ['order 2', 'order 4', 'product 5', 'key order:x', 'key order:{x}', 'product 7', 'order 9'].sort(),
  );
  expect(survey.looked).toEqual({orders: 5, products: 0, users: 1, keys: 7, foreignKeys: 1});
  expect(survey.overflow).toBe(0);
});

test('at most the limit of suspects are remembered, and the others are counted (L10)', async () => {
  const survey = await surveyed(['order:9'], 2);
  expect([...survey.suspects.keys()]).toEqual(['order 2', 'order 4']);
  expect(survey.overflow).toBe(2);
});

test('a sample compares single orders', async () => {
  const expected = new MysqlSide(mysql, SHOP_TABLES);
  const sides = new Sides({expected, redis: redisWith([]), prefix: ''});
  const signal = new AbortController().signal;
  const survey = new Survey(sides, {suspectsMax: 9, progress: () => undefined, signal, seed: 1});
  await survey.sample(expected.sample([0, 0.99]));
  expect(survey.looked.orders).toBeGreaterThan(0);
  expect([...survey.suspects.values()].map(({kind}) => kind)).toEqual(['order', 'order']);
});
