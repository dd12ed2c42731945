/**
 * Changes of the tables while the pipeline runs. After each of them Redis equals MySQL, and at the end a rebuild from the first record and a
 * sync give the same. Each statement requests an audit, and none of its records is quarantined. Statements that remove rows come last,
 * because only an audit or a sync can make Redis equal to MySQL after them.
 */
import {Redis} from 'ioredis';
import {ForeignPipeline} from '../support/foreignPipeline.js';
import {withAdmin} from '../support/kafka.js';
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
    expect(await redis.exists(`${shop.prefix}projector:quarantine`)).toBe(0);
  }

  async function requested(): Promise<string> {
    return (await redis.hget(`${shop.prefix}projector:audit`, 'requested')) ?? '';
  }

  /** Waits until the newest request is for this statement. Resolves with its text. */
  async function expectRequest(statement: string, before = ''): Promise<string> {
    const topic = shop.settings['KAFKA_TOPIC'] ?? '';
    const found = await until(
      async () => {
        const text = await requested();
        return text.startsWith(`${statement} at ${topic}[`) && text !== before ? text : undefined;
      },
      () =>
        `an audit to be requested for ${statement}. The end of the output: ${shop.worker.output.slice(-1_500)}`,
      60_000,
    );
    expect(found.slice(statement.length + 4 + topic.length)).toMatch(/^\[\d\] offset \d+$/);
    return found;
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
    await expectRequest('ALTER TABLE');
    expect(shop.worker.output).toContain(
      'schema changed: ALTER TABLE of order_items; an audit was requested',
    );
    // Without the router, the schema changes would have a topic of their own.
    const topics = await withAdmin(async (admin) => await admin.listTopics());
    expect(topics).not.toContain(shop.settings['SOURCE_DATABASE']);
    // The text of a statement can contain values (I11).
    expect(shop.worker.output).not.toContain('26:30');
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
      const requestedBefore = await requested();
      for (const step of steps) {
        await sql(step);
        await restartConnector();
        // gh-ost writes the changes of this moment to the new table, too. Here there are none until the swap.
        if (step.startsWith('RENAME') || before.includes(step) || after.includes(step))
          await business('customer_id', 'qty');
      }
      await business('customer_id', 'qty');
      await expectExact();
      await expectRequest('RENAME TABLE', requestedBefore);
      expect(shop.worker.isRunning).toBe(true);
    },
    240_000,
  );

  test('a rebuild from the first record and a sync give the same (I7, I9)', async () => {
    await shop.run('rebuild');
    await expectExact();
    await shop.run('sync', '--replace');
    await expectExact();
  }, 120_000);

  test('a partition is dropped, and a table is created again: each requests an audit', async () => {
    const items =
      'CREATE TABLE order_items (id INT PRIMARY KEY, order_id BIGINT NOT NULL, product_id INT NOT NULL, qty INT NOT NULL)';
    let before = await requested();
    await sql(
      'ALTER TABLE order_items PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (30), PARTITION p1 VALUES LESS THAN MAXVALUE)',
    );
    before = await expectRequest('ALTER TABLE', before);
    await sql('ALTER TABLE order_items DROP PARTITION p0');
    await expectRequest('ALTER TABLE', before);
    await sql('RENAME TABLE order_items TO order_items_old');
    await sql(items);
    await expectRequest('CREATE TABLE');
    await sql('DROP TABLE order_items');
    await expectRequest('DROP TABLE');
    await sql(items);
    await expectRequest('CREATE TABLE');
    await business('customer_id', 'qty');
    await shop.run('sync', '--replace');
    await expectExact();
  }, 120_000);

  test('a TRUNCATE is applied while an audit repairs; a rebuild needs that audit too (F62)', async () => {
    const lease = `${shop.prefix}projector:audit-lease`;
    await redis.set(lease, '3f1c audit-repair on host-1, process 7', 'EX', 600);
    await sql('TRUNCATE TABLE order_items');
    await expectRequest('TRUNCATE TABLE');
    await business('customer_id', 'qty');
    await until(
      async () => (await redis.exists(`${shop.prefix}order:${id}`)) === 1,
      () => `order ${id} in Redis`,
    );
    await shop.run('rebuild');
    // The rebuild wrote its own request. Its database has no lease, because the audit that would renew it is not running.
    await expectRequest('TRUNCATE TABLE');
    await expect(redis.exists(lease)).resolves.toBe(0);
    await expect(shop.run('rebuild')).rejects.toThrow(/order_items was truncated, and no/);
    await shop.run('sync', '--replace', '--restart');
    await expectExact();
  }, 120_000);
});
