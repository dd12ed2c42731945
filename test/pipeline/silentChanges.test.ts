/**
 * Changes of MySQL that have no row event, or have one that MySQL took back. Redis does not follow them, and no error shows it. The audit
 * finds and repairs each of them within one pass.
 */
import type {Redis} from 'ioredis';
import type {Connection} from 'mysql2/promise';
import {auditState, type AuditState} from '../../src/redis-model/audit.js';
import {WorkerProcess} from '../../stack/worker.js';
import {ForeignPipeline} from '../support/foreignPipeline.js';
import {produce, readTopic} from '../support/kafka.js';
import {useEmptyRedis} from '../support/emptyRedis.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {connectRoot, logsForeignKeyActions} from '../support/shop.js';
import {variables} from '../support/stack.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: silent changes. ${whyNot}\n`);

interface Silent {
  readonly name: string;
  /** Statements whose row events reach Redis. */
  readonly rows: string;
  /** What Redis does not follow. */
  readonly silent: (mysql: Connection, redis: Redis, topic: string) => Promise<void>;
  /** The orders that differ afterwards. */
  readonly orders: readonly number[];
  /** From MySQL 9.6 on, the actions of foreign keys write row events (upstream/foreignKeyChanges.ts). So nothing differs. */
  readonly isAction?: true;
}

const sql =
  (text: string): Silent['silent'] =>
  async (mysql) => {
    await mysql.query(text);
  };

/** An order with two line items. */
function order(id: number, user = 1): string {
  return (
    `INSERT INTO orders (id, user_id, total_amount, meta) VALUES (${id}, ${user}, 5.00, '{"a": "${'x'.repeat(200)}"}');` +
    `INSERT INTO order_items VALUES (${id * 10}, ${id}, 1, 2), (${id * 10 + 1}, ${id}, 2, 3);`
  );
}

const WITH_KEYS = `
  CREATE TABLE users (id INT PRIMARY KEY);
  CREATE TABLE products (id INT PRIMARY KEY);
  CREATE TABLE orders (id INT PRIMARY KEY, user_id INT NULL, total_amount DECIMAL(12,2) NOT NULL, meta JSON NULL,
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE ON UPDATE CASCADE);
  CREATE TABLE order_items (id INT PRIMARY KEY, order_id INT NOT NULL, product_id INT NULL, quantity INT NOT NULL,
    FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE ON UPDATE CASCADE,
    FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE SET NULL);
  INSERT INTO users VALUES (1), (2), (3), (4);
  INSERT INTO products VALUES (1), (2), (3)`;

const KEYED: readonly Silent[] = [
  {
    name: 'a user is deleted, and the orders go by ON DELETE CASCADE',
    isAction: true,
    orders: [1, 2],
    rows: order(1, 2) + order(2, 2),
    silent: sql('DELETE FROM users WHERE id = 2'),
  },
  {
    name: 'the id of a user changes by ON UPDATE CASCADE',
    isAction: true,
    orders: [3],
    rows: order(3, 3),
    silent: sql('UPDATE users SET id = 33 WHERE id = 3'),
  },
  {
    name: 'the id of an order changes, and that of its items by ON UPDATE CASCADE',
    isAction: true,
    orders: [900],
    rows: order(5),
    silent: sql('UPDATE orders SET id = 900 WHERE id = 5'),
  },
  {
    name: 'a product is deleted, and the line items get NULL by ON DELETE SET NULL',
    isAction: true,
    orders: [6],
    rows: `${order(6)} INSERT INTO order_items VALUES (69, 6, 3, 7)`,
    silent: sql('DELETE FROM products WHERE id = 3'),
  },
  {
    name: 'REPLACE with foreign_key_checks=0 keeps the line items, as mysqldump --replace does',
    orders: [7],
    rows: order(7),
    silent: sql(
      'SET SESSION foreign_key_checks = 0; REPLACE INTO orders (id, user_id, total_amount) VALUES (7, 1, 6.00)',
    ),
  },
  {
    name: 'a prepared XA transaction is rolled back',
    orders: [9],
    rows: order(8),
    silent: async (mysql, redis) => {
      await mysql.query(`XA START 'x'; ${order(9)} XA END 'x'; XA PREPARE 'x'`);
      await until(
        async () => (await redis.exists('keyed:order:9')) === 1,
        () => 'the prepared order',
      );
      await mysql.query(`XA ROLLBACK 'x'`);
    },
  },
  {
    name: 'a session writes statements instead of row events',
    orders: [10],
    rows: order(10),
    silent: sql(
      `SET SESSION binlog_format = 'STATEMENT'; UPDATE orders SET total_amount = 8.25 WHERE id = 10; DELETE FROM order_items WHERE id = 100`,
    ),
  },
  {
    name: 'a session writes parts of JSON values',
    orders: [11],
    rows: order(11),
    silent: sql(
      `SET SESSION binlog_row_value_options = 'PARTIAL_JSON'; UPDATE orders SET meta = JSON_SET(meta, '$.a', 'y'), total_amount = 7.77 WHERE id = 11`,
    ),
  },
  {
    name: 'a session writes nothing to the binlog, as after a restore from a backup',
    orders: [12, 13, 14],
    rows: order(12) + order(13),
    silent: sql(
      `SET SESSION sql_log_bin = 0; DELETE FROM orders WHERE id = 12; UPDATE orders SET user_id = 4 WHERE id = 13; ${order(14)}`,
    ),
  },
  {
    name: 'a connector that was frozen writes an old record again',
    orders: [18],
    rows: `${order(18)} UPDATE orders SET total_amount = 6.50 WHERE id = 18`,
    silent: async (_, redis, topic) => {
      const old = (await readTopic(topic)).find(({key, value}) => key?.toString() === '18' && value !== null);
      if (old === undefined) throw new Error('the topic has no record of the order');
      await produce(topic, [{key: old.key, value: old.value, partition: old.partition}]);
      await until(
        async () => (await redis.hget('keyed:order:18', 'total_amount')) === '5.00',
        () => 'the old row in Redis',
      );
    },
  },
  {
    name: 'a column gets a type that rounds its values',
    orders: [15],
    rows: `${order(15)} UPDATE orders SET total_amount = 7.77 WHERE id = 15`,
    silent: sql('ALTER TABLE orders MODIFY total_amount DECIMAL(12,1) NOT NULL'),
  },
];

const RESTORED: readonly Silent[] = [
  {
    name: 'both tables are dropped and restored from a dump with fewer rows',
    orders: [16],
    rows: order(16),
    silent: sql(
      `CREATE TABLE keep_orders LIKE orders; CREATE TABLE keep_items LIKE order_items;
       DROP TABLE order_items; DROP TABLE orders;
       CREATE TABLE orders LIKE keep_orders; CREATE TABLE order_items LIKE keep_items;
       DROP TABLE keep_orders, keep_items; ${order(17)}`,
    ),
  },
];

const PARTITIONED_TABLES = `
  CREATE TABLE orders (id INT PRIMARY KEY, user_id INT NULL, total_amount DECIMAL(12,2) NOT NULL, meta JSON NULL)
    PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (20),
      PARTITION p2 VALUES LESS THAN (30), PARTITION p3 VALUES LESS THAN MAXVALUE);
  CREATE TABLE order_items (id INT PRIMARY KEY, order_id INT NOT NULL, product_id INT NULL, quantity INT NOT NULL, KEY (order_id))`;

const PARTITIONED: readonly Silent[] = [
  {
    name: 'a partition is dropped',
    orders: [1],
    rows: order(1) + order(11) + order(21) + order(31),
    silent: sql('ALTER TABLE orders DROP PARTITION p0'),
  },
  {
    name: 'a partition is truncated',
    orders: [11],
    rows: '',
    silent: sql('ALTER TABLE orders TRUNCATE PARTITION p1'),
  },
  {
    name: 'a partition is exchanged with a table',
    orders: [21, 22],
    rows: '',
    silent: sql(
      `CREATE TABLE other LIKE orders; ALTER TABLE other REMOVE PARTITIONING; INSERT INTO other VALUES (22, 1, 3.50, NULL);
       ALTER TABLE orders EXCHANGE PARTITION p2 WITH TABLE other`,
    ),
  },
];

(whyNot === undefined ? describe : describe.skip)('changes without a row event', () => {
  const own = useEmptyRedis();

  describe.each([
    {tables: 'keyed', schema: WITH_KEYS, rounds: [KEYED, RESTORED]},
    {tables: 'partitioned', schema: PARTITIONED_TABLES, rounds: [PARTITIONED]},
  ])('$tables tables', ({tables, schema, rounds}) => {
    let shop: ForeignPipeline;
    let areActionsLogged = false;

    beforeAll(async () => {
      areActionsLogged = await logsForeignKeyActions();
      shop = await ForeignPipeline.open({name: tables, schema, settings: {}, redisUrl: own.url});
    });
    afterAll(async () => {
      await shop.close();
    });

    describe.each(rounds.map((cases, index) => ({round: index + 1, cases})))('round $round', ({cases}) => {
      let audit: WorkerProcess;

      beforeAll(async () => {
        const [database = '', topic = ''] = [shop.settings['SOURCE_DATABASE'], shop.settings['KAFKA_TOPIC']];
        // Each case has a session of its own, because it changes the variables of its session.
        const inSession = async (work: (mysql: Connection) => Promise<unknown>): Promise<void> => {
          const mysql = await connectRoot();
          try {
            await mysql.query(`USE ${database}`);
            await work(mysql);
          } finally {
            await mysql.end();
          }
        };
        for (const {rows} of cases)
          if (rows !== '') await inSession(async (mysql) => await mysql.query(rows));
        await shop.run('verify', '--wait', '60');
        for (const {silent} of cases) await inSession(async (mysql) => await silent(mysql, own.redis, topic));
        audit = new WorkerProcess({...variables(), ...shop.settings}, [
          ...['audit', '--once', '--repair', '--rows-per-second', '0'],
        ]);
        expect(await audit.exited).toEqual({code: 0, signal: null});
      }, 180_000);

      test.each(cases)('$name (F88) (G8)', ({orders, isAction}) => {
        const keysOf = (what: string): unknown[] =>
          audit.log.filter(({msg}) => msg === what).map(({key}) => key);
        const isSilent = isAction !== true || !areActionsLogged;
        for (const id of orders) {
          const keys = [`${shop.prefix}order:${id}`, `${shop.prefix}order_lines:${id}`];
          for (const what of ['difference found', 'difference repaired'])
            expect(keysOf(what).some((key) => keys.includes(String(key)))).toBe(isSilent);
        }
      });

      test('one pass has repaired everything, without a restart of the worker (G8)', async () => {
        const {last} = auditState(await own.redis.hgetall(`${shop.prefix}projector:audit`));
        expect(last).toMatchObject({repaired: last?.differences, open: 0, unchecked: 0});
        expect(shop.worker.isRunning).toBe(true);
        await shop.run('verify', '--wait', '60');
      });
    });
  });

  test.each([
    {
      layout: 'single',
      name: 'service',
      shared: 'service:',
      statements: ['ALTER TABLE orders DROP PARTITION p0', 'TRUNCATE TABLE orders'],
    },
    {layout: 'partitioned', name: 'served', shared: '{served}:', statements: ['TRUNCATE TABLE orders']},
  ])(
    'a running audit answers a schema change at once, and a TRUNCATE halts no worker, with $layout (F62) (G8)',
    async ({layout, name, shared, statements}) => {
      const settings = {PROJECTOR_LOG_LEVEL: 'warn', REDIS_LAYOUT: layout};
      const shop = await ForeignPipeline.open({
        name,
        schema: PARTITIONED_TABLES,
        settings,
        redisUrl: own.url,
      });
      const mysql = await connectRoot();
      const audit = new WorkerProcess({...variables(), ...shop.settings}, [
        'audit',
        '--repair',
        '--every',
        '1h',
      ]);
      const state = async (): Promise<AuditState> =>
        auditState(await own.redis.hgetall(`${shared}projector:audit`));
      try {
        await mysql.query(`USE ${shop.settings['SOURCE_DATABASE'] ?? ''}`);
        await mysql.query(order(1) + order(11) + order(21));
        await until(
          async () => (await state()).last !== null,
          () => `the first pass: ${audit.output.slice(-1_000)}`,
        );
        await shop.run('verify', '--wait', '60');
        for (const statement of statements) {
          await mysql.query(statement);
          const kind = statement.split(' ', 2).join(' ');
          await until(
            async () => (await state()).answered.startsWith(kind),
            () => `an answer to ${kind}: ${audit.output.slice(-1_000)} ${shop.worker.output.slice(-1_000)}`,
            60_000,
          );
          expect((await state()).last?.differences).toBeGreaterThan(0);
          // With the layout `partitioned`, the next pass repairs the sums of the orders that this one has repaired.
          if (layout === 'partitioned')
            await until(
              async () => (await state()).last?.open === 0,
              () => `the sums: ${audit.output.slice(-1_000)}`,
              120_000,
            );
          await shop.run('verify', '--wait', '60');
        }
        expect(await own.redis.hget(`${shared}report:totals`, 'orders')).toBe('0');
        expect(shop.worker.isRunning).toBe(true);
      } finally {
        await audit.end('SIGTERM');
        await mysql.end();
        await shop.close();
      }
    },
    180_000,
  );
});
