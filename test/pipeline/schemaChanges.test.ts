/**
 * Changes of the tables while the pipeline runs. After each of them Redis equals MySQL, and at the end a rebuild from the first record and a
 * sync give the same.
 */
import {Redis} from 'ioredis';
import {ForeignPipeline} from '../support/foreignPipeline.js';
import {OwnRedis, whyNoOwnRedis} from '../support/redisServer.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: schemaChanges. ${whyNot}\n`);

const SCHEMA = `
  CREATE TABLE orders (id INT PRIMARY KEY, user_id INT NOT NULL, total_amount DECIMAL(12,2) NOT NULL, status VARCHAR(20) NULL);
  CREATE TABLE order_items (id INT PRIMARY KEY, order_id INT NOT NULL, product_id INT NOT NULL, quantity SMALLINT NOT NULL, KEY (order_id))`;

const SETTINGS = {
  ORDER_USER_ID_COLUMN: 'customer_id,user_id',
  ORDER_ITEM_QUANTITY_COLUMN: 'qty,quantity',
  ORDER_EXTRA_COLUMNS: 'status,note',
};

(whyNot === undefined ? describe : describe.skip)('changes of the tables', () => {
  let own: OwnRedis;
  let redis: Redis;
  let shop: ForeignPipeline;
  let id = 0;

  beforeAll(async () => {
    own = await OwnRedis.open();
    redis = new Redis(own.url);
    shop = await ForeignPipeline.open({name: 'ddl', schema: SCHEMA, settings: SETTINGS, redisUrl: own.url});
  });
  afterAll(async () => {
    await shop.close();
    redis.disconnect();
    await own.close();
  });

  async function sql(text: string): Promise<void> {
    await shop.root.query(text);
  }

  /** Inserts an order with a line item, and changes and deletes earlier ones. */
  async function business(user: string, quantity: string): Promise<void> {
    id += 10;
    await sql(
      `INSERT INTO orders (id, ${user}, total_amount, status) VALUES (${id}, 7, 12.50, 'new'), (${id + 1}, 8, 3, NULL)`,
    );
    await sql(
      `INSERT INTO order_items (id, order_id, product_id, ${quantity}) VALUES (${id}, ${id}, 5, 2), (${id + 1}, ${id + 1}, 6, 1)`,
    );
    await sql(`UPDATE orders SET total_amount = total_amount + 1 WHERE id > ${id - 20}`);
    await sql(`UPDATE order_items SET ${quantity} = ${quantity} + 1 WHERE id = ${id - 10}`);
    await sql(`DELETE FROM order_items WHERE order_id = ${id - 9}; DELETE FROM orders WHERE id = ${id - 9}`);
  }

  /** The connector reads the history of the tables again. */
  async function restartConnector(): Promise<void> {
    const url = `${testStack().env.connect.url}/connectors/${shop.settings['SOURCE_DATABASE'] ?? ''}-orders`;
    await fetch(`${url}/restart?includeTasks=true`, {method: 'POST'});
    await until(
      async () => {
        const {tasks} = (await (await fetch(`${url}/status`)).json()) as {tasks: {state: string}[]};
        return tasks.length > 0 && tasks.every(({state}) => state === 'RUNNING');
      },
      () => 'the connector to run again',
      60_000,
    );
  }

  async function expectExact(): Promise<void> {
    // The comparison would not wait for a connector that is still starting.
    await until(
      async () => (await redis.exists(`${shop.prefix}order:${id}`)) === 1,
      () => `order ${id} in Redis. The end of the worker's output: ${shop.worker.output.slice(-1_500)}`,
      60_000,
    );
    await shop.run('verify', '--wait', '30');
  }

  test('a column is renamed, widened, added and dropped, and its scale changes (F54)', async () => {
    await business('user_id', 'quantity');
    // The snapshot of a connector fails if a table changes while it is read.
    await expectExact();
    await sql('ALTER TABLE orders RENAME COLUMN user_id TO customer_id');
    await business('customer_id', 'quantity');
    await sql('ALTER TABLE order_items RENAME COLUMN quantity TO qty');
    await business('customer_id', 'qty');
    await expectExact();
    await sql('ALTER TABLE orders MODIFY total_amount DECIMAL(14,4) NOT NULL');
    await business('customer_id', 'qty');
    await restartConnector();
    await business('customer_id', 'qty');
    await expectExact();
    await sql('ALTER TABLE orders MODIFY id BIGINT NOT NULL, MODIFY customer_id BIGINT NULL');
    await sql('ALTER TABLE order_items MODIFY order_id BIGINT NOT NULL, MODIFY qty INT NOT NULL');
    await business('customer_id', 'qty');
    await sql(
      "ALTER TABLE orders ADD COLUMN note VARCHAR(20) NULL, ADD COLUMN other TIME NOT NULL DEFAULT '26:30:00'",
    );
    await business('customer_id', 'qty');
    await sql("UPDATE orders SET note = 'gift' WHERE id > 40");
    await expectExact();
    await sql('ALTER TABLE orders DROP COLUMN other, DROP COLUMN note');
    await business('customer_id', 'qty');
    // The rows keep the value that their last event had. MySQL has none any more.
    await sql('UPDATE orders SET total_amount = total_amount + 1');
    await expectExact();
  }, 120_000);

  test.each([
    [
      'gh-ost, which reads the binlog',
      {
        before: [],
        after: [],
        copied:
          "INSERT INTO _orders_new (id, customer_id, total_amount, status) VALUES (90001, 7, 1, 'new') ON DUPLICATE KEY UPDATE status = 'new'",
      },
    ],
    [
      'pt-online-schema-change, which uses triggers',
      {
        before: [
          'CREATE TRIGGER pt_del AFTER DELETE ON orders FOR EACH ROW DELETE IGNORE FROM _orders_new WHERE id = OLD.id',
          'CREATE TRIGGER pt_upd AFTER UPDATE ON orders FOR EACH ROW REPLACE INTO _orders_new (id, customer_id, total_amount, status) VALUES (NEW.id, NEW.customer_id, NEW.total_amount, NEW.status)',
          'CREATE TRIGGER pt_ins AFTER INSERT ON orders FOR EACH ROW REPLACE INTO _orders_new (id, customer_id, total_amount, status) VALUES (NEW.id, NEW.customer_id, NEW.total_amount, NEW.status)',
        ],
        after: [
          'DROP TRIGGER IF EXISTS pt_del',
          'DROP TRIGGER IF EXISTS pt_upd',
          'DROP TRIGGER IF EXISTS pt_ins',
        ],
        copied: '',
      },
    ],
  ])(
    'a table is replaced as by %s, with the connector restarted between every two steps',
    async (_name, {before, after, copied}) => {
      const steps = [
        'CREATE TABLE _orders_new LIKE orders',
        'ALTER TABLE _orders_new MODIFY status VARCHAR(40) NULL, MODIFY total_amount DECIMAL(16,6) NOT NULL',
        ...before,
        'INSERT IGNORE INTO _orders_new (id, customer_id, total_amount, status) SELECT id, customer_id, total_amount, status FROM orders',
        ...(copied === '' ? [] : [copied, 'DELETE FROM _orders_new WHERE id = 90001']),
        'RENAME TABLE orders TO _orders_old, _orders_new TO orders',
        ...after,
        'DROP TABLE _orders_old',
      ];
      for (const step of steps) {
        await sql(step);
        await restartConnector();
        // gh-ost writes the changes of this moment to the new table, too. Here there are none until the swap.
        if (step.startsWith('RENAME') || before.includes(step) || after.includes(step))
          await business('customer_id', 'qty');
      }
      await business('customer_id', 'qty');
      await expectExact();
    },
    240_000,
  );

  test('a rebuild from the first record and a sync give the same (I7, I9)', async () => {
    await shop.run('rebuild');
    await expectExact();
    await shop.run('sync', '--replace');
    await expectExact();
  }, 120_000);
});
