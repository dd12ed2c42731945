/**
 * What remains of an order after its row was deleted, on tables with and without a cascading foreign key, through the whole pipeline
 * (ORDER_ITEMS_ON_ORDER_DELETE).
 */
import {ForeignPipeline} from '../support/foreignPipeline.js';
import {readTopic} from '../support/kafka.js';
import {projector} from '../support/projector.js';
import {chosenSeed} from '../support/random.js';
import {useEmptyRedis} from '../support/emptyRedis.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {inTier} from '../support/tier.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: orderDeletes. ${whyNot}\n`);
const seed = chosenSeed();
const STEPS = inTier({test: 100, soak: 3_000});

const ORDERS =
  'CREATE TABLE orders (id BIGINT PRIMARY KEY, number VARCHAR(20) NOT NULL UNIQUE, user_id BIGINT NULL, total_amount DECIMAL(12,2) NOT NULL)';
const items = (reference: string): string =>
  `CREATE TABLE order_items (id BIGINT PRIMARY KEY, order_id BIGINT NOT NULL, product_id BIGINT NOT NULL, quantity INT NOT NULL, KEY (order_id)${reference})`;
const FOREIGN_KEY = ', FOREIGN KEY (order_id) REFERENCES orders (id)';
const WITHOUT = `${ORDERS}; ${items('')}`;
const RESTRICTED = `${ORDERS}; ${items(FOREIGN_KEY)}`;
const CASCADING = `${ORDERS}; ${items(`${FOREIGN_KEY} ON DELETE CASCADE`)}`;
const NULLING = `${ORDERS}; ${items(`${FOREIGN_KEY} ON DELETE SET NULL`).replace('order_id BIGINT NOT NULL', 'order_id BIGINT NULL')}`;

const ROWS = `
  INSERT INTO orders VALUES (1, 'A', 7, 10.00), (2, 'B', 8, 5.00);
  INSERT INTO order_items VALUES (11, 1, 10, 2), (12, 1, 15, 3), (13, 2, 10, 4)`;
const STORED = '11:10:2;12:15:3';
const SHOWN = {items_count: '2', items: 'product_id:10,quantity:2;product_id:15,quantity:3'};
const KEEP = {ORDER_ITEMS_ON_ORDER_DELETE: 'keep'};

(whyNot === undefined ? describe : describe.skip)('the delete of an order row', () => {
  const own = useEmptyRedis();
  let shop: ForeignPipeline;

  beforeEach(async () => await own.redis.flushall());
  afterEach(async () => await shop.close());

  const open = async (
    name: string,
    schema: string,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<ForeignPipeline> => await ForeignPipeline.open({name, schema, settings, redisUrl: own.url});
  const key = (name: string): string => shop.prefix + name;
  const hash = async (name: string): Promise<Record<string, string>> => await own.redis.hgetall(key(name));
  const stored = async (id: string): Promise<string | null> => await own.redis.get(key(`order_lines:${id}`));
  const agrees = async (): Promise<void> => await shop.run('verify', '--wait', '30');

  /** The data of the read model, without its internal keys. */
  async function content(): Promise<Record<string, unknown>> {
    const names = (await own.redis.keys(key('*')))
      .filter((name) => !name.startsWith(key('projector:')))
      .sort();
    const read = async (name: string): Promise<unknown> => {
      const type = await own.redis.type(name);
      if (type === 'string') return await own.redis.get(name);
      return type === 'hash'
        ? await own.redis.hgetall(name)
        : await own.redis.zrange(name, '0', '-1', 'WITHSCORES');
    };
    return Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await read(name)] as const)),
    );
  }

  /** The operations on order 1 that the topic contains, in their order. */
  async function eventsOfOrder1(): Promise<string[]> {
    const records = await readTopic(shop.settings['KAFKA_TOPIC'] ?? '');
    return records.flatMap(({key: id, value}) => {
      if (id?.toString() !== '1' || value === null) return [];
      const {op, source} = JSON.parse(value.toString()) as {op: string; source: {table: string}};
      return source.table === 'orders' ? [op] : [];
    });
  }

  test.each([
    ['without a foreign key', 'bare', WITHOUT],
    ['whose foreign key does not cascade', 'restricted', RESTRICTED],
  ])(
    `keep, tables %s: the line items stay stored until they are deleted, and count again with the order (I16, S4) (F74b), seed ${seed}`,
    async (_kind, name, schema) => {
      shop = await open(name, schema, KEEP);
      const sql = async (text: string): Promise<void> => {
        await shop.root.query(`SET SESSION foreign_key_checks = 0; ${text}`);
      };
      await sql(ROWS);
      await agrees();
      expect(await hash('order:1')).toMatchObject({total_amount: '10.00', ...SHOWN});

      await sql("REPLACE INTO orders VALUES (1, 'A', 7, 12.00)");
      await agrees();
      // MySQL writes the REPLACE as a delete and an insert.
      expect((await eventsOfOrder1()).slice(1)).toEqual(['d', 'c']);
      expect(await hash('order:1')).toMatchObject({total_amount: '12.00', ...SHOWN});
      expect(await hash('report:totals')).toEqual({orders: '2', units: '9', revenue: '1700'});

      await sql('DELETE FROM orders WHERE id = 1');
      await agrees();
      expect([await hash('order:1'), await stored('1')]).toEqual([{}, STORED]);
      expect(await hash('report:totals')).toEqual({orders: '1', units: '4', revenue: '500'});
      expect(await own.redis.get(key('product:15:sold'))).toBe('0');
      const without = await content();
      await shop.run('rebuild');
      expect(await content()).toEqual(without);
      await shop.run('verify', '--against', 'topic');
      await shop.run('sync', '--replace');
      expect(await content()).toEqual(without);

      // A repair writes the line items of an order that has no row.
      await own.redis.set(key('order_lines:1'), '11:10:2;99:15:3');
      await own.redis.hset(key('order:1'), {
        id: '1',
        user_id: '7',
        total_amount: '1.00',
        items_count: '0',
        items: '',
      });
      await shop.run('verify', '--repair', '--wait', '30');
      expect([await hash('order:1'), await stored('1')]).toEqual([{}, STORED]);

      await sql("INSERT INTO orders VALUES (1, 'C', 9, 3.00)");
      await agrees();
      expect(await hash('order:1')).toMatchObject({user_id: '9', total_amount: '3.00', ...SHOWN});
      expect(await hash('report:totals')).toEqual({orders: '2', units: '9', revenue: '800'});
      const again = await content();
      await shop.run('rebuild');
      expect(await content()).toEqual(again);

      await sql('DELETE FROM orders WHERE id = 1; DELETE FROM order_items WHERE order_id = 1');
      await agrees();
      expect([await hash('order:1'), await stored('1')]).toEqual([{}, null]);

      // The random business deletes orders with and without their line items, and places orders under these ids again.
      await shop.root.query('SET SESSION foreign_key_checks = 1');
      expect(await shop.trade(STEPS, seed)).toBeGreaterThan(STEPS / 3);
      await shop.run('verify', '--wait', '60');
      const traded = await content();
      await shop.run('rebuild');
      expect(await content()).toEqual(traded);
    },
    180_000,
  );

  test.each([
    ['cascades', 'cascading', CASCADING],
    ['sets the order id to NULL', 'nulling', NULLING],
  ])(
    'cascade, tables whose foreign key %s: the line items go with their order, and do not come back (S4)',
    async (_kind, name, schema) => {
      shop = await open(name, schema);
      await shop.root.query(ROWS);
      await agrees();
      await shop.root.query("REPLACE INTO orders VALUES (1, 'A', 7, 12.00)");
      await agrees();
      expect((await eventsOfOrder1()).slice(1)).toEqual(['d', 'c']);
      expect([await hash('order:1'), await stored('1')]).toEqual([
        {id: '1', user_id: '7', total_amount: '12.00', items_count: '0', items: ''},
        null,
      ]);
      await shop.root.query('DELETE FROM orders WHERE id = 2');
      await agrees();
      expect([await hash('order:2'), await stored('2')]).toEqual([{}, null]);
      const deleted = await content();
      await shop.run('rebuild');
      expect(await content()).toEqual(deleted);
    },
    120_000,
  );

  test('cascade, tables without a foreign key: verify finds the lost line items, and a rebuild with keep brings them back (I13)', async () => {
    shop = await open('changed', WITHOUT);
    await shop.root.query(ROWS);
    await agrees();
    await shop.root.query("REPLACE INTO orders VALUES (1, 'A', 7, 12.00)");
    await until(
      async () => (await hash('order:1'))['total_amount'] === '12.00',
      () => 'the new amount of order 1',
    );
    expect(await hash('order:1')).toMatchObject({items_count: '0'});
    const {status, stdout} = await projector(['verify', '--wait', '10'], shop.settings);
    expect([status, stdout]).toEqual([3, expect.stringContaining('order:1')]);

    await shop.restart('SIGTERM', KEEP);
    await until(
      () => !shop.worker.isRunning,
      () => 'the halt of the worker',
    );
    expect(shop.worker.output).toMatch(/layout-changed.*items-on-order-delete is \\"keep\\", and was \\"\\"/);
    await shop.run('rebuild');
    await shop.restart('SIGTERM');
    await agrees();
    expect(await hash('order:1')).toMatchObject({total_amount: '12.00', ...SHOWN});
  }, 120_000);
});
