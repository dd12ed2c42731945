/** Pages of orders from MySQL, with limits of orders and of line items. */
import {MysqlClient} from '../../src/clients/mysql.js';
import {readConfig, sourceSchema} from '../../src/config/readConfig.js';
import {readSourcePage, type SourceOrder, type SourcePage} from '../../src/upstream/sourceRows.js';
import {readSourceTables, type SourceTables} from '../../src/upstream/sourceTables.js';
import {createShopDatabase} from '../../stack/shopDatabase.js';
import {connectRoot} from '../support/shop.js';
import {testStack} from '../support/stack.js';

const database = `pages_${process.pid}_${Date.now().toString(36)}`;
let mysql: MysqlClient;
let tables: SourceTables;

beforeAll(async () => {
  const {host, port, user, password} = testStack().env.mysql;
  const root = await connectRoot();
  // The ids `b` and `B` are equal in this collation.
  const schema = `
    CREATE TABLE orders (id VARCHAR(10) PRIMARY KEY, user_id INT, total_amount DECIMAL(12,2) NOT NULL) COLLATE utf8mb4_general_ci;
    CREATE TABLE order_items (id INT PRIMARY KEY, order_id VARCHAR(10) NOT NULL, product_id INT, quantity INT NOT NULL, KEY (order_id))
      COLLATE utf8mb4_general_ci;
    INSERT INTO orders VALUES ('a', 1, 1), ('b', 1, 2), ('d', 2, 3), ('e', 2, 4), ('g', 3, 5)`;
  await createShopDatabase(root, {database, user, schema});
  // Orders have up to six line items. Those of c, f, h and B have no order.
  const counts = {a: 1, b: 3, B: 4, c: 6, d: 0, e: 2, f: 5, g: 1, h: 6};
  const rows = Object.entries(counts).flatMap(([orderId, count]) =>
    Array.from({length: count}, () => orderId),
  );
  await root.query(`USE ${database}; INSERT INTO order_items VALUES ?`, [
    rows.map((orderId, i) => [i + 1, orderId, 7, 1]),
  ]);
  await root.end();
  mysql = new MysqlClient({url: `mysql://${user}:${password}@${host}:${port}/${database}`});
  await mysql.connect();
  tables = await readSourceTables(mysql, sourceSchema(readConfig({}, [])));
});
afterAll(() => mysql.close());

async function pages(limits: {limit: number; itemsMax: number}): Promise<Record<string, SourceOrder>> {
  const all: Record<string, SourceOrder> = {};
  let after: string | null = null;
  do {
    const from: string | null = after;
    const page: SourcePage = await mysql.consistentSnapshot(
      async (ask) => await readSourcePage(ask, {after: from, ...limits}, tables),
    );
    for (const [id, {changes, fault}] of page.orders) {
      // No order is on two pages.
      expect(all[id]).toBeUndefined();
      all[id] = {changes, fault};
    }
    after = page.next;
  } while (after !== null);
  return all;
}

test.each([1, 2, 3, 100].flatMap((limit) => [1, 2, 4, 7, 1_000].map((itemsMax) => ({limit, itemsMax}))))(
  'pages of $limit orders and $itemsMax line items contain everything once (L10)',
  async (limits) => {
    const whole = await pages({limit: 1_000, itemsMax: 1_000});
    expect(Object.keys(whole).sort()).toEqual(['B', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
    expect(await pages(limits)).toEqual(whole);
  },
);
